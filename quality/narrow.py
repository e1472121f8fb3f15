"""Narrow: the columns of written shards that expectations look at, one row for a record, a view or a group."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medloom.schemas.record import MEDIA_TAGS

ROW = ("id", "source", "sample", "patient", "split", "licence")
VIEW = (
    "id", "source", "sample", "kind", "sha256", "phash", "width", "height", "bytes", "spacing_mm",
)  # fmt: skip
RECORD = (
    "id", "source", "sample", "patient", "study", "split", "licence", "task", "type", "template", "form", "polarity",
    "views", "turns", "options", "answer", "places", "measurements", "evidence",
)  # fmt: skip
RECORDS = (
    "id", "row", "same_row", "source", "sample", "split", "licence", "task", "type", "template", "form", "turns",
    "prompt_chars", "answer_chars", "facts", "unknown_views", "unknown_facts", "places", "choice", "shown", "said_yes",
    "right_is_longest", "right_is_first",
)  # fmt: skip
"""Columns of `records`. `places` has boxes, points, the number of the view of each, and widths and heights of the
views; `choice` has form, keys (of the answer), offered and right; `shown` has tags (in the user's turns) and views.
`said_yes`, `right_is_longest` and `right_is_first` are 1 or 0, and null where the form has no such thing."""
_TAG = "|".join(MEDIA_TAGS.values())


def read_shard(path: Path) -> pa.Table:
    """The shard's columns without the bytes of its media."""
    wanted = [*ROW]
    wanted += [f"views.list.element.{name}" for name in VIEW] + [f"records.list.element.{name}" for name in RECORD]
    return pq.ParquetFile(path).read(columns=wanted)


def records(shard: pa.Table) -> pl.DataFrame:
    """One row for each record, with `RECORDS`."""
    rows = pl.DataFrame(pl.from_arrow(shard))
    size = pl.element().struct
    row = rows.select(
        row="id",
        of=pl.struct("source", "sample", "split"),
        held=pl.col("views").list.eval(size.field("id")),
        widths=pl.col("views").list.eval(size.field("width")),
        heights=pl.col("views").list.eval(size.field("height")),
        record="records",
    )
    each = row.explode("record", empty_as_null=False).unnest("record")
    user = pl.col("turns").list.eval(size.field("text").filter(size.field("role") == "user")).list.join("\n")
    last = pl.col("turns").list.last().struct.field("text")
    right = pl.col("options").list.eval(size.field("key").filter(size.field("correct")))
    length = pl.col("options").list.eval(size.field("text").str.len_chars())
    right_length = pl.col("options").list.eval(size.field("text").str.len_chars().filter(size.field("correct")))
    single, closed = pl.col("form") == "single", pl.col("form") == "closed"
    cited = pl.concat_list(
        pl.col("places").list.eval(size.field("fact")), pl.col("measurements").list.eval(size.field("fact"))
    )
    facts = pl.col("evidence").list.len()
    return each.select(
        "id",
        "row",
        pl.struct("source", "sample", "split").eq(pl.col("of")).alias("same_row"),
        *("source", "sample", "split", "licence", "task", "type", "template", "form"),
        pl.col("turns").list.len().cast(pl.Int64),
        user.str.replace_all(_TAG, "").str.strip_chars().str.len_chars().cast(pl.Int64).alias("prompt_chars"),
        last.str.strip_chars().str.len_chars().cast(pl.Int64).alias("answer_chars"),
        facts.cast(pl.Int64).alias("facts"),
        pl.col("views").list.set_difference("held").list.len().cast(pl.Int64).alias("unknown_views"),
        ((cited.list.max() >= facts) | (cited.list.min() < 0)).fill_null(False).cast(pl.Int64).alias("unknown_facts"),
        _places().alias("places"),
        pl.struct("form", keys=pl.col("answer").struct.field("keys"), offered=pl.col("options").list.eval(
            size.field("key")), right=right).alias("choice"),
        pl.struct(tags=user.str.count_matches(_TAG), views=pl.col("views").list.len()).alias("shown"),
        pl.when(closed & pl.col("polarity").is_in(["present", "absent"]))
        .then((pl.col("polarity") == "present").cast(pl.Int64)).alias("said_yes"),
        pl.when(single).then((right_length.list.first() >= length.list.max()).cast(pl.Int64)).alias("right_is_longest"),
        pl.when(single).then((right.list.first() == pl.col("options").list.first().struct.field("key")).cast(pl.Int64))
        .alias("right_is_first"),
    ).select(RECORDS)  # fmt: skip


def _places() -> pl.Expr:
    """Boxes and points with the sizes of the views; views of a record are those of its row, in order."""
    place = pl.element().struct
    return pl.struct(
        boxes=pl.col("places").list.eval(place.field("box")),
        points=pl.col("places").list.eval(place.field("point")),
        view=pl.col("places").list.eval(place.field("view")),
        widths="widths",
        heights="heights",
    )


def views(shard: pa.Table) -> pl.DataFrame:
    """One row for each view."""
    shown = pl.DataFrame(pl.from_arrow(shard)).select(view="views").explode("view", empty_as_null=False).unnest("view")
    spacing = pl.col("spacing_mm").list
    return shown.select(
        *VIEW[:-1],
        spacing_down_mm=spacing.get(0, null_on_oob=True),
        spacing_right_mm=spacing.get(1, null_on_oob=True),
    )


def groups(shards: Iterable[pa.Table]) -> pl.DataFrame:
    """kind, name, splits (how many): one row for each patient, study, sample and picture."""
    seen: list[pl.DataFrame] = []
    for shard in shards:
        rows = pl.DataFrame(pl.from_arrow(shard))
        each = rows.select("split", record="records").explode("record", empty_as_null=False)
        member = pl.col("record").struct
        for kind in ("patient", "study", "sample"):
            named = pl.concat_str(member.field("source"), member.field(kind), separator="/")
            seen.append(each.select("split", kind=pl.lit(kind), name=named).drop_nulls("name"))
        shown = rows.select("split", view="views").explode("view", empty_as_null=False)
        seen.append(shown.select("split", kind=pl.lit("picture"), name=pl.col("view").struct.field("sha256")))
        seen = [pl.concat(seen).unique()]
    counted = pl.concat(seen).group_by("kind", "name").agg(splits=pl.col("split").n_unique().cast(pl.Int64))
    return counted.sort("kind", "name")
