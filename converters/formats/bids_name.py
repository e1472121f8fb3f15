"""BIDS file names: entities, suffix and data type, as the Brain Imaging Data Structure 1.10 writes them.

https://bids-specification.readthedocs.io/en/v1.10.0/common-principles.html#entities
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from medloom.schemas.errors import BadInput

_PAIR = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9+]+)")
_WORD = re.compile(r"[a-zA-Z0-9]+")
_RUN = re.compile(r"(?P<folders>(?:.+/)?)(?P<stem>[^/]+?)(?P<extension>\.nii(?:\.gz)?|\.json|\.tsv)")
OF_DERIVATIVES = frozenset({"space", "res", "den", "label", "desc", "atlas", "seg", "hemi"})
"""Entities that a derivative adds to those of the file that it was made of."""


class BidsName(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `entities` are key and value in the order of the name; `of` are words in the middle that are no
    entity: the source's suffix, which several data sets leave in the names of their masks
    (``sub-01_T2w_label-lesion_mask``); `datatype` is the folder (``anat``), None where a file lies elsewhere.
    """

    path: str
    entities: dict[str, str]
    suffix: str
    extension: str
    of: tuple[str, ...] = ()
    datatype: str | None = None

    @property
    def subject(self) -> str:
        return self.entities["sub"]

    @property
    def session(self) -> str | None:
        return self.entities.get("ses")

    def source_entities(self) -> dict[str, str]:
        """Without the entities that only derivatives have."""
        return {key: value for key, value in self.entities.items() if key not in OF_DERIVATIVES}

    def has(self, wanted: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether each wanted entity has one of its values; "" stands for an entity that isn't there."""
        return all(self.entities.get(key, "") in values for key, values in wanted.items())


def bids_name(path: str) -> BidsName:
    """The parts of a path below the root.

    Raises BadInput ``not_bids`` where the name is none of BIDS, ``bids_mismatch`` where name and folders name another
    subject or session.
    """
    found = _RUN.fullmatch(path)
    chunks = found["stem"].split("_") if found else []
    if found is None or len(chunks) < 2 or _PAIR.fullmatch(chunks[0]) is None or not chunks[0].startswith("sub-"):
        raise BadInput("not_bids", f"{path!r} is not sub-<label>[_<key>-<value> ...]_<suffix>", path)
    entities: dict[str, str] = {}
    of: list[str] = []
    for chunk in chunks[:-1]:
        pair = _PAIR.fullmatch(chunk)
        if pair is not None and pair[1] not in entities:
            entities[pair[1]] = pair[2]
        elif pair is None and _WORD.fullmatch(chunk):
            of.append(chunk)
        else:
            raise BadInput("not_bids", f"{chunk!r} in {path!r} is no <key>-<value>, or stands twice", path)
    suffix = chunks[-1]
    if _WORD.fullmatch(suffix) is None and _PAIR.fullmatch(suffix) is None:
        raise BadInput("not_bids", f"{suffix!r} in {path!r} is no suffix", path)
    folders = found["folders"].split("/")[:-1]
    for key in ("sub", "ses"):
        stated = [folder.removeprefix(f"{key}-") for folder in folders if folder.startswith(f"{key}-")]
        if stated and entities.get(key) != stated[-1]:
            raise BadInput("bids_mismatch", f"{path!r}: folder and file name differ in {key!r}", path)
    last = folders[-1] if folders and not folders[-1].startswith(("sub-", "ses-")) else None
    return BidsName(
        path=path, entities=entities, suffix=suffix, extension=found["extension"], of=tuple(of), datatype=last
    )
