"""Prompt and answer: what is asked is what is answered, in words, in keys, in numbers and in places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import polars as pl

from medloom.quality.filter import Filter, FilterParams
from medloom.quality.spoken_numbers import ANY_NUMBER, NUMBER_WITH_UNIT, plain_numbers, rounds_to_truth
from medloom.quality.verdicts import drop_where, first_of

GEOMETRY = {"box": r"^(?:b?box(?:es)?)$", "point": r"^points?$", "rle": r"^(?:masks?|rles?|outlines?|contours?)$"}
"""Field of a Place that a slot of `fills` stands for, by the slot's name."""
NUMBER_SLOT = r"^(?:count|number|value|length|size|area|volume|distance|angle|diameter)$"

# A region that is given, not asked for: "in the marked box", "the outlined area".
GIVEN_PLACE = (
    r"(?i)\b(?:in|inside|within|at|by|of|for|about|on) (?:the|this|that|each|these|those) (?:[a-z]+ ){0,2}"
    r"(?:box(?:es)?|points?|masks?|outlines?|contours?)\b"
)
ASKS_FOR_PLACES = (
    r"(?i)\b(?:draw|give|return|provide|output|mark|put|add|list|report|predict|state)\b[^.?!\n]*"
    r"\b(?:bounding box(?:es)?|boxes|box|coordinates|masks?|outlines?)\b|\bpoint (?:to|at|out)\b|"
    r"(?:^|[.!?\n,]\s*|\b(?:please|and|then|to) )(?:segment|outline|delineate|mark|point|locali[sz]e) "
)
ASKS_WHERE = r"(?i)\bwhere\b|\blocat(?:e|ion)\b|\bposition\b"
YES, NO = r"(?i)^\W*yes\b", r"(?i)^\W*no(?:ne|t)?\b"
NUMBER_WORD = r"(?i)\b(?:zero|no|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|single)\b"


class PromptAnswer(Filter):
    """Drops a record whose prompt and answer don't belong together.

    - ``place_concept``: a place of the answer shows a concept that isn't among those that the record is about, or cites
      a fact that is about something else or denies it.
    - ``count``: a count that isn't the number of places given with it.
    - ``number``: a number that isn't the one measured, isn't the one said, or is said with a unit and measured nowhere.
    - ``polarity``, ``not_yes_or_no``: a closed answer against the record's polarity (English).
    - ``keys``, ``option_text``, ``option_not_in_prompt``: keys other than the right ones, another text than theirs, an
      option that wasn't offered.
    - ``not_said``: the last turn says neither the right options' texts nor their keys, or no to yes.
    - ``slot_not_filled``: `fills` promises boxes, points, masks, or a number, and the answer lacks some.
    - ``places_asked``: the prompt asks for boxes, points or masks (of a count: asks where), there is something, and the
      answer has no place (English).
    """

    name: ClassVar[str] = "prompt_answer"
    record_columns: ClassVar[tuple[str, ...]] = (
        "id", "form", "language", "turns", "concepts", "polarity", "options", "answer", "places", "measurements",
        "fills", "evidence",
    )  # fmt: skip
    Params: ClassVar[type[FilterParams]] = FilterParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        rows = _with_words(records)
        return first_of([*_places(rows), *_numbers(rows), *_closed(rows), *_choices(rows), *_slots(rows)])


