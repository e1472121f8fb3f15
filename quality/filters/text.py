"""Text: what a record says reads like something a person wrote about a picture."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from pydantic import Field, field_validator

from medloom.converters.text.revealing import REVEALS_SOURCE, SAYS_LABEL
from medloom.quality.filter import Filter, FilterParams
from medloom.quality.verdicts import drop_where, first_of
from medloom.quality.wording import BOILERPLATE, FORBIDDEN

SNIPPET = 24  # characters told on either side of what was found


class TextParams(FilterParams):
    """Bounds of each text (a turn, a caption, an option, a reason).

    `ngram` consecutive words count as repeated where they stand before in the same text; a text of at least
    `ngram_words` words may repeat up to `max_repeated` of them. `forbidden` adds regular expressions of one's own.
    """

    min_caption_words: int = Field(default=2, ge=1)
    max_characters: int = Field(default=8000, ge=1)
    ngram: int = Field(default=4, ge=2, le=8)
    ngram_words: int = Field(default=24, ge=2)
    max_repeated: float = Field(default=0.3, ge=0, le=1)
    forbidden: tuple[str, ...] = ()

    @field_validator("forbidden")
    @classmethod
    def _compiles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                pl.select(pl.lit("").str.contains(pattern))
            except pl.exceptions.PolarsError as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return value


class Text(Filter):
    """Drops a record for what it says in any turn, caption, option, answer or reason.

    Reasons: ``mojibake``, ``non_printing``, ``html``, ``template_residue``, ``raw_name`` (of a file, folder or class),
    ``reveals_source`` ("the report says", where a picture is shown), ``boilerplate`` ("I hope this helps") and
    ``doubled_word`` (all three of English only), ``forbidden``, ``too_long``, ``too_short`` (captions),
    ``repeated_words``, which is not asked of records with places: their lists repeat.
    """

    name: ClassVar[str] = "text"
    version: ClassVar[str] = "2"
    record_columns: ClassVar[tuple[str, ...]] = (
        "id", "config", "turns", "texts", "options", "answer", "reason", "language", "places",
    )  # fmt: skip
    Params: ClassVar[type[FilterParams]] = TextParams
    params: TextParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        said, allowed = _said(records), self.params
        english = said.filter(pl.col("language").str.starts_with("en"))
        pictured = english.filter(~pl.col("text_only"))  # who reads a report may say what it says
        answered = pictured.filter(pl.col("part") != "user")
        captions = said.filter(pl.col("part") == "caption")
        length, words = pl.col("text").str.len_chars(), pl.col("words").list.len()
        return first_of(
            [
                *(_matching(said, pattern, reason) for reason, pattern in FORBIDDEN.items()),
                _matching(pictured, REVEALS_SOURCE, "reveals_source"),
                _matching(answered, SAYS_LABEL, "reveals_source"),
                _matching(answered, BOILERPLATE, "boilerplate"),
                *(_matching(said, pattern, "forbidden") for pattern in allowed.forbidden),
                drop_where(said, length > allowed.max_characters, "too_long", pl.format("{} characters", length)),
                drop_where(captions, words < allowed.min_caption_words, "too_short", "text"),
                _doubled(english),
                self._repeated(said),
            ]
        )

    def _repeated(self, said: pl.DataFrame) -> pl.DataFrame:
        allowed = self.params
        rows = said.filter(~pl.col("placed"), pl.col("words").list.len() >= allowed.ngram_words)
        word = pl.element().str.to_lowercase()
        grams = pl.concat_str(*(word.shift(-n) for n in range(allowed.ngram)), separator=" ").drop_nulls()
        rows = rows.with_columns(grams=pl.col("words").list.eval(grams))
        share = 1 - pl.col("grams").list.n_unique() / pl.col("grams").list.len()
        detail = pl.format("{} of {}-grams", share.round(2), pl.lit(allowed.ngram))
        return drop_where(rows, share > allowed.max_repeated, "repeated_words", detail)


def _said(records: pl.DataFrame) -> pl.DataFrame:
    """One row for each text: id, part (user, assistant, caption, option, answer, reason), text, words, language,
    placed, text_only. The marks of media are taken out."""
    base = records.with_columns(placed=pl.col("places").list.len() > 0, text_only=pl.col("config") == "text")
    keep = ("id", "language", "placed", "text_only")
    turns = base.select(*keep, turn="turns").explode("turn", empty_as_null=False).unnest("turn")
    captions = base.select(*keep, text="texts").explode("text", empty_as_null=False)
    options = base.select(*keep, option="options").explode("option", empty_as_null=False)
    parts = {
        "caption": captions,
        "option": options.select(*keep, text=pl.col("option").struct.field("text")),
        "answer": base.select(*keep, text=pl.col("answer").struct.field("text")),
        "reason": base.select(*keep, text="reason"),
    }
    rows = [turns.rename({"role": "part"}), *(frame.with_columns(part=pl.lit(part)) for part, frame in parts.items())]
    said = pl.concat([frame.select(*keep, "part", "text") for frame in rows]).filter(pl.col("text").is_not_null())
    text = pl.col("text").str.replace_all(" *<(image|volume|video)> *", " ").str.strip_chars()
    return said.with_columns(text).with_columns(words=pl.col("text").str.extract_all(r"\S+"))


def _matching(said: pl.DataFrame, pattern: str, reason: str) -> pl.DataFrame:
    around = f"(?s)(.{{0,{SNIPPET}}}(?:{pattern}).{{0,{SNIPPET}}})"
    hit = said.filter(pl.col("text").str.contains(pattern))
    return drop_where(hit, pl.lit(True), reason, pl.format("{}: {}", "part", pl.col("text").str.extract(around)))


def _doubled(said: pl.DataFrame) -> pl.DataFrame:
    """A word of letters twice in a row within a line: "the the". Single letters and numbers may repeat."""
    lines = said.select("id", line=pl.col("text").str.split("\n")).explode("line", empty_as_null=False)
    word = pl.element().str.to_lowercase()
    again = (word == word.shift(1)) & word.str.contains("^[a-z]{2,}$") & ~word.is_in(["had", "that"])
    words = pl.col("line").str.extract_all(r"\S+")
    found = lines.with_columns(twice=words.list.eval(word.filter(again)))
    return drop_where(found, pl.col("twice").list.len() > 0, "doubled_word", pl.col("twice").list.first())
