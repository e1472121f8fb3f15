"""Masks of a BIDS data set: which derivative belongs to which image, and what its values mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from medloom.converters.formats.bids_name import BidsName
from medloom.converters.formats.bids_tables import segment_names
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Region

NATIVE = ("orig", "individual", "native", "scanner")
"""Values of ``space`` that stand for the image's own."""


class MaskNames:
    """What a mask shows. `marks` names suffixes outside the specification, ``seg-manual`` say; `values` the values of
    discrete segmentations that have no ``dseg.tsv``.
    """

    def __init__(self, root: Path, marks: Mapping[str, str], values: Mapping[int, str]) -> None:
        self._root, self._marks, self._values = root, marks, values
        self._tables: dict[str, dict[int, str]] = {}

    def is_mask(self, name: BidsName) -> bool:
        return name.suffix in ("mask", "dseg", "probseg", *self._marks)

    def region(self, mask: BidsName, media: str, resample: bool) -> Region:
        """The mask as a Region of the medium.

        Raises BadInput ``soft_mask`` for a ``probseg``, ``unnamed_mask`` where nothing says what it shows.
        """
        if mask.suffix == "probseg":
            raise BadInput("soft_mask", "probabilities are no mask: nothing says where the object ends", mask.path)
        if mask.suffix == "dseg":
            names = self._lookup(mask) or self._values
            if not names:
                raise BadInput("unnamed_mask", "no dseg.tsv and no `values` name what its values mean", mask.path)
            return Region(
                kind="label_map", pointer=mask.path, media=media, file=mask.path, resample=resample,
                names=tuple(MaskName(name=name, value=value) for value, name in sorted(names.items())),
            )  # fmt: skip
        said = mask.entities.get("label") or self._marks.get(mask.suffix) or mask.entities.get("desc")
        if not said:
            raise BadInput("unnamed_mask", "neither `label` nor `desc` says what it shows", mask.path)
        return Region(kind="mask", pointer=mask.path, media=media, name=said, file=mask.path, resample=resample)

    def _lookup(self, mask: BidsName) -> dict[int, str]:
        """From the table beside the file, by its own name or a shorter one, or from those of folders above."""
        folders = mask.path.split("/")[:-1]
        for depth in range(len(folders), -1, -1):
            folder = "/".join([*folders[:depth], ""])
            for stem in _stems(mask):
                file = f"{folder}{stem}_dseg.tsv" if stem else f"{folder}dseg.tsv"
                if (self._root / file).exists():
                    if file not in self._tables:
                        self._tables[file] = segment_names(self._root, file)
                    return self._tables[file]
        return {}


def _stems(mask: BidsName) -> list[str]:
    """All of the name, then without subject and session, then with `desc`, `seg` or `atlas` alone, then nothing."""
    pairs = [f"{key}-{value}" for key, value in mask.entities.items()]
    rest = [pair for pair in pairs if not pair.startswith(("sub-", "ses-"))]
    few = [f"{key}-{mask.entities[key]}" for key in ("desc", "seg", "atlas") if key in mask.entities]
    return list(dict.fromkeys(["_".join(pairs), "_".join(rest), *few, ""]))


def source_of(root: Path, mask: BidsName, images: Sequence[BidsName], of: str | None) -> BidsName:
    """The image of the same subject and session that a mask was drawn on.

    Told, in this order, by ``Sources`` or ``RawSources`` of the sidecar; by a suffix that stands in the mask's name, or
    after ``space-``; else by the entities that it shares, `of` being the suffix of the image where several are left.

    Raises BadInput ``other_space`` (a template's), ``ambiguous_source``, ``missing_picture`` (no image fits).
    """
    stated = [image for image in images if image.path in _stated(root, mask)]
    if len(stated) == 1:
        return stated[0]
    left = [image for image in images if _shares(mask, image)]
    space = mask.entities.get("space")
    told = [*mask.of, *([space] if space in {image.suffix for image in images} else [])]
    if space is not None and space not in (*NATIVE, *told):
        raise BadInput("other_space", f"it lies in the space {space!r}, not in that of an image", mask.path)
    if told:
        left = [image for image in left if image.suffix in told]
    elif len(left) > 1 and of is not None:
        left = [image for image in left if image.suffix == of]
    if not left:
        raise BadInput("missing_picture", "this mask belongs to no image of its subject and session", mask.path)
    if len(left) > 1:
        several = ", ".join(image.path.rpartition("/")[2] for image in left[:4])
        raise BadInput("ambiguous_source", f"it may belong to any of {several}; the card's `of` can tell", mask.path)
    return left[0]


def _shares(mask: BidsName, image: BidsName) -> bool:
    """Every entity that both have is the same, and the mask has none that the image lacks."""
    return all(image.entities.get(key) == value for key, value in mask.source_entities().items())


def _stated(root: Path, mask: BidsName) -> set[str]:
    """Paths that the mask's own sidecar names as its sources; none where there is no sidecar that can be read."""
    try:
        content = json.loads(inside(root, mask.path.removesuffix(mask.extension) + ".json").read_bytes())
    except (BadInput, ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for key in ("Sources", "RawSources"):
        value = content.get(key) if isinstance(content, dict) else None
        for each in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            found.add(str(each).removeprefix("bids::").removeprefix("bids:raw:").lstrip("/"))
    return found
