"""Container files of arrays: MedMNIST's ``.npz`` and HDF5, items by row or one array each, with labels and masks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.arrays_labels import ArrayLabels, LabelReader
from medloom.converters.formats.arrays_masks import ArrayMask
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition, Media, Refusal, Region, Sample, Split

if TYPE_CHECKING:
    import numpy as np

SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip


class ArrayParams(base.Params):
    """`files` is a regular expression over whole paths below the root (below `folder`); its named groups, and those of
    `array`, fill the templates.

    `array` is a regular expression over the names of a file's arrays (HDF5: their paths). `items` says whether each
    entry along the first axis is a picture (or volume) of its own, or the whole array is one; ``auto``: arrays of four
    axes, and of three where the last isn't one of channels, hold rows. `of` says what an item is; ``auto``: three axes
    without channels are a volume. A group called ``split`` names the published split, as `splits` says.

    `window` (center, width) shows more than 8 bits; `spacing_mm` is that of the pixels, down and to the right.
    """

    files: str
    array: str
    folder: str = ""
    items: Literal["auto", "rows", "whole"] = "auto"
    of: Literal["auto", "picture", "volume"] = "auto"
    labels: ArrayLabels | None = None
    masks: tuple[ArrayMask, ...] = ()
    splits: dict[str, Split] = Field(default_factory=lambda: dict(SPLITS))
    key: str | None = None
    window: tuple[float, float] | None = None
    spacing_mm: tuple[float, float] | None = None

    @cached_property
    def file_pattern(self) -> re.Pattern[str]:
        return re.compile(self.files)

    @cached_property
    def array_pattern(self) -> re.Pattern[str]:
        return re.compile(self.array)

    def array_groups(self, name: str) -> dict[str, str]:
        """What an array's name says, with the name itself as ``array``."""
        found = self.array_pattern.fullmatch(name)
        return {"array": name, **{key: value or "" for key, value in (found.groupdict() if found else {}).items()}}

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> ArrayParams:
        known = {"file", "array", "row", *self.file_pattern.groupindex, *self.array_pattern.groupindex}
        templates = [self.key or "", *(mask.array for mask in self.masks), *(mask.file or "" for mask in self.masks)]
        templates += [self.labels.array, self.labels.file or ""] if self.labels else []
        for template in templates:
            unknown = [name for name in fields_of(template) if name not in known]
            if unknown:
                raise ValueError(f"{template!r} wants {unknown}, but there are {sorted(known)}")
        return self


class NpzParams(ArrayParams):
    """MedMNIST's names, unless others are given."""

    files: str = r".+\.npz"
    array: str = r"(?P<split>[a-z]+)_images"


class Arrays(Converter):
    """Yields a Sample for each item; lists headers and labels, and decodes no picture.

    A row whose label can't be read is a Refusal of its own. An array that is no picture (``unsupported_array``), and a
    file without any that `array` means (``missing_array``), are refused as a whole.
    """

    Params: ClassVar[type[base.Params]] = ArrayParams
    suffixes: ClassVar[tuple[str, ...]] = ()

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = self._params(card)
        try:
            files = files_under(root, params.folder, self.suffixes)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        for file in files:
            groups = params.file_pattern.fullmatch(file)
            if groups is None:
                continue
            try:
                path = inside(root, file)
                names = [name for name in self.names(path) if params.array_pattern.fullmatch(name)]
                if not names:
                    raise BadInput("missing_array", f"no array is like {params.array!r}")
            except BadInput as bad:
                yield refused(file, bad, file)
                continue
            values = {"file": file, **{name: value or "" for name, value in groups.groupdict().items()}}
            for name in names:
                try:
                    found = _Items(root, card, params, split, {**values, **params.array_groups(name)})
                except BadInput as bad:
                    yield refused(f"{file}#array={name}", bad, bad.file or file)
                    continue
                yield from found.samples()

    def names(self, path: Path) -> tuple[str, ...]:
        """Names of the arrays of a file, in its order. Raises BadInput where it can't be read."""
        raise NotImplementedError

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = self._params(card)
        found: set[Feature] = set()
        if params.labels is not None:
            found.add("labels")
            if params.labels.several or card.exhaustive.labels:
                found.add("absent_labels")
        found |= {"masks", "boxes"} if params.masks else set()
        found |= {"spacing"} if params.spacing_mm else set()
        return frozenset(found)

    def _params(self, card: SourceCard) -> ArrayParams:
        params = self.Params.model_validate(card.params)
        assert isinstance(params, ArrayParams)
        return params


