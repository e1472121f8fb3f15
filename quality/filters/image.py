"""Image: pictures that show nothing, from the statistics that conversion left in each View."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Judgement, Look
from medloom.quality.thumbs import border_share
from medloom.quality.verdicts import drop_where, first_of

SMOOTH = ("pet", "nuclear")
STATISTICS = ("mean", "std", "dark", "bright", "sharpness")


class ImageParams(FilterParams):
    """Bounds, in pixels and grey levels 0 to 255.

    `min_std`: a picture of less spread is blank; dim fluorescence has about 2. `max_dark`, `max_bright`: with more than
    this share of black (white) pixels *and* a mean beyond `dark_mean` (`bright_mean`) nothing is left to see; nuclei
    on black reach 0.98 dark, slides on white 0.95 bright.

    Roughness is sharpness over variance: 20 of white noise whatever its strength, 0.036 to 4 of the real pictures
    that this was measured on, 0.002 to 0.032 of the same blurred over 4 to 8 % of their side. It is taken of the
    picture reduced to about 64 pixels, which doesn't see finer blur; of PET and nuclear medicine, smooth by nature, it
    isn't asked. `max_border`: share of the picture that flat margins may take.
    `min_sharpness` asks for more than a share of the contrast; 0 leaves it.
    """

    min_side: int = Field(default=32, ge=1)
    max_aspect: float = Field(default=8.0, ge=1)
    min_std: float = Field(default=1.0, ge=0)
    max_dark: float = Field(default=0.995, gt=0, le=1)
    dark_mean: float = Field(default=4.0, ge=0, le=255)
    max_bright: float = Field(default=0.995, gt=0, le=1)
    bright_mean: float = Field(default=251.0, ge=0, le=255)
    min_roughness: float = Field(default=0.03, ge=0)
    max_roughness: float = Field(default=12.0, gt=0)
    max_border: float = Field(default=0.85, gt=0, le=1)
    min_sharpness: float = Field(default=0.0, ge=0)


class _Rule(NamedTuple):
    """A bound on one value of a view: `bad` says where it is broken, `params` are the parameters that it depends on."""

    reason: str
    what: str
    bad: pl.Expr
    value: pl.Expr
    bound: str
    params: tuple[str, ...]


class Image(Filter):
    """Drops a record that shows a picture which is ``too_small``, of ``extreme_aspect``, ``blank``, ``noise_only``,
    ``underexposed``, ``overexposed``, ``blurred``, ``mostly_border``, or whose statistics are ``not_finite``.

    Statistics are those of `medloom.converters.pixels.look.PictureStats`: of the upright grey picture reduced to
    about 64 pixels; nothing is asked of a value that is null. Pictures that can't be decoded never get here: conversion
    quarantines them. The score is the roughness of the record's smoothest picture.
    """

    name: ClassVar[str] = "image"
    version: ClassVar[str] = "2"
    score_of: ClassVar[str] = "roughness (sharpness over variance) of its smoothest picture"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "width", "height", *STATISTICS, "acquisition", "thumb")
    Params: ClassVar[type[FilterParams]] = ImageParams
    params: ImageParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        measured = _measured(views)
        bad = first_of(
            drop_where(measured, rule.bad, rule.reason, pl.format("{} {}", pl.lit(rule.what), rule.value))
            for rule in self._rules()
        ).rename({"record": "view"})
        shown = records.select("id", view="views").explode("view", empty_as_null=False)
        found = shown.join(bad, on="view", how="inner")
        rough = shown.join(measured.select(view="id", rough="roughness"), on="view", how="inner")
        scores = rough.filter(pl.col("rough").is_finite()).group_by("id").agg(score=pl.col("rough").min())
        return Judgement(
            first_of([found.select(record="id", reason="reason", detail=pl.format("{}: {}", "view", "detail"))]),
            scores.select(record="id", score="score"),
        )

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        shown = records.filter(pl.col("id") == record)["views"].explode().drop_nulls()
        found = []
        for view in _measured(views.filter(pl.col("id").is_in(shown.implode()))).sort("id").partition_by("id"):
            for rule in self._rules():
                value, bad = view.select(value=rule.value.cast(pl.String), bad=rule.bad).row(0)
                change = f"{' or '.join(rule.params)}: another bound would keep it" if bad and rule.params else ""
                if bad and rule.reason == "too_small":
                    change = f"min_side: {value.split()[0]} would keep it"
                found.append(
                    Look(
                        what=f"{rule.what} of {view['id'][0]}", value=value or "not known", bound=rule.bound,
                        passed=None if bad is None else not bad, change=change,
                    )
                )  # fmt: skip
        return found

    def _rules(self) -> Iterator[_Rule]:
        p = self.params
        col = pl.col
        short, long = pl.min_horizontal("width", "height"), pl.max_horizontal("width", "height")
        finite = pl.all_horizontal(col(name).is_finite() for name in STATISTICS)
        spread = col("std").round(2)
        yield _Rule("not_finite", "statistics", ~finite, finite.cast(pl.String), "all finite", ())
        yield _Rule(
            "too_small", "shorter side", short < p.min_side, pl.format("{} px", short), f"min_side ≥ {p.min_side}",
            ("min_side",),
        )  # fmt: skip
        yield _Rule(
            "extreme_aspect", "aspect", long > p.max_aspect * short, (long / short).round(2),
            f"max_aspect ≤ {p.max_aspect:g}", ("max_aspect",),
        )  # fmt: skip
        yield _Rule(
            "blank", "spread", col("std") < p.min_std, spread, f"min_std ≥ {p.min_std:g} grey levels", ("min_std",)
        )
        yield _Rule(
            "noise_only", "roughness", col("roughness") > p.max_roughness, col("roughness").round(4),
            f"max_roughness ≤ {p.max_roughness:g}", ("max_roughness",),
        )  # fmt: skip
        for reason, share, most, mean, beyond, low in (
            ("underexposed", "dark", p.max_dark, "dark_mean", p.dark_mean, True),
            ("overexposed", "bright", p.max_bright, "bright_mean", p.bright_mean, False),
        ):
            past = col("mean") < beyond if low else col("mean") > beyond
            yield _Rule(
                reason, f"{share} pixels and mean", (col(share) > most) & past,
                pl.format("{}, {}", col(share).round(4), col("mean").round(2)),
                f"max_{share} ≤ {most:g} or {mean} {'≥' if low else '≤'} {beyond:g}", (f"max_{share}", mean),
            )  # fmt: skip
        yield _Rule(
            "blurred", "roughness", (col("roughness") < p.min_roughness) & ~col("smooth"), col("roughness").round(4),
            f"min_roughness ≥ {p.min_roughness:g}", ("min_roughness",),
        )  # fmt: skip
        yield _Rule(
            "blurred", "sharpness", col("sharpness") < p.min_sharpness, col("sharpness").round(2),
            f"min_sharpness ≥ {p.min_sharpness:g}", ("min_sharpness",),
        )  # fmt: skip
        yield _Rule(
            "mostly_border", "flat border", col("border") > p.max_border, col("border").round(3),
            f"max_border ≤ {p.max_border:g}", ("max_border",),
        )  # fmt: skip


def _measured(views: pl.DataFrame) -> pl.DataFrame:
    """The views with `roughness`, `border` and `smooth`."""
    rough = pl.when(pl.col("std") > 0).then(pl.col("sharpness") / pl.col("std") ** 2)
    smooth = pl.col("acquisition").struct.field("modality").is_in(SMOOTH).fill_null(False)
    return views.with_columns(border_share(views["thumb"]), roughness=rough, smooth=smooth)
