"""dataset.json of the Medical Segmentation Decathlon and of nnU-Net v2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from medloom.converters.formats.files_under import files_under
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Split

LISTS: tuple[tuple[str, str, Split], ...] = (
    ("training", "Tr", "train"),
    ("validation", "Va", "validation"),
    ("test", "Ts", "test"),
)
"""A list of cases, the end of the names of its folders of images and labels, and its split; AMOS has all three."""


@dataclass(frozen=True)
class Case:
    """One case: its files (one 3D or 4D file, or one for each channel), its label map, and its published split."""

    key: str
    files: tuple[str, ...]
    label: str | None
    split: Split


class MsdIndex:
    """The index as both layouts have it. `names` are in the order of their values, without 0, which is the background
    whatever its name; in region-based training a name stands for several values. `channels` are in order.

    Raises BadInput: what `inside` raises, ``not_json``, ``not_msd``.
    """

    def __init__(self, root: Path, file: str) -> None:
        self.file = file
        try:
            content = msgspec.json.decode(inside(root, file).read_bytes())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput("not_json", str(error), file) from None
        if not isinstance(content, dict) or not isinstance(content.get("labels"), dict):
            raise BadInput("not_msd", "dataset.json has no `labels`", file)
        self._content: dict[str, Any] = content
        self.names = _names(content["labels"], file)
        channels = content.get("channel_names") or content.get("modality") or {"0": "image"}
        if not isinstance(channels, dict):
            raise BadInput("not_msd", f"channels are an object by number, not {channels!r:.80}", file)
        order = sorted(channels, key=lambda number: (len(str(number)), str(number)))
        self.channels = tuple(str(channels[number]) for number in order)
        self._ending = str(content.get("file_ending") or ".nii.gz")
        for name, _, _ in LISTS:
            if not isinstance(content.get(name) or [], list):
                raise BadInput("not_msd", f"{name!r} is no list: {content[name]!r:.80}", file)

    def cases(self, root: Path, folder: str) -> Iterator[Case]:
        """Cases that the index lists, in its order; where it lists none (nnU-Net v2), those of the folders.

        Raises BadInput ``missing_folder`` where there is nothing to list either.
        """
        if self._content.get("training"):
            for name, end, split in LISTS:
                for entry in self._content.get(name) or ():
                    yield self._listed(entry, root, folder, end, split)
            return
        yield from self._in_folders(root, folder)

    def images(self, root: Path, folder: str) -> Iterator[str]:
        """The files in the folders of images."""
        return files_of(root, f"{folder}images", (self._ending,))

    def _listed(self, entry: Any, root: Path, folder: str, end: str, split: Split) -> Case:
        """A case of the index. nnU-Net v1 names ``case.nii.gz`` where the files are ``case_0000.nii.gz`` and on. A case
        that is a path alone has the label map of its name, if there is one."""
        image, label = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (entry, None)
        path = _joined(folder, str(image))
        key = PurePosixPath(path).name.removesuffix(self._ending)
        numbered = tuple(
            f"{path.removesuffix(self._ending)}_{number:04d}{self._ending}" for number in range(len(self.channels))
        )
        several = path.endswith(self._ending) and _is_there(root, numbered[0]) and not _is_there(root, path)
        named = f"{folder}labels{end}/{key}{self._ending}" if label is None else _joined(folder, str(label))
        return Case(
            key, numbered if several else (path,), named if label is not None or _is_there(root, named) else None, split
        )

    def _in_folders(self, root: Path, folder: str) -> Iterator[Case]:
        numbered = re.compile(r"(.+)_(\d{4})" + re.escape(self._ending))
        for _, end, split in LISTS:
            images, labels = f"images{end}", f"labels{end}"
            found: dict[str, dict[int, str]] = {}
            try:
                files = files_under(root, f"{folder}{images}", (self._ending,))
            except BadInput as bad:
                if split == "train":
                    raise BadInput(bad.reason, bad.detail, f"{folder}{images}") from None
                continue
            for file in files:
                match = numbered.fullmatch(PurePosixPath(file).name)
                if match is not None:
                    found.setdefault(match[1], {})[int(match[2])] = file
            for key in sorted(found):
                channels = found[key]
                paths = tuple(
                    channels.get(number, f"{folder}{images}/{key}_{number:04d}{self._ending}")
                    for number in range(len(self.channels))
                )
                label = f"{folder}{labels}/{key}{self._ending}"
                there = split == "train" or (root / label).is_file()
                yield Case(key, paths, label if there else None, split)


def files_of(root: Path, start: str, suffixes: tuple[str, ...] = ()) -> Iterator[str]:
    """The files of the folders whose names begin so (``imagesTr`` and on), where they are there."""
    for _, end, _ in LISTS:
        try:
            yield from files_under(root, f"{start}{end}", suffixes)
        except BadInput:
            continue


def _is_there(root: Path, file: str) -> bool:
    try:
        inside(root, file)
    except BadInput:
        return False
    return True


def _joined(folder: str, path: str) -> str:
    return folder + path.removeprefix("./")


def _names(labels: dict[str, Any], file: str) -> tuple[MaskName, ...]:
    """Names, from ``{"1": "spleen"}``, ``{"spleen": 1}`` or ``{"whole tumour": [1, 2, 3]}``."""
    names: dict[tuple[int, ...], str] = {}
    for left, right in labels.items():
        said, name = (right, left) if isinstance(right, int | list) else ([left], right)
        listed = said if isinstance(said, list) else [said]
        if not all(str(value).lstrip("-").isdigit() for value in listed):
            raise BadInput("not_msd", f"label {left!r}: {right!r} has no value", file)
        values = tuple(sorted({int(value) for value in listed} - {0}))
        if values in names:
            raise BadInput("not_msd", f"values {values} have two names", file)
        if values:
            names[values] = str(name)
    return tuple(MaskName(name=name, value=values[0], also=values[1:]) for values, name in sorted(names.items()))
