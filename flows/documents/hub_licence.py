"""The Hub's own licence ids, and what a dataset card states where there is none."""

from __future__ import annotations

from medloom.schemas.licence import LicenceError, known, licence_ids

# docs/hub/repositories-licenses.md of huggingface/hub-docs: ids that name one licence in one version.
_HUB = {
    "apache-2.0", "mit", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
    "c-uda", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0",
    "cdla-permissive-2.0", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "isc", "lppl-1.3c", "ms-pl",
    "mpl-2.0", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib",
}  # fmt: skip
_RENAMED = {
    "odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl",
    "gpl-2.0-only": "gpl-2.0", "gpl-2.0-or-later": "gpl-2.0", "gpl-3.0-only": "gpl-3.0", "gpl-3.0-or-later": "gpl-3.0",
    "agpl-3.0-only": "agpl-3.0", "agpl-3.0-or-later": "agpl-3.0",
}  # fmt: skip


def hub_licence(licence: str) -> dict[str, str]:
    """`license` of a card's header for an SPDX expression; with `license_name` and `license_link` where it is other."""
    folded = licence.casefold()
    named = _RENAMED.get(folded, folded)
    if named in _HUB or named in _RENAMED.values():
        return {"license": named}
    header = {"license": "other", "license_name": "-".join(folded.split())}
    address = licence_url(licence)
    return header | ({"license_link": address} if address else {})


def licence_url(licence: str) -> str:
    """Where the text of the licence stands; empty for an expression of several, or one that nobody publishes."""
    try:
        ids = licence_ids(licence)
    except LicenceError:
        return ""
    row = known(ids[0]) if len(ids) == 1 else None
    return row.url if row is not None else ""
