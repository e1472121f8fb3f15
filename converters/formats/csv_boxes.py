"""Boxes in a CSV or TSV: a row for each box, absolute or normalised, corners, size or centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from medloom.converters.base import Converter, Feature
from medloom.converters.formats.checked_box import Box, BoxForm, checked_box, once, to_xyxy
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.picture_size import picture_size, size_to_check
from medloom.converters.formats.picture_table import PictureRow, PictureTable, TableParams
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample

_BLANK = frozenset(("", "nan", "na", "none", "null"))


class Params(TableParams):
    """`box` are four columns in the order of `form`; `normalised` values run from 0 to 1 of the picture as shown;
    `inclusive` corners name the last pixel inside.

    `label` is the column of the class, or `name` the one class that there is. A row whose box is blank, or whose class
    is one of `nothing`, says that its picture has nothing to mark. `size` are the columns of width and height, if
    there are any. `tolerance` is how far, in pixels, a box may leave its picture and be clipped instead of refused.
    """

    box: Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
    form: BoxForm = "xyxy"
    normalised: bool = False
    inclusive: bool = False
    label: str | None = None
    name: str | None = None
    nothing: tuple[str, ...] = ()
    size: tuple[str, str] | None = None
    reader: str | None = None
    tolerance: float = Field(default=1.0, ge=0)

    @model_validator(mode="after")
    def _names_the_boxes(self) -> Params:
        if (self.label is None) == (self.name is None):
            raise ValueError("box tables need either `label`, a column, or `name`, the one class")
        if self.inclusive and (self.form != "xyxy" or self.normalised):
            raise ValueError(
                "`inclusive` is of corners in pixels: leave it out with a width and height, or `normalised`"
            )
        return self


class CsvBoxes(Converter):
    """A table of boxes, several rows to a picture, in any order.

    A box that can't be used is a Refusal of its own (the row); its picture stays, without a claim that its name is
    complete. Facts beside the boxes (sex, licence) are those of the picture's first row.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        named = [column for column in (params.label, params.reader) if column is not None]
        columns = (*params.box, *named, *(params.size or ()))
        try:
            table = PictureTable(root, card, params, columns)
        except BadInput as bad:
            yield refused(bad.file or params.tables[0], bad)
            return
        groups: dict[str, list[PictureRow]] = {}
        for row in table.rows():
            if isinstance(row, Refusal):
                yield row
            else:
                groups.setdefault(row.key, []).append(row)
        for rows in groups.values():
            yield from _picture(rows, table, root, card, params)
        yield from table.split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        facts = Params.model_validate(card.params).facts
        found: set[Feature] = {"boxes"}
        if facts.texts:
            found.add("texts")
        if facts.visit is not None:
            found.add("visits")
        if facts.spacing_mm:
            found.add("spacing")
        return frozenset(found)


def _picture(
    rows: list[PictureRow], table: PictureTable, root: Path, card: SourceCard, params: Params
) -> Iterator[Sample | Refusal]:
    first = rows[0]
    try:
        facts = [table.facts(row) for row in rows]
        if any(one["patient"] != facts[0]["patient"] or one["split"] != facts[0]["split"] for one in facts):
            raise BadInput("conflicting_rows", "rows of one picture name different patients or splits", first.table)
        if any(row.path != first.path for row in rows):
            raise BadInput("conflicting_rows", f"rows of {first.key!r} name different pictures", first.table)
        size = _size(first, root, params)
    except BadInput as bad:
        yield refused(first.key, bad, first.path)
        return
    near = size or size_to_check(root, first.path)
    alone = params.reader is None or len({row.values[params.reader] for row in rows}) == 1
    regions: list[Region] = []
    seen: set[Region] = set()
    lost: set[str] = set()
    for row in rows:
        name = params.name if params.label is None else row.values[params.label]
        assert name is not None
        cells = [row.values[column] for column in params.box]
        if name in params.nothing or all(cell.lower() in _BLANK for cell in cells):
            continue
        try:
            if not name:
                raise BadInput("bad_annotation", f"the box has no class: {params.label!r} is blank")
            box = _box(cells, near, params)
            regions.append(once(Region(kind="box", pointer=row.pointer, name=name, box=box, instance=alone), seen))
        except BadInput as bad:
            if bad.reason != "duplicate_region":
                lost.add(name)
            yield refused(row.pointer, bad, row.table, part=True)
    incomplete = lost if alone else {*lost, *(region.name for region in regions if region.name is not None)}
    yield Sample(
        **facts[0],
        media=(Media(files=(first.path,), size=size),),
        regions=tuple(regions),
        complete_regions=() if "" in lost else complete_regions(card, None, incomplete),
    )


def _size(row: PictureRow, root: Path, params: Params) -> tuple[int, int] | None:
    if params.size is not None:
        try:
            width, height = (int(float(row.values[column])) for column in params.size)
        except (ValueError, OverflowError):
            raise BadInput("bad_annotation", f"columns {params.size} hold no width and height", row.table) from None
        if width <= 0 or height <= 0:
            raise BadInput("bad_annotation", f"a picture of {width} × {height}", row.table)
        return width, height
    return picture_size(inside(root, row.path)) if params.normalised else None


def _box(cells: list[str], size: tuple[int, int] | None, params: Params) -> Box:
    try:
        a, b, c, d = (float(cell) for cell in cells)
    except ValueError:
        raise BadInput("bad_annotation", f"not four numbers: {cells}") from None
    scale = (float(size[0]), float(size[1])) if params.normalised and size is not None else (1.0, 1.0)
    return checked_box(to_xyxy((a, b, c, d), params.form, scale, params.inclusive), size, params.tolerance)
