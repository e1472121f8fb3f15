"""Geometry: boxes, points, masks, spacing and sides agree with the picture that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams
from medloom.quality.patient_side import SIDES, naming
from medloom.quality.verdicts import drop_where, first_of

NOISE = 1e-6  # px: rounding of scaled boxes at the picture's border
LENGTHS = ("mm", "mm2", "mm3")
SAYS_MM = r"(?i)\d\s*(?:mm|cm)(?:[²³23]|\b)|\b(?:milli|centi)met(?:re|er)s?\b"


class GeometryParams(FilterParams):
    """`tolerance_px`: how far a stated box may be from the box of its mask, at each edge, in stored pixels."""

    tolerance_px: float = Field(default=0.5, ge=0)


class Geometry(Filter):
    """Drops a record whose places don't fit their pictures, or which says what its pictures can't prove.

    Boxes are half-open xyxy in stored pixels of the view that the place names. Reasons: ``not_finite``, ``box_shape``,
    ``box_degenerate``, ``box_outside``, ``point_shape``, ``point_outside``, ``rle_size``, ``rle_broken``,
    ``mask_empty``, ``box_not_of_mask``, ``mm_without_spacing``, ``side_without_orientation``.

    A side of the patient needs the orientation of every picture, unless the evidence states that side (a mask that is
    named left lung) or an option's concept has it in its name. Sides are looked for in English words only.
    """

    name: ClassVar[str] = "geometry"
    record_columns: ClassVar[tuple[str, ...]] = (
        "id", "views", "places", "measurements", "answer", "evidence", "turns", "texts", "options", "reason",
    )  # fmt: skip
    view_columns: ClassVar[tuple[str, ...]] = ("id", "width", "height", "spacing_mm", "orientation")
    Params: ClassVar[type[FilterParams]] = GeometryParams
    params: GeometryParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        places = _placed(records, views)
        shown = _shown(records, views)
        return first_of(
            [
                *_numbers(records, places),
                *_boxes(places),
                *_points(places),
                *_masks(places, self.params.tolerance_px),
                *_lengths(shown),
                *_sides(shown),
            ]
        )


def _placed(records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """One row for each place: id, box, point, rle, width, height."""
    exploded = records.select("id", "views", place="places").explode("place", empty_as_null=False)
    exploded = exploded.filter(pl.col("place").is_not_null()).unnest("place")
    number = pl.col("view")
    named = pl.when(number >= 0).then(pl.col("views").list.get(number, null_on_oob=True))
    sizes = views.select("width", "height", shown="id").unique("shown")
    placed = exploded.with_columns(shown=named).join(sizes, on="shown", how="left", maintain_order="left")
    return placed.select("id", "box", "point", "rle", "width", "height")


def _shown(records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """The records with `text` (all that they say), `spaced` and `oriented` (whether every view is)."""
    known = views.select(
        shown="id",
        spaced=pl.col("spacing_mm").list.eval(pl.element().is_finite() & (pl.element() > 0)).list.all(),
        oriented=pl.col("orientation").list.len() == 2,
    ).unique("shown")
    each = records.select("id", shown="views").explode("shown", empty_as_null=False)
    joined = each.join(known, on="shown", how="left", maintain_order="left")
    whole = joined.group_by("id").agg(
        pl.col("spaced").fill_null(False).all(), pl.col("oriented").fill_null(False).all()
    )
    spoken = pl.col("turns").list.eval(pl.element().struct.field("text")).list.join("\n")
    offered = pl.col("options").list.eval(pl.element().struct.field("text")).list.join("\n")
    text = pl.concat_str(
        spoken, pl.col("texts").list.join("\n"), offered, pl.col("reason"), separator="\n", ignore_nulls=True
    )
    return records.with_columns(text=text).join(whole, on="id", how="left", maintain_order="left")


def _numbers(records: pl.DataFrame, places: pl.DataFrame) -> Iterator[pl.DataFrame]:
    def stray(part: str, field: str) -> pl.Expr:
        value = pl.element().struct.field(field)
        return pl.col(part).list.eval(value.is_not_null() & ~value.is_finite()).list.any()

    stated = ~pl.col("answer").struct.field("number").is_finite()
    yield drop_where(records, stray("measurements", "value"), "not_finite", "a measurement")
    yield drop_where(records, stray("evidence", "number"), "not_finite", "a fact")
    yield drop_where(records, stated, "not_finite", "the answer")
    for part in ("box", "point"):
        finite = pl.col(part).list.eval(pl.element().is_finite().fill_null(False)).list.all()
        yield drop_where(places, ~finite, "not_finite", _numbers_of(part))


def _boxes(places: pl.DataFrame) -> Iterator[pl.DataFrame]:
    x0, y0, x1, y1 = (pl.col("box").list.get(i, null_on_oob=True) for i in range(4))
    yield drop_where(places, pl.col("box").list.len() != 4, "box_shape", _numbers_of("box"))
    yield drop_where(places, (x1 <= x0) | (y1 <= y0), "box_degenerate", _numbers_of("box"))
    outside = (pl.min_horizontal(x0, y0) < -NOISE) | (x1 > pl.col("width") + NOISE) | (y1 > pl.col("height") + NOISE)
    yield drop_where(places, outside, "box_outside", _in_picture("box"))


def _points(places: pl.DataFrame) -> Iterator[pl.DataFrame]:
    x, y = (pl.col("point").list.get(i, null_on_oob=True) for i in range(2))
    yield drop_where(places, pl.col("point").list.len() != 2, "point_shape", _numbers_of("point"))
    outside = (pl.min_horizontal(x, y) < -NOISE) | (x > pl.col("width") + NOISE) | (y > pl.col("height") + NOISE)
    yield drop_where(places, outside, "point_outside", _in_picture("point"))


def _masks(places: pl.DataFrame, tolerance: float) -> Iterator[pl.DataFrame]:
    masked = places.filter(pl.col("rle").is_not_null()).unnest("rle")
    of_view = pl.concat_list("height", "width") == pl.col("size")
    height, width = (pl.col("size").list.get(i, null_on_oob=True) for i in range(2))
    detail = pl.format("{} × {} for a picture of {} × {}", width, height, "width", "height")
    yield drop_where(masked, ~of_view, "rle_size", detail)
    masked = masked.filter(of_view)
    masked = masked.join(_mask_boxes(masked), on=["size", "counts"], how="left", maintain_order="left")
    yield drop_where(masked, pl.col("broken").is_not_null(), "rle_broken", pl.col("broken"))
    yield drop_where(masked, pl.col("broken").is_null() & pl.col("of_mask").is_null(), "mask_empty")
    box, of_mask = pl.col("box").list, pl.col("of_mask").list
    off = pl.max_horizontal((box.get(i, null_on_oob=True) - of_mask.get(i)).abs() for i in range(4))
    yield drop_where(
        masked, off > tolerance, "box_not_of_mask", pl.format("{}, mask {}", _numbers_of("box"), _numbers_of("of_mask"))
    )


def _mask_boxes(masked: pl.DataFrame) -> pl.DataFrame:
    """Each distinct mask once: size, counts, of_mask (its box; null if it is empty) and broken (why, or null)."""
    from medloom.converters.pixels.mask import bounding_box, rle_decode
    from medloom.schemas.errors import BadInput
    from medloom.schemas.sample import Rle

    distinct = masked.select("size", "counts").unique(maintain_order=True)
    boxes: list[Any] = []
    broken: list[str | None] = []
    for (height, width), counts in distinct.iter_rows():
        box, why = None, None
        try:
            box = bounding_box(rle_decode(Rle(size=(height, width), counts=counts)))
        except BadInput as bad:
            why = bad.detail
        boxes.append(box)
        broken.append(why)
    return distinct.with_columns(
        of_mask=pl.Series(boxes, dtype=pl.List(pl.Float64)), broken=pl.Series(broken, dtype=pl.String)
    )


def _lengths(shown: pl.DataFrame) -> Iterator[pl.DataFrame]:
    units = pl.col("measurements").list.eval(pl.element().struct.field("unit").is_in(LENGTHS)).list.any()
    answered = pl.col("answer").struct.field("unit").is_in(LENGTHS)
    said = pl.col("text").str.contains(SAYS_MM)
    says_length = units | answered.fill_null(False) | said
    yield drop_where(shown, says_length & ~pl.col("spaced"), "mm_without_spacing")


def _sides(shown: pl.DataFrame) -> Iterator[pl.DataFrame]:
    fields = (pl.element().struct.field(name) for name in ("concept", "value", "source_name"))
    stated = pl.col("evidence").list.eval(pl.concat_str(*fields, separator=" ", ignore_nulls=True))
    named = pl.col("options").list.eval(pl.element().struct.field("concept"))
    proof = pl.concat_str(stated.list.join(" "), pl.lit(" "), named.list.set_difference(list(SIDES)).list.join(" "))
    for side in SIDES:
        proven = proof.str.to_lowercase().str.contains(side, literal=True)
        says_side = pl.col("text").str.contains(naming(side))
        told = pl.col("text").str.extract(f"({naming(side)})")
        yield drop_where(shown, says_side & ~proven & ~pl.col("oriented"), "side_without_orientation", told)


def _numbers_of(name: str) -> pl.Expr:
    return pl.format("{} [{}]", pl.lit(name), pl.col(name).cast(pl.List(pl.String)).list.join(", ", ignore_nulls=True))


def _in_picture(name: str) -> pl.Expr:
    return pl.format("{} in a picture of {} × {}", _numbers_of(name), "width", "height")
