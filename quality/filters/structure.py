"""Structure: a record's parts are all there and refer to each other rightly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import polars as pl

from medloom.quality.filter import Filter
from medloom.quality.verdicts import drop_where, first_of

ANY_TAG = r"<(image|volume|video)>"
WHOLE_TAGS = {"volume": "<volume>", "video": "<video>"}


class Structure(Filter):
    """Drops a record whose turns, pictures, options, answer or evidence don't hang together.

    Reasons: ``duplicate_id``, ``no_turns``, ``turns_order``, ``no_picture``, ``image_count``, ``image_in_answer``,
    ``unknown_view``, ``repeated_view``, ``empty_text``, ``empty_prompt``, ``options_missing``, ``option_empty``,
    ``option_repeated``, ``option_correct_count``, ``answer_missing``, ``no_evidence``, ``fact_index``,
    ``place_view``, ``place_empty``, ``picture_in_text``. Records of the config ``text`` show nothing; those of
    ``volume`` and ``video`` show one whole medium, and pictures beside it as they like.
    """

    name: ClassVar[str] = "structure"
    record_columns: ClassVar[tuple[str, ...]] = (
        "id", "config", "form", "views", "turns", "options", "answer", "places", "measurements", "texts", "evidence",
    )  # fmt: skip

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return first_of(
            [
                drop_where(records, pl.col("id").is_duplicated(), "duplicate_id"),
                *_turns(records),
                *_pictures(records, views),
                *_texts(records),
                *_options(records),
                *_answer(records),
                *_evidence(records),
            ]
        )


def _turns(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    turns = pl.col("turns")
    roles = turns.list.eval(pl.element().struct.field("role"))
    yield drop_where(records, turns.list.len() == 0, "no_turns")
    in_turn = (
        (roles.list.len() % 2 == 0)
        & roles.list.gather_every(2).list.eval(pl.element() == "user").list.all()
        & roles.list.gather_every(2, 1).list.eval(pl.element() == "assistant").list.all()
    )
    yield drop_where(records, ~in_turn, "turns_order", roles.list.join(" "))


def _pictures(records: pl.DataFrame, views: pl.DataFrame) -> Iterator[pl.DataFrame]:
    said, pictures, text = _said_by("user"), pl.col("views").list.len(), pl.col("config") == "text"
    shown = said.str.count_matches(ANY_TAG)
    yield drop_where(records, (pictures == 0) & ~text, "no_picture")
    yield drop_where(records, (pictures > 0) & text, "picture_in_text")
    yield drop_where(records, shown != pictures, "image_count", pl.format("{} tags, {} views", shown, pictures))
    for config, tag in WHOLE_TAGS.items():
        whole = said.str.count_matches(tag, literal=True)
        yield drop_where(
            records, (whole == 1) != (pl.col("config") == config), "image_count", pl.format("{} {}", whole, pl.lit(tag))
        )
    yield drop_where(records, _said_by("assistant").str.contains(ANY_TAG), "image_in_answer")
    named = records.select("id", view=pl.col("views")).explode("view", empty_as_null=False)
    unknown = named.join(views.select(view="id"), on="view", how="anti", nulls_equal=False)
    yield drop_where(unknown, pl.lit(True), "unknown_view", pl.col("view"))
    yield drop_where(records, pl.col("views").list.n_unique() != pictures, "repeated_view")


def _texts(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    turns, text = pl.col("turns"), pl.element().struct.field("text").str.strip_chars()
    blank = turns.list.eval(text == "").list.any()
    blank_caption = pl.col("texts").list.eval(pl.element().str.strip_chars() == "").list.any()
    blank_answer = pl.col("answer").struct.field("text").str.strip_chars() == ""
    yield drop_where(records, blank | blank_caption | blank_answer.fill_null(False), "empty_text")
    asked = _said_by("user").str.replace_all(ANY_TAG, "").str.strip_chars()
    yield drop_where(records, (pl.col("form") != "none") & (asked == ""), "empty_prompt")


def _options(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    options, form = pl.col("options"), pl.col("form")
    keys = options.list.eval(pl.element().struct.field("key").str.strip_chars())
    texts = options.list.eval(pl.element().struct.field("text").str.strip_chars().str.to_lowercase())
    correct = options.list.eval(pl.element().struct.field("correct").cast(pl.UInt32)).list.sum()
    count = options.list.len()
    choice = form.is_in(["single", "multiple"])
    yield drop_where(records, choice & (count < 2), "options_missing", pl.format("{} options", count))
    blank = keys.list.contains("") | texts.list.contains("")
    yield drop_where(records, blank, "option_empty")
    repeated = (keys.list.n_unique() != count) | (texts.list.n_unique() != count)
    yield drop_where(records, repeated, "option_repeated", texts.list.join(" | "))
    wrong = (choice & (correct == 0)) | ((form != "multiple") & (count > 0) & (correct != 1))
    yield drop_where(records, wrong, "option_correct_count", pl.format("{} of {} correct", correct, count))


def _answer(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    answer, form = pl.col("answer"), pl.col("form")
    missing = (form != "none") & answer.is_null()
    keyless = form.is_in(["single", "multiple"]) & (answer.struct.field("keys").list.len() == 0)
    numberless = (form == "numeric") & answer.struct.field("number").is_null()
    yield drop_where(records, missing | keyless.fill_null(False) | numberless, "answer_missing", form)


def _evidence(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    facts = pl.col("evidence").list.len()
    yield drop_where(records, facts == 0, "no_evidence")
    for column in ("places", "measurements"):
        cited = pl.col(column).list.eval(pl.element().struct.field("fact"))
        outside = (cited.list.min() < 0) | (cited.list.max() >= facts)
        yield drop_where(records, outside, "fact_index", pl.format("{} cites beyond {} facts", pl.lit(column), facts))
    shown = pl.col("places").list.eval(pl.element().struct.field("view"))
    outside = (shown.list.min() < 0) | (shown.list.max() >= pl.col("views").list.len())
    yield drop_where(records, outside, "place_view", shown.list.eval(pl.element().cast(pl.String)).list.join(" "))
    empty = pl.all_horizontal(pl.element().struct.field(name).is_null() for name in ("box", "point", "rle"))
    yield drop_where(records, pl.col("places").list.eval(empty).list.any(), "place_empty")


def _said_by(role: str) -> pl.Expr:
    """All that a role says, joined by lines."""
    spoken = pl.col("turns").list.eval(
        pl.element().filter(pl.element().struct.field("role") == role).struct.field("text")
    )
    return spoken.list.join("\n").fill_null("")
