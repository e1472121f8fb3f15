"""Blind: what a language model answers without the picture, and what a vision model does with a wrong one.

Choices are asked several times with their options in another order, so that a model which likes a letter gains nothing.
Who answers stands behind `Answerer`; what it says is read for a letter, and nothing else of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
import polars as pl

from medloom.schemas.identity import shuffled

Shown = Literal["nothing", "blank", "another"]
LETTERS = "ABCDEFGHIJKLMNOP"
_ALONE = re.compile(r"^\W*([A-Pa-p])(?:\W*$|[.):])")
_NAMED = re.compile(r"(?i:answer|option|choice)(?:\s+(?:is|would be))?\W{0,4}([A-P])\b")
INSTRUCTION = "Answer with the letter of the right option alone."


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question as it is put: `key` names it for caches; `picture` is the View that is shown, or "" (blank), or
    None (nothing). `right` is the letter of the right option in this order."""

    key: str
    record: str
    text: str
    right: str
    offered: int
    picture: str | None = None


class Answerer(Protocol):
    """Whoever answers: an engine of the catalog, a server, a test."""

    def answers(self, questions: Sequence[Question]) -> list[str | None]:
        """What it says to each, in order; None where it failed."""


def questions_of(records: pl.DataFrame, shown: Shown, shuffles: int) -> list[Question]:
    """Every single choice of `records` (id, form, views, options, turns) `shuffles` times, options in drawn orders.

    `shown` "another" shows the first picture of another record, drawn; "blank" an empty one.
    """
    single = records.filter(pl.col("form") == "single").sort("id")
    views = [row[0] for row in single["views"].to_list() if row]
    others = shuffled(views, "another") if shown == "another" else []
    found = []
    for number, row in enumerate(single.iter_rows(named=True)):
        stem = _stem(row["turns"][0]["text"] if row["turns"] else "")
        picture = {"nothing": None, "blank": ""}.get(shown)
        if shown == "another":
            picture = next((one for one in others[number % len(others) :] + others if one not in row["views"]), "")
        for turn in range(shuffles):
            key = f"{row['id']}/{turn}"
            options = shuffled(row["options"], "blind", key)
            right = next((LETTERS[at] for at, one in enumerate(options) if one["correct"]), None)
            if right is None or len(options) > len(LETTERS):
                continue
            lines = [f"{LETTERS[at]}. {one['text']}" for at, one in enumerate(options)]
            text = "\n".join([stem, *lines, INSTRUCTION])
            found.append(
                Question(key=key, record=row["id"], text=text, right=right, offered=len(options), picture=picture)
            )
    return found


def _stem(text: str) -> str:
    lines = re.sub(r"<(?:image|volume|video)>", " ", text).split("\n")
    return "\n".join(
        line.strip() for line in lines if line.strip() and not re.match(r"\W?[A-Za-z0-9][.):]", line.strip())
    )


def letter_of(said: str | None) -> str | None:
    """The letter that an answer is, begins with, or names as its answer; None where it names none, or several."""
    text = (said or "").strip()
    alone = _ALONE.match(text)
    if alone is not None:
        return alone.group(1).upper()
    letters = set(_NAMED.findall(text))
    return letters.pop() if len(letters) == 1 else None


def shares(questions: Sequence[Question], said: Sequence[str | None]) -> pl.DataFrame:
    """record, score (share of its orders that were answered right), chance: of those answered at all."""
    rows = [
        (one.record, float(letter_of(answer) == one.right), 1 / one.offered)
        for one, answer in zip(questions, said, strict=True)
        if answer is not None
    ]
    told = pl.DataFrame(rows, schema={"record": pl.String, "score": pl.Float64, "chance": pl.Float64}, orient="row")
    return told.group_by("record").agg(pl.col("score").mean(), pl.col("chance").first()).sort("record")
