"""Split: whole patients, and everything that shares a picture with them, go to one split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec
import numpy as np
import polars as pl

from medloom.quality.components import components
from medloom.quality.draw import draw
from medloom.quality.likeness import DISTANCE, ThumbsOf, clusters
from medloom.schemas.catalog import SplitSettings
from medloom.schemas.identity import digest
from medloom.schemas.sample import Split

SPLITS: tuple[Split, ...] = get_args(Split)
STRICTEST: tuple[Split, ...] = ("test", "validation", "train")
KEPT_WHOLE = {"patient": ("patient", "study"), "study": ("study",), "sample": ()}
TOLD = 5  # members that a clash names


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """A component whose members are published in several splits; all of them went to `resolved`, the strictest.

    `group` is the component. `reason` is ``group_in_several_splits`` where one patient or study alone is published so,
    else ``shared_picture_in_several_splits``. `detail` names some members.
    """

    group: str
    reason: Literal["group_in_several_splits", "shared_picture_in_several_splits"]
    splits: tuple[Split, ...]
    resolved: Split
    detail: str
    samples: int


@dataclass(frozen=True)
class SplitResult:
    """`assignments` has source, sample, split and component, a row for each sample, sorted by the first two.

    `shares` is the share of samples that each split got, to be held against the ratios; `largest_component` is the
    share of samples in the largest component.
    """

    assignments: pl.DataFrame
    clashes: tuple[Clash, ...]
    shares: Mapping[Split, float]
    largest_component: float


def picture_keys(views: pl.DataFrame, distance: int = DISTANCE, thumbs_of: ThumbsOf | None = None) -> pl.DataFrame:
    """source, sample, key: one key for all pictures of a cluster of near-duplicates, equal bytes included.

    `views` has `source`, `sample`, `sha256` and the columns of `medloom.quality.likeness.copies`. Pictures of one
    sample are not compared: they stay together anyhow.
    """
    owned = views.with_columns(owner=pl.concat_str("source", "sample", separator="\0"))
    named = views.select("source", "sample", key=pl.format("picture:{}", clusters(owned, distance, thumbs_of)))
    return named.unique().sort("source", "sample", "key")


def assign_splits(samples: pl.DataFrame, keys: pl.DataFrame, settings: SplitSettings) -> SplitResult:
    """Which split each sample goes to.

    `samples` has source, sample (one row each), patient, study and published_split, the last three nullable. Samples
    that share a key of `keys` (source, sample, key) stay together, and so do those of one patient or study of a
    source (with `settings.by` "study" those of one study, with "sample" none); a sample without either is alone. The
    result doesn't depend on the order of rows.

    A component of which some members are published in a split goes there whole; of several splits to the strictest
    (test before validation before train), which is told as a Clash. Every other component is drawn from the digest
    of its first member (patient before study before sample) against the ratios, so that it stays where it is when
    others come or go; the price is that shares only tend to the ratios (`draw` says how small corpora are mended).
    Raises ValueError where a (source, sample) is given twice.
    """
    columns = ("source", "sample", "patient", "study", "published_split")
    samples = samples.select(pl.col(columns).cast(pl.String)).sort("source", "sample")
    if samples.select(pl.struct("source", "sample").is_duplicated().any()).item():
        raise ValueError("assign_splits wants each (source, sample) once")
    published = pl.col("published_split") if settings.respect_published else pl.lit(None)
    named = samples.select(
        "source",
        "sample",
        member=_member(settings.by),
        published=published.cast(pl.String),
        root=pl.Series(_roots(samples, keys, settings.by), dtype=pl.Int64),
    )
    whole = _components(named)
    whole = whole.with_columns(split=pl.Series(draw(whole, settings.ratios), dtype=pl.String))
    done = named.join(whole.select("root", "component", "split"), on="root", how="left", maintain_order="left")
    counts = dict(done["split"].value_counts().iter_rows())
    return SplitResult(
        assignments=done.select("source", "sample", "split", "component"),
        clashes=tuple(_clashes(done, whole)),
        shares={name: counts.get(name, 0) / max(1, len(done)) for name in SPLITS},
        largest_component=(whole["samples"].to_numpy().max(initial=0)) / max(1, len(done)),
    )


def _member(by: str) -> pl.Expr:
    """The name of what is kept whole: patient before study before sample, so that patients name components."""
    names = [_key(f"{rank}", "source", part) for rank, part in enumerate(KEPT_WHOLE[by])]
    return pl.coalesce(*names, _key("9", "source", "sample"))


def _key(kind: str, *columns: str) -> pl.Expr:
    return pl.concat_str(pl.lit(kind), *columns, separator="\0")


def _roots(samples: pl.DataFrame, keys: pl.DataFrame, by: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each row the first row of its component."""
    rows = samples.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    shared = [rows.join(keys, on=["source", "sample"]).select("row", key=_key("key", "key"))]
    shared += [
        rows.filter(pl.col(part).is_not_null()).select("row", key=_key(part, "source", part)) for part in KEPT_WHOLE[by]
    ]
    links = pl.concat(shared).filter(pl.col("key").is_duplicated())
    links = links.with_columns(first=pl.col("row").min().over("key"))
    return components(len(samples), links["row"].to_numpy(), links["first"].to_numpy())


def _components(named: pl.DataFrame) -> pl.DataFrame:
    """root, component, samples, and published (the strictest split that is, or null), sorted by component."""
    strictness = pl.col("published").replace_strict(STRICTEST, range(len(STRICTEST)), return_dtype=pl.Int64)
    whole = named.group_by("root").agg(
        pl.col("member").min(), pl.len().alias("samples"), strictness.min().alias("published")
    )
    ids = [digest("component", member) for member in whole["member"]]
    return whole.select(
        "root",
        "samples",
        component=pl.Series(ids, dtype=pl.String),
        published=pl.col("published").replace_strict(range(len(STRICTEST)), STRICTEST, return_dtype=pl.String),
    ).sort("component")


def _clashes(done: pl.DataFrame, whole: pl.DataFrame) -> list[Clash]:
    told = done.filter(pl.col("published").is_not_null())
    several = told.filter(pl.col("published").n_unique().over("component") > 1)
    within = several.filter(pl.col("published").n_unique().over("member") > 1)
    alone = set(within["component"])
    found = []
    for (component,), rows in several.group_by("component", maintain_order=True):
        named = pl.format("{}/{} ({})", "source", "sample", "published")
        members = rows.unique(["member", "published"], keep="first", maintain_order=True).select(named).to_series()
        found.append(
            Clash(
                group=str(component),
                reason="group_in_several_splits" if component in alone else "shared_picture_in_several_splits",
                splits=tuple(name for name in SPLITS if name in set(rows["published"])),
                resolved=rows["split"][0],
                detail=", ".join(members[:TOLD]) + (", …" if len(members) > TOLD else ""),
                samples=whole.row(by_predicate=pl.col("component") == component, named=True)["samples"],
            )
        )
    return sorted(found, key=lambda clash: clash.group)
