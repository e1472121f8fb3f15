"""COCO JSON: boxes, polygons and run-length masks (https://cocodataset.org/#format-data)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.checked_box import once
from medloom.converters.formats.coco_region import region_of
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.name_template import fields_of
from medloom.converters.formats.picture_finder import PictureFinder
from medloom.converters.formats.picture_size import size_to_check
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample


class Params(base.Params):
    """`picture` is a template over the fields of an image's entry; with `search`, a folder, only the file's name
    counts, and is looked for in all folders below. `tolerance` is how far, in pixels, a box may leave its picture and
    be clipped instead of refused.

    `crowd` says what ``iscrowd: 1`` marks: a "group" (the picture's instances of that name are then not complete), or
    an "object", as tools have it that set the flag on every run-length mask. `categories` and `category_id` are the
    keys of the list of categories and of an annotation's own, where a file has several of each.
    """

    annotations: tuple[str, ...] = Field(min_length=1)
    picture: str = "{file_name}"
    search: str | None = None
    tolerance: float = Field(default=1.0, ge=0)
    crowd: Literal["group", "object"] = "group"
    categories: str = "categories"
    category_id: str = "category_id"


class Coco(Converter):
    """One or several COCO files over one tree of pictures. The key is the picture's path.

    An annotation that can't be used is a Refusal of its own (``key#annotation=id``, or
    ``key#annotations/n``, its place from 0, where it has no id); its picture stays, without a claim
    that its name is complete. Boxes become half-open xyxy; an annotation with a segmentation becomes that.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            split = PublishedSplit(root, card, params.annotations)
            finder = PictureFinder(root, params.picture, search=params.search)
        except BadInput as bad:
            yield refused(bad.file or "split", bad)
            return
        keys: set[str] = set()
        for file in params.annotations:
            try:
                index = _Index(root, file, params)
            except BadInput as bad:
                yield refused(file, bad, file)
                continue
            yield from index.strays
            for image in index.images:
                yield from _picture(image, index, finder, card, params, split, keys)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("boxes", "masks"))


class _Index:
    """One COCO file, annotations by image; `strays` are entries that belong nowhere."""

    def __init__(self, root: Path, file: str, params: Params) -> None:
        self.file = file
        content = _read(root, file, params)
        self.categories = {entry["id"]: entry["name"] for entry in content[params.categories]}
        self.images: list[dict[str, Any]] = []
        self.strays: list[Refusal] = []
        self.annotations: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
        self.twice: set[Any] = set()
        for image in content["images"]:
            if image["id"] in self.annotations:
                bad = BadInput("duplicate_key", f"image id {image['id']!r} stands twice", file)
                self.strays.append(refused(f"{file}#image={image['id']}", bad))
                continue
            self.annotations[image["id"]] = []
            self.images.append(image)
        seen: set[Any] = set()
        for place, entry in enumerate(content["annotations"]):
            image_id, number = entry.get("image_id"), entry.get("id")
            if number in seen:
                self.twice.add(id(entry))
            if number is not None:
                seen.add(number)
            mark = f"annotations/{place}" if number is None else f"annotation={number}"
            if image_id in self.annotations:
                self.annotations[image_id].append((mark, entry))
            else:
                bad = BadInput("missing_picture", f"there is no image with id {image_id!r}", file)
                self.strays.append(refused(f"{file}#{mark}", bad))


def _read(root: Path, file: str, params: Params) -> dict[str, Any]:
    """The file's three lists. Raises BadInput: what `inside` raises, ``not_json``, ``not_coco``."""
    try:
        content = msgspec.json.decode(inside(root, file).read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("not_json", str(error), file) from None
    wanted = {"images": ("id",), "annotations": (), params.categories: ("id", "name")}
    for name, keys in wanted.items():
        entries = content.get(name, [] if name == "annotations" else None) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise BadInput("not_coco", f"{name!r} is no list of objects", file)
        content[name] = entries
        for key in keys:
            if not all(isinstance(entry.get(key), str | int) for entry in entries):
                raise BadInput("not_coco", f"an entry of {name!r} has no {key!r}", file)
    for entry in content["annotations"]:
        if not all(isinstance(entry.get(key), str | int | None) for key in ("id", "image_id", params.category_id)):
            raise BadInput("not_coco", "an id in 'annotations' is neither a number nor a string", file)
    return dict(content)


def _picture(
    image: dict[str, Any],
    index: _Index,
    finder: PictureFinder,
    card: SourceCard,
    params: Params,
    split: PublishedSplit,
    keys: set[str],
) -> Iterator[Sample | Refusal]:
    unit = f"{index.file}#image={image['id']}"
    try:
        values = {name: image[name] for name in fields_of(params.picture) if isinstance(image.get(name), str | int)}
        if len(values) < len(set(fields_of(params.picture))):
            raise BadInput("not_coco", f"the entry has no {params.picture!r}", index.file)
        path = finder.find({name: str(value) for name, value in values.items()})
        if path in keys:
            raise BadInput("duplicate_key", "another entry has this picture", path)
        keys.add(path)
        patient, published = card.patient_of(path, path), split.of(path, path, annotation=index.file)
    except BadInput as bad:
        yield refused(unit, bad)
        return
    size = _size(image)
    near = size or size_to_check(finder.root, path)
    regions: list[Region] = []
    seen: set[Region] = set()
    lost: set[str] = set()
    for mark, entry in index.annotations[image["id"]]:
        category = entry.get(params.category_id)
        name = index.categories.get(category)
        try:
            if id(entry) in index.twice:
                raise BadInput("duplicate_key", f"annotation id {entry.get('id')!r} stands twice", index.file)
            if name is None:
                raise BadInput("unknown_category", f"there is no category {category!r}", index.file)
            crowd = entry.get("iscrowd") == 1 and params.crowd == "group"
            if crowd:
                lost.add(name)
            grid = size if isinstance(entry.get("segmentation"), dict) else near
            region = region_of(entry, name, grid, f"{index.file}#{mark}", params.tolerance, instance=not crowd)
            regions.append(once(region, seen))
        except BadInput as bad:
            if bad.reason != "duplicate_region":
                lost.update([name] if name is not None else index.categories.values())
            yield refused(f"{path}#{mark}", bad, index.file, part=True)
    yield Sample(
        key=path,
        patient=patient,
        split=published,
        media=(Media(files=(path,), size=size),),
        regions=tuple(regions),
        complete_regions=complete_regions(card, index.categories.values(), lost),
    )


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None
