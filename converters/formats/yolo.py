"""YOLO: a text file of normalised boxes or polygons beside each picture (https://docs.ultralytics.com/datasets/detect/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.checked_box import checked_box, once, to_xyxy
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.picture_size import picture_size
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample


class Params(base.Params):
    """`pictures` and `labels` are the names of the two parallel folders, wherever they stand in a path
    (``images/train`` and ``labels/train``, or ``train/images`` and ``train/labels``); equal, where both lie together.

    `names` are the classes by number; without them they are read from `data`. `tolerance` is how far, in pixels, a
    shape may leave its picture. `missing` says what a picture without a text file is: an input that can't be used,
    one that nobody marked, or one with nothing to mark. An empty text file always means that there is nothing.
    """

    folder: str = ""
    pictures: str = "images"
    labels: str = "labels"
    names: dict[int, str] = Field(default_factory=dict)
    data: str = "data.yaml"
    tolerance: float = Field(default=1.0, ge=0)
    missing: Literal["refuse", "unmarked", "none"] = "refuse"


class Yolo(Converter):
    """Lines of ``class cx cy w h`` or ``class x1 y1 x2 y2 x3 y3 ...``, from 0 to 1 of the picture as shown.

    A line that can't be used is a Refusal of its own (``key#line=n``, from 0); its picture stays, without a claim that
    the name is complete. Text files without a picture are refused. The key is the picture's path.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            names = params.names or read_names(root, params.data)
            split = PublishedSplit(root, card)
            files = files_under(root, params.folder, (*RASTERS, ".txt"))
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        listed: set[str] = set()
        texts: list[str] = []
        for path in files:
            parts = path.split("/")[:-1]
            if path.lower().endswith(".txt"):
                if params.labels in parts or params.labels == params.pictures:
                    texts.append(path)
                continue
            if params.pictures not in parts and params.labels != params.pictures:
                continue
            text = _text_of(path, params)
            listed.add(text)
            yield from _picture(path, text, names, root, card, params, split)
        others = {"classes.txt", *(card.split.files if card.split else ())}
        for text in texts:
            if text not in listed and text not in others and PurePosixPath(text).name not in others:
                yield refused(text, BadInput("missing_picture", "this text file belongs to no picture", text))
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("boxes", "masks"))


def read_names(root: Path, file: str) -> dict[int, str]:
    """Classes by number from ``names`` of a data.yaml. Raises BadInput: as `inside`, ``not_yaml``, ``no_names``."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content: Any = YAML(typ="safe").load(inside(root, file).read_text("utf-8-sig"))
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        raise BadInput("not_yaml", str(error), file) from None
    names = content.get("names") if isinstance(content, dict) else None
    pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
    found = {number: str(name) for number, name in pairs if isinstance(number, int)}
    if not found:
        raise BadInput("no_names", "no `names` of classes by number", file)
    return found


def _text_of(path: str, params: Params) -> str:
    parts = path.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == params.pictures:
            parts[place] = params.labels
            break
    return str(PurePosixPath(*parts).with_suffix(".txt"))


def _picture(
    path: str, text: str, names: dict[int, str], root: Path, card: SourceCard, params: Params, split: PublishedSplit
) -> Iterator[Sample | Refusal]:
    try:
        lines = _lines(root, text, params)
        size = picture_size(inside(root, path))
        patient, published = card.patient_of(path, path), split.of(path, path)
    except BadInput as bad:
        yield refused(path, bad, path)
        return
    regions: list[Region] = []
    seen: set[Region] = set()
    lost: set[str] = set()
    for number, line in enumerate(lines or ()):
        if not line.strip():
            continue
        try:
            region = _region(line.split(), names, size, f"{text}#line={number}", params.tolerance)
            regions.append(once(region, seen))
        except BadInput as bad:
            if bad.reason != "duplicate_region":
                lost.update(_lost(line, names))
            yield refused(f"{path}#line={number}", bad, text, part=True)
    yield Sample(
        key=path,
        patient=patient,
        split=published,
        media=(Media(files=(path,), size=size),),
        regions=tuple(regions),
        complete_regions=() if lines is None else complete_regions(card, names.values(), lost),
    )


def _lines(root: Path, text: str, params: Params) -> list[str] | None:
    """The file's lines; none for an empty file; None where the picture was not marked."""
    try:
        return inside(root, text).read_text("utf-8-sig").splitlines()
    except BadInput as bad:
        if bad.reason == "empty_file" or (bad.reason == "missing_file" and params.missing == "none"):
            return []
        if bad.reason == "missing_file" and params.missing == "unmarked":
            return None
        raise
    except UnicodeDecodeError as error:
        raise BadInput("not_utf8", str(error), text) from None


def _region(words: list[str], names: dict[int, str], size: tuple[int, int], pointer: str, tolerance: float) -> Region:
    try:
        number, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise BadInput("bad_annotation", f"not a class and numbers: {' '.join(words)!r:.80}") from None
    if number not in names:
        raise BadInput("unknown_category", f"there is no class {number}; there are {sorted(names)}")
    if len(values) == 4:
        box = to_xyxy((values[0], values[1], values[2], values[3]), "cxcywh", (float(size[0]), float(size[1])))
        corners = checked_box(box, size, tolerance)
        return Region(kind="box", pointer=pointer, name=names[number], box=corners, instance=True)
    if len(values) < 6 or len(values) % 2:
        raise BadInput("bad_annotation", f"{len(values)} numbers are neither a box (4) nor a polygon (6, 8, ...)")
    points = tuple(value * size[place % 2] for place, value in enumerate(values))
    xs, ys = points[0::2], points[1::2]
    checked_box((min(xs), min(ys), max(xs), max(ys)), size, tolerance)
    return Region(kind="polygon", pointer=pointer, name=names[number], polygons=(points,), instance=True)


def _lost(line: str, names: dict[int, str]) -> list[str]:
    """The names that a bad line may have marked."""
    by_number = {str(number): name for number, name in names.items()}
    first = line.split()[0]
    return [by_number[first]] if first in by_number else list(names.values())