class Npz(Arrays):
    """``.npz`` archives as MedMNIST has them (``train_images``, ``train_labels``, ``val_images``), and ``.npy``."""

    Params = NpzParams
    suffixes = (".npz", ".npy")

    def names(self, path: Path) -> tuple[str, ...]:
        from medloom.converters.pixels.npz_file import npy_file

        return npy_file(path).names


class Hdf5(Arrays):
    """HDF5 files: a dataset of many pictures, or one for each. Links are not followed."""

    suffixes = (".h5", ".hdf5", ".hdf", ".he5", ".mat", ".nxs")

    def names(self, path: Path) -> tuple[str, ...]:
        from medloom.converters.pixels.hdf5_file import hdf5_file

        return tuple(hdf5_file(path).names())


class _Items:
    """The items of one array. `values` are what the file's and the array's name say; raises BadInput where the array,
    its labels or its masks can't be read."""

    def __init__(
        self, root: Path, card: SourceCard, params: ArrayParams, split: PublishedSplit, values: dict[str, str]
    ) -> None:
        from medloom.converters.pixels.arrays import open_member

        self._card, self._params, self._split, self._values = card, params, split, values
        self._file, self._name = values["file"], values["array"]
        member = open_member(inside(root, self._file), self._name)
        self._rows, self._kind = _layout(member.shape, member.dtype, params)
        self._labels = None
        if params.labels is not None:
            self._labels = LabelReader(root, params.labels, card, values, self._rows)
        self._masks = [(mask, mask.of_file(values), mask.member(root, values, self._rows)) for mask in params.masks]
        self._marked = complete_regions(card, (name for mask in params.masks for name in mask.marked))
        self._acquisition = Acquisition(window=params.window, spacing_mm=params.spacing_mm)

    def samples(self) -> Iterator[Sample | Refusal]:
        for row in range(self._rows) if self._rows is not None else (None,):
            try:
                yield self._sample(row)
            except BadInput as bad:
                yield refused(_pointer(self._file, self._name, row), bad, bad.file or self._file)

    def _sample(self, row: int | None) -> Sample:
        pointer = _pointer(self._file, self._name, row)
        template = self._params.key
        key = pointer if template is None else fill(template, {**self._values, "row": "" if row is None else str(row)})
        labels, complete = self._labels.read(row) if self._labels is not None else ((), ())
        regions: list[Region] = [mask.region(file, member, row) for mask, file, member in self._masks]
        return Sample(
            key=key,
            patient=self._card.patient_of(key, self._file),
            split=self._published(key),
            media=(Media(kind=self._kind, files=(self._file,), member=self._name, frame=row),),
            acquisition=self._acquisition,
            labels=labels,
            complete_labels=complete,
            regions=tuple(regions),
            complete_regions=self._marked,
        )

    def _published(self, key: str) -> Split | None:
        named = self._values.get("split")
        if not named:
            return self._split.of(key, self._file)
        if named.lower() not in self._params.splits:
            raise BadInput("unknown_split", f"{named!r} is not in `splits`")
        return self._params.splits[named.lower()]


def _pointer(file: str, name: str, row: int | None) -> str:
    where = f"{file}#array={name}" if name else f"{file}#array"
    return where if row is None else f"{where},row={row}"


def _layout(
    shape: tuple[int, ...], dtype: np.dtype[Any], params: ArrayParams
) -> tuple[int | None, Literal["picture", "volume"]]:
    """(rows, or None where the array is one item; what an item is). Raises BadInput ``unsupported_array``."""
    if not shape or dtype.kind in "SVO":  # an encoded picture, or a column of them
        return (shape[0] if shape else None), "picture"
    if dtype.kind not in "buif":
        raise BadInput("unsupported_array", f"{dtype} are no grey levels")
    channels = shape[-1] in (1, 3, 4)
    many = len(shape) >= 4 or (len(shape) == 3 and not channels)
    rows = many if params.items == "auto" else params.items == "rows"
    item = shape[1:] if rows else shape
    flat = len(item) == 2 or (len(item) == 3 and (item[-1] in (1, 3, 4) or item[0] in (1, 3, 4)))
    kind: Literal["picture", "volume"] = "picture" if flat else "volume"
    if params.of != "auto":
        kind = params.of
    if not (len(item) == 2 and kind == "picture") and len(item) not in (3, 4):
        raise BadInput("unsupported_array", f"an array of {shape} holds no {kind}s")
    return (shape[0] if rows else None), kind
