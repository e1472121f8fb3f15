"""Narrow: the columns of written shards that expectations look at, one row for a record, a view or a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medloom.schemas.record import MEDIA_TAGS

GROUP = ("source", "patient", "study", "sample")
VIEW = (
    "id", "source", "sample", "kind", "sha256", "phash", "width", "height", "bytes", "spacing_mm",
)  # fmt: skip
RECORD = (
    "id", "source", "sample", "split", "licence", "task", "type", "template", "form", "polarity",
    "views", "turns", "options", "answer", "places", "measurements", "evidence",
)  # fmt: skip
RECORDS = (
    "id", "row", "same_row", "source", "sample", "split", "licence", "task", "type", "template", "form", "turns",
    "prompt_chars", "answer_chars", "facts", "unknown_views", "unknown_facts", "places", "choice", "shown", "said_yes",
    "right_is_longest", "right_is_first",
)  # fmt: skip
"""Columns of `records`. `places`, `choice` and `shown` say what is wrong with boxes and points, with the answer to a
choice, and with the tags in the user's turns; they are empty where nothing is.
`said_yes`, `right_is_longest` and `right_is_first` are 1 or 0, and null where the form has no such thing."""
EDGE = 1e-6  # pixels; what arithmetic may add to a box that ends at the edge
_TAG = "|".join(MEDIA_TAGS.values())
VIEWS_OF = tuple(f"views.list.element.{name}" for name in VIEW)
RECORDS_OF = (
    *("id", "source", "sample", "split"),
    *(f"views.list.element.{name}" for name in ("id", "width", "height")),
    *(f"records.list.element.{name}" for name in RECORD),
)
GROUPS = ("split", "views.list.element.sha256", *(f"records.list.element.{name}" for name in GROUP))
"""The columns of a shard that `views`, `records` and `groups` want."""


def read_shard(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of the shard."""
    return pq.ParquetFile(path).read(columns=list(columns))


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
    each = row.explode("record", empty_as_null=False).unnest("record").with_row_index("at")
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
    tags, held = user.str.count_matches(_TAG), pl.col("views").list.len()
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
        _misplaced(each).alias("places"),
        _misanswered(right).alias("choice"),
        pl.when(tags != held).then(pl.format("{} tags for {} views", tags, held)).otherwise(pl.lit("")).alias("shown"),
        pl.when(closed & pl.col("polarity").is_in(["present", "absent"]))
        .then((pl.col("polarity") == "present").cast(pl.Int64)).alias("said_yes"),
        pl.when(single).then((right_length.list.first() >= length.list.max()).cast(pl.Int64)).alias("right_is_longest"),
        pl.when(single).then((right.list.first() == pl.col("options").list.first().struct.field("key")).cast(pl.Int64))
        .alias("right_is_first"),
    ).select(RECORDS)  # fmt: skip


def _misplaced(each: pl.DataFrame) -> pl.Series:
    """Of each record the first box without area or beyond its picture, or point beyond it; "" where there is none.

    Views of a record are those of its row, in order.
    """
    some = each.filter(pl.col("places").list.len() > 0)
    place = some.select("at", "widths", "heights", place="places").explode("place", empty_as_null=False)
    place = place.select("at", "widths", "heights", pl.col("place").struct.field("box", "point", "view"))
    known = (pl.col("view") >= 0) & (pl.col("view") < pl.col("widths").list.len())
    at = pl.when(known).then("view")
    wide, high = (pl.col(side).list.get(at, null_on_oob=True) + EDGE for side in ("widths", "heights"))
    x0, y0, x1, y1 = (pl.col("box").list.get(number, null_on_oob=True) for number in range(4))
    x, y = (pl.col("point").list.get(number, null_on_oob=True) for number in range(2))
    boxed = (x0 >= -EDGE) & (x0 < x1) & (x1 <= wide) & (y0 >= -EDGE) & (y0 < y1) & (y1 <= high)
    within = (x >= -EDGE) & (x <= wide) & (y >= -EDGE) & (y <= high)
    told = [
        pl.when(~known).then(pl.format("view {} is not there", "view")),
        pl.when(pl.col("box").is_not_null() & ~boxed.fill_null(False)).then(_beyond("box")),
        pl.when(pl.col("point").is_not_null() & ~within.fill_null(False)).then(_beyond("point")),
    ]
    wrong = place.select("at", wrong=pl.coalesce(told)).drop_nulls("wrong")
    first = wrong.group_by("at").agg(pl.col("wrong").first())
    return each.select("at").join(first, on="at", how="left", maintain_order="left")["wrong"].fill_null("")


def _beyond(what: str) -> pl.Expr:
    size = [pl.col(side).list.get("view", null_on_oob=True) for side in ("widths", "heights")]
    numbers = pl.col(what).list.eval(pl.element().cast(pl.String)).list.join(", ")
    return pl.format(what + " ({}) in a picture of {} × {}", numbers, *size)


def _misanswered(right: pl.Expr) -> pl.Expr:
    """What a choice's answer names that it should not; "" where it names the keys of its right options.

    A single choice has one of those, a multiple choice some. Other forms name nothing that isn't offered.
    """
    none = pl.lit([], pl.List(pl.String))
    given = pl.coalesce(pl.col("answer").struct.field("keys"), none)
    offered = pl.coalesce(pl.col("options").list.eval(pl.element().struct.field("key")), none)
    right = pl.coalesce(right, none)
    count, several = right.list.len(), pl.col("form") == "multiple"
    chosen = (given.list.sort().list.join("\0") == right.list.sort().list.join("\0")) & (
        offered.list.n_unique() == offered.list.len()
    )
    named = (offered.list.len() == 0) | (given.list.set_difference(offered).list.len() == 0)
    sound = (
        pl.when((pl.col("form") == "single") | several)
        .then((several | (count == 1)) & (count > 0) & chosen)
        .otherwise(named)
    )
    parts = (part.list.join(", ") for part in (given, offered, right))
    return pl.when(sound).then(pl.lit("")).otherwise(pl.format("answers [{}] of [{}], of which [{}] are right", *parts))


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
    kept = 0
    for shard in shards:
        rows = pl.DataFrame(pl.from_arrow(shard))
        each = rows.select("split", record="records").explode("record", empty_as_null=False)
        member = pl.col("record").struct
        found = []
        for kind in ("patient", "study", "sample"):
            named = pl.concat_str(member.field("source"), member.field(kind), separator="/")
            found.append(each.select("split", kind=pl.lit(kind), name=named).drop_nulls("name"))
        shown = rows.select("split", view="views").explode("view", empty_as_null=False)
        found.append(shown.select("split", kind=pl.lit("picture"), name=pl.col("view").struct.field("sha256")))
        seen.append(pl.concat(found).unique())
        if sum(map(len, seen)) > 2 * kept:  # each time that they double: seldom, and never many more than there are
            seen = [pl.concat(seen).unique()]
            kept = len(seen[0])
    counted = pl.concat(seen).group_by("kind", "name").agg(splits=pl.col("split").n_unique().cast(pl.Int64))
    return counted.sort("kind", "name")