def _with_words(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `asked` (all user turns), `said` (the last turn), `shown` (places of the answer), `nothing`
    (whether the right answer is that there is nothing to show) and the answer's fields."""
    text = pl.element().struct.field("text")
    asked = pl.col("turns").list.eval(text.filter(pl.element().struct.field("role") == "user")).list.join("\n")
    polarities = pl.col("evidence").list.eval(pl.element().struct.field("polarity"))
    return records.with_columns(
        asked=asked.fill_null(""),
        said=pl.col("turns").list.last().struct.field("text").fill_null(""),
        shown=pl.col("places").list.eval(pl.element().filter(pl.element().struct.field("role") == "answer")),
        english=pl.col("language").str.starts_with("en"),
        text=pl.col("answer").struct.field("text").str.strip_chars(),
        keys=pl.col("answer").struct.field("keys"),
        number=pl.col("answer").struct.field("number"),
        unit=pl.col("answer").struct.field("unit"),
        nothing=(pl.col("polarity") == "absent").fill_null(False)
        | (pl.col("answer").struct.field("number") == 0).fill_null(False)
        | polarities.list.eval(pl.element() == "absent").list.all(),
    )


def _places(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    each = rows.select("id", "concepts", "evidence", place="shown").explode("place", empty_as_null=False)
    each = each.with_columns(
        concept=pl.col("place").struct.field("concept"),
        fact=pl.col("evidence").list.get(pl.col("place").struct.field("fact"), null_on_oob=True),
    )
    meant = pl.col("concepts").list.contains(pl.col("concept"))
    yield drop_where(each, ~meant, "place_concept", pl.format("{} shown", "concept"))
    cited = pl.col("fact").struct.field("concept")
    other = (cited != "") & (cited != pl.col("concept")) & ~pl.col("concepts").list.contains(cited)
    denied = pl.col("fact").struct.field("polarity") == "absent"
    yield drop_where(each, other | denied, "place_concept", pl.format("{} shown by a fact of {}", "concept", cited))


def _numbers(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    number, places = pl.col("number"), pl.col("shown").list.len()
    counted = (pl.col("unit") == "count") & (places > 0) & (number != places)
    yield drop_where(rows, counted, "count", pl.format("{} counted, {} shown", number, places))
    measured = rows.select("id", "number", "unit", m="measurements").explode("m", empty_as_null=False)
    value, of = pl.col("m").struct.field("value"), pl.col("m").struct.field("unit")
    gap = (number - value).abs()
    near = gap <= pl.max_horizontal(pl.lit(0.51), 0.01 * value.abs())
    comparable = measured.filter(of == pl.col("unit"), number.is_not_null())
    whole = comparable.group_by("id", maintain_order=True).agg(near.any().alias("near"))
    yield drop_where(whole, ~pl.col("near"), "number", "answer and measurement")
    yield _unsaid(rows)
    yield _unmeasured(rows)


def _unsaid(rows: pl.DataFrame) -> pl.DataFrame:
    """Numeric answers of which the last turn writes numbers, none of them the answer."""
    without = r"\"[^\"]*\"|\([^)]*\)|\[[^\[\]]*\]"  # keys of JSON, and coordinates
    bare = plain_numbers(pl.col("said").str.replace_all(without, " "))
    numeric = rows.filter(pl.col("form") == "numeric", pl.col("number").is_finite())
    worded = (pl.col("unit") == "count").fill_null(False) & bare.str.contains(NUMBER_WORD)
    written = numeric.filter(~worded).select("id", "said", truth="number", written=bare.str.extract_all(ANY_NUMBER))
    each = written.explode("written", empty_as_null=False).with_columns(fits=rounds_to_truth())
    whole = each.group_by("id", maintain_order=True).agg(pl.col("fits").any(), pl.col("truth", "said").first())
    return drop_where(whole, ~pl.col("fits"), "number", pl.format("{} in {}", "truth", "said"))


def _unmeasured(rows: pl.DataFrame) -> pl.DataFrame:
    """Numbers with a unit, in the last turn of a record with measurements, that none of them gives."""
    measured = rows.filter(pl.col("measurements").list.len() > 0).select(
        "id",
        truth=pl.col("measurements").list.eval(pl.element().struct.field("value")),
        written=plain_numbers(pl.col("said")).str.extract_all(NUMBER_WITH_UNIT),
    )
    each = measured.explode("written", empty_as_null=False).explode("truth", empty_as_null=False)
    whole = each.group_by("id", "written", maintain_order=True).agg(rounds_to_truth().any().alias("fits"))
    return drop_where(whole, ~pl.col("fits"), "number", pl.format("{} was not measured", "written"))


def _closed(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    closed = rows.filter(pl.col("form") == "closed", "english")
    for column in ("text", "said"):
        yes, no = pl.col(column).str.contains(YES), pl.col(column).str.contains(NO)
        wrong = (yes & (pl.col("polarity") == "absent")) | (no & (pl.col("polarity") == "present"))
        yield drop_where(closed, wrong, "polarity", pl.format("{} to {}", column, "polarity"))
    stated = pl.col("text").str.contains(YES) | pl.col("text").str.contains(NO)
    yield drop_where(closed, ~stated & pl.col("options").list.len().eq(0), "not_yes_or_no", pl.col("text"))
    contrary = pl.any_horizontal(
        pl.col("text").str.contains(one) & pl.col("said").str.contains(other) for one, other in ((YES, NO), (NO, YES))
    )
    yield drop_where(closed, contrary, "not_said", pl.format("{}, but {}", "text", "said"))


def _choices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    choices = rows.filter(pl.col("form").is_in(["single", "multiple"]))
    field = pl.element().struct.field
    right = pl.col("options").list.eval(field("key").filter(field("correct"))).list.sort()
    yield drop_where(choices, right != pl.col("keys").list.sort(), "keys", pl.col("keys").list.join(", "))
    offered = choices.select("id", "asked", "said", "text", "keys", option="options").explode(
        "option", empty_as_null=False
    )
    offered = offered.unnest("option", separator="_").with_columns(
        low=pl.col("option_text").str.strip_chars().str.to_lowercase()
    )
    unseen = ~pl.col("asked").str.to_lowercase().str.contains(pl.col("low"), literal=True)
    yield drop_where(offered, unseen, "option_not_in_prompt", pl.col("option_text"))
    correct = offered.filter(pl.col("option_correct"))
    only_keys = pl.col("text").str.replace_all(r"\W", "") == pl.col("keys").list.join("")
    named = pl.col("text").str.to_lowercase().str.contains(pl.col("low"), literal=True)
    yield drop_where(correct, ~named & ~only_keys, "option_text", pl.format("{} for {}", "text", "option_text"))
    key = pl.concat_str(pl.lit(r"(?:^|\W)"), pl.col("option_key").str.escape_regex(), pl.lit(r"(?:\W|$)"))
    heard = pl.col("said").str.to_lowercase().str.contains(pl.col("low"), literal=True)
    yield drop_where(
        correct, ~heard & ~pl.col("said").str.contains(key), "not_said", pl.format("{} in {}", "option_text", "said")
    )


def _slots(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    places = pl.col("shown").list.len()
    for field, slot in GEOMETRY.items():
        promised = pl.col("fills").list.eval(pl.element().str.contains(slot)).list.any()
        given = pl.col("shown").list.eval(pl.element().struct.field(field).is_not_null()).list.all()
        empty = (places == 0) & ~pl.col("nothing")
        yield drop_where(rows, promised & (empty | ~given), "slot_not_filled", field)
    numbered = pl.col("fills").list.eval(pl.element().str.contains(NUMBER_SLOT)).list.any()
    lacking = numbered & (pl.col("form") == "numeric") & pl.col("number").is_null()
    yield drop_where(rows, lacking, "slot_not_filled", "number")
    asked = pl.col("asked").str.replace_all(GIVEN_PLACE, " ")
    wanted = asked.str.contains(ASKS_FOR_PLACES) | ((pl.col("unit") == "count") & asked.str.contains(ASKS_WHERE))
    missing = pl.col("english") & wanted.fill_null(False) & (places == 0) & ~pl.col("nothing")
    yield drop_where(rows, missing, "places_asked", pl.col("asked"))
