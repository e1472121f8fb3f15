"""What the licences of datasets ask for, as data: one row per SPDX id or LicenseRef."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTERNAL = "LicenseRef-Internal-Use"
"""Stands above every licence: what never leaves the house owes nobody a licence. Release it to `private` only."""


@dataclass(frozen=True)
class Licence:
    """One licence and what it asks of whoever passes the data on.

    `attribution`: name the author and the changes. `notice`: its text or a link travels along. `share_alike`: what is
    made from it stays under one of `heirs` (the licence itself and those that it names as its equals).
    `redistribute` is False where data may not be passed on at all.
    """

    id: str
    name: str
    url: str
    attribution: bool = False
    notice: bool = False
    share_alike: bool = False
    non_commercial: bool = False
    no_derivatives: bool = False
    adaptable: bool = False
    """No derivatives may be shared, but they may be made: CC BY-ND 4.0 and CC BY-NC-ND 4.0 §2(a)(1)(B)."""
    redistribute: bool = True
    heirs: tuple[str, ...] = ()


def _spdx(key: str, name: str, attribution: bool = False, notice: bool = False) -> Licence:
    return Licence(key, name, f"https://spdx.org/licenses/{key}.html", attribution, notice)


_FREE = [
    _spdx("CC0-1.0", "CC0 1.0 Universal"),
    _spdx("PDDL-1.0", "Open Data Commons Public Domain Dedication and License 1.0"),
    _spdx("CC-PDDC", "Creative Commons Public Domain Dedication and Certification"),
    _spdx("CC-PDM-1.0", "Creative Commons Public Domain Mark 1.0"),
    _spdx("Unlicense", "The Unlicense"),
    _spdx("0BSD", "BSD Zero Clause License"),
    _spdx("MIT-0", "MIT No Attribution"),
    _spdx("DL-DE-ZERO-2.0", "Data licence Germany, zero, version 2.0"),
    Licence("LicenseRef-Public-Domain", "Public domain, as the source states", ""),
]
_PERMISSIVE = [
    _spdx("MIT", "MIT License", notice=True),
    _spdx("MIT-CMU", "CMU License", notice=True),
    _spdx("HPND", "Historical Permission Notice and Disclaimer", notice=True),
    _spdx("ISC", "ISC License", notice=True),
    _spdx("BSD-2-Clause", 'BSD 2-Clause "Simplified" License', notice=True),
    _spdx("BSD-3-Clause", 'BSD 3-Clause "New" or "Revised" License', notice=True),
    _spdx("Apache-2.0", "Apache License 2.0", notice=True),
    _spdx("CDLA-Permissive-2.0", "Community Data License Agreement, Permissive, version 2.0", notice=True),
    _spdx("O-UDA-1.0", "Open Use of Data Agreement 1.0", notice=True),
    _spdx("CDLA-Permissive-1.0", "Community Data License Agreement, Permissive, 1.0", attribution=True, notice=True),
    _spdx("ODC-By-1.0", "Open Data Commons Attribution License 1.0", attribution=True, notice=True),
    _spdx("OGL-UK-3.0", "Open Government Licence 3.0", attribution=True, notice=True),
    _spdx("etalab-2.0", "Etalab Open License 2.0", attribution=True, notice=True),
    _spdx("DL-DE-BY-2.0", "Data licence Germany, attribution, version 2.0", attribution=True, notice=True),
]
_COPYLEFT = {
    "ODbL-1.0": ("Open Data Commons Open Database License 1.0", ()),
    "CDLA-Sharing-1.0": ("Community Data License Agreement, Sharing, version 1.0", ()),
    "GPL-2.0-only": ("GNU General Public License 2.0", ()),
    "GPL-2.0-or-later": (
        "GNU General Public License 2.0 or later",
        ("GPL-2.0-only", "GPL-3.0-only", "GPL-3.0-or-later"),
    ),
    "GPL-3.0-only": ("GNU General Public License 3.0", ()),
    "GPL-3.0-or-later": ("GNU General Public License 3.0 or later", ("GPL-3.0-only",)),
    "AGPL-3.0-only": ("GNU Affero General Public License 3.0", ()),
    "AGPL-3.0-or-later": ("GNU Affero General Public License 3.0 or later", ("AGPL-3.0-only",)),
}
_RESTRICTED = {
    "LicenseRef-PhysioNet-Credentialed-1.5.0": "PhysioNet Credentialed Health Data License 1.5.0",
    "LicenseRef-PhysioNet-Restricted-1.5.0": "PhysioNet Restricted Health Data License 1.5.0",
    "LicenseRef-PhysioNet-Contributor-Review-1.5.0": "PhysioNet Contributor Review Health Data License 1.5.0",
    "LicenseRef-Stanford-AIMI": "Stanford University Dataset Research Use Agreement",
    "LicenseRef-TCIA-Restricted": "TCIA Restricted License Agreement",
    "LicenseRef-Research-Only": "Research use only, no right to pass on",
    INTERNAL: "Internal use only; not released",
}
_CC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
_CC_PORTS = (
    "CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU", "CC-BY-3.0-DE", "CC-BY-3.0-IGO", "CC-BY-3.0-NL", "CC-BY-3.0-US",
    "CC-BY-SA-2.0-UK", "CC-BY-SA-2.1-JP", "CC-BY-SA-3.0-AT", "CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-IGO",
    "CC-BY-NC-3.0-DE", "CC-BY-NC-SA-2.0-DE", "CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-2.0-UK", "CC-BY-NC-SA-3.0-DE",
    "CC-BY-NC-SA-3.0-IGO", "CC-BY-ND-3.0-DE", "CC-BY-NC-ND-3.0-DE", "CC-BY-NC-ND-3.0-IGO",
)  # fmt: skip
_CC_WORDS = {"BY": "Attribution", "NC": "NonCommercial", "SA": "ShareAlike", "ND": "NoDerivatives"}


def _creative_commons(key: str, elements: str, version: str | None, port: str = "") -> Licence:
    """`version` of None: the source names the licence and not its version."""
    parts = elements.split("-")
    # CC BY-SA 4.0 §3(b): the same elements, this version or later. Version 1.0 knows no later one.
    later = () if version == "1.0" else tuple(v for v in _CC_VERSIONS if v >= (version or "4.0"))
    heirs = dict.fromkeys((key, *(f"CC-{elements}-{v}" for v in later)))
    words = "-".join(_CC_WORDS[part] for part in parts)
    return Licence(
        id=key,
        name=f"Creative Commons {words} {' '.join(filter(None, [version, port])) or '(version not stated)'}",
        url=f"https://creativecommons.org/licenses/{elements.lower()}/"
        + "".join(f"{part.lower()}/" for part in (version, port) if part),
        attribution=True,
        notice=True,
        share_alike="SA" in parts,
        non_commercial="NC" in parts,
        no_derivatives="ND" in parts,
        adaptable="ND" in parts and version == "4.0",
        heirs=tuple(heirs) if "SA" in parts else (),
    )


def _rows() -> Iterator[Licence]:
    yield from _FREE
    yield from _PERMISSIVE
    for key, (name, heirs) in _COPYLEFT.items():
        url = f"https://spdx.org/licenses/{key}.html"
        yield Licence(key, name, url, attribution=True, notice=True, share_alike=True, heirs=(key, *heirs))
    for elements in ("BY", "BY-SA", "BY-NC", "BY-NC-SA", "BY-ND", "BY-NC-ND"):
        for version in _CC_VERSIONS:
            yield _creative_commons(f"CC-{elements}-{version}", elements, version)
        yield _creative_commons(f"LicenseRef-CC-{elements}-unversioned", elements, None)
    for key in _CC_PORTS:
        elements, version, port = key.removeprefix("CC-").rsplit("-", 2)
        yield _creative_commons(key, elements, version, port)
    for key, name in _RESTRICTED.items():
        yield Licence(key, name, "", attribution=True, notice=True, non_commercial=True, redistribute=False)


LICENCES: dict[str, Licence] = {row.id: row for row in _rows()}
"""Every licence whose terms medloom knows, by id."""
