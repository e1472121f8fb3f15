"""Language: texts are in the language that the record states."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Judgement, Look
from medloom.quality.verdicts import drop_where, first_of

SCRIPTS = {
    "ar": "Arabic", "fa": "Arabic", "ur": "Arabic", "zh": "Han", "hi": "Devanagari", "mr": "Devanagari",
    "ne": "Devanagari", "ru": "Cyrillic", "uk": "Cyrillic", "bg": "Cyrillic", "el": "Greek", "he": "Hebrew",
    "th": "Thai", "bn": "Bengali", "ta": "Tamil", "te": "Telugu", "ko": "Hangul",
    "ja": r"Han}\p{Hiragana}\p{Katakana",
}  # fmt: skip
"""Script of languages that aren't written in Latin letters."""
NO_EVIDENCE = frozenset(("la",))
"""What anatomy is named in is no language of a report."""


class LanguageParams(FilterParams):
    """`least`: letters below which a text is too short to tell. `surely`: probability from which on another language is
    believed. `script_share`: share of letters that must be of the stated language's script.
    """

    least: int = Field(default=60, ge=10)
    surely: float = Field(default=0.95, gt=0.5, le=1)
    script_share: float = Field(default=0.5, ge=0, le=1)


class Language(Filter):
    """Drops a record whose turns are in another script (``wrong_script``) or language (``wrong_language``) than stated.

    By the model that ships in py3langid, on all turns together. Code-mixed tags of two languages ("hi-en") are not
    asked. The score is the probability of the stated language, of texts that are long enough.
    """

    name: ClassVar[str] = "language"
    score_of: ClassVar[str] = "probability of the stated language"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "language", "turns")
    Params: ClassVar[type[FilterParams]] = LanguageParams
    params: LanguageParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        rows = self._measured(records)
        told = pl.format("stated {}, looks like {} ({})", "language", "best", pl.col("best_p").round(3))
        other = (pl.col("best_p") >= self.params.surely) & (pl.col("stated_p") < 1 - self.params.surely)
        drops = [
            drop_where(
                rows, pl.col("share") < self.params.script_share, "wrong_script",
                pl.format("{} of letters are of the script of {}", pl.col("share").round(2), "language"),
            ),
            drop_where(rows, other, "wrong_language", told),
        ]  # fmt: skip
        scores = rows.filter(pl.col("stated_p").is_not_null()).select(record="id", score="stated_p")
        return Judgement(first_of(drops), scores)

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        rows = self._measured(records.filter(pl.col("id") == record))
        if rows.is_empty():
            return [Look(what="language", value="of two languages: not asked")]
        row = rows.row(0, named=True)
        if row["stated_p"] is None:
            return [
                Look(what="language", value=f"{row['letters']} letters", bound=f"asked from {self.params.least} on")
            ]
        wrong = row["best_p"] >= self.params.surely and row["stated_p"] < 1 - self.params.surely
        return [
            Look(what=f"probability of {row['language']}", value=f"{row['stated_p']:.3f}; {row['best']} "
                 f"{row['best_p']:.3f}", bound=f"no other ≥ {self.params.surely:g}", passed=not wrong,
                 change=f"state {row['best']} as its language, or `surely`" if wrong else "")
        ]  # fmt: skip

    def _measured(self, records: pl.DataFrame) -> pl.DataFrame:
        """id, language, letters, share, stated_p, best, best_p; probabilities are null of short texts."""
        said = pl.col("turns").list.eval(pl.element().struct.field("text")).list.join("\n").fill_null("")
        rows = records.select(
            "id",
            "language",
            text=said.str.replace_all("<(image|volume|video)>", " "),
            stated=pl.col("language").str.to_lowercase().str.split("-"),
        ).filter(~pl.col("language").str.contains("^[a-z]{2,3}-[a-z]{2,3}$"))
        rows = rows.with_columns(stated=pl.col("stated").list.first())
        letters = pl.col("text").str.count_matches(r"\p{L}")
        script = pl.col("stated").replace_strict(SCRIPTS, default="Latin", return_dtype=pl.String)
        of = pl.concat_str(pl.lit(r"[\p{"), script, pl.lit("}]"))
        rows = rows.with_columns(letters=letters, pattern=of)
        counted = [
            group.with_columns(share=pl.col("text").str.count_matches(str(pattern)) / pl.col("letters"))
            for (pattern,), group in rows.group_by("pattern", maintain_order=True)
        ]
        if not counted:
            return rows.select("id", "language", "letters", share=pl.lit(0.0), stated_p=pl.lit(0.0), best="language",
                               best_p=pl.lit(0.0))  # fmt: skip
        rows = pl.concat(counted).with_columns(share=pl.when(pl.col("letters") >= self.params.least).then("share"))
        long = rows.filter(pl.col("letters") >= self.params.least).select("text", "stated").unique(maintain_order=True)
        found = [(text, stated, *_probabilities(text, stated)) for text, stated in long.iter_rows()]
        schema = {
            "text": pl.String,
            "stated": pl.String,
            "stated_p": pl.Float64,
            "best": pl.String,
            "best_p": pl.Float64,
        }
        told = pl.DataFrame(found, schema=schema, orient="row")
        return rows.join(told, on=["text", "stated"], how="left", maintain_order="left")


def _probabilities(text: str, stated: str) -> tuple[float, str, float]:
    """Probability of the stated language, the likeliest other language and its probability."""
    ranked = [(name, float(p)) for name, p in _identifier().rank(text) if name not in NO_EVIDENCE]
    others = max((pair for pair in ranked if pair[0] != stated), key=lambda pair: pair[1])
    return dict(ranked).get(stated, 1.0), *others


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
