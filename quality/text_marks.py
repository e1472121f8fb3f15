"""Text marks: digests by which a question, or a run of words, is known again, and from which no text can be read."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

NGRAM = 13  # words, as in the decontamination of GPT-3 (Brown et al. 2020, appendix C)
MIN_QUESTION_WORDS = 6  # shorter questions are asked by everybody
_WORD = r"[\p{L}\p{N}]+"
_MEDIA = r"(?i)<(?:image|video|volume|img)>"

Digests = NDArray[np.uint64]


def words_of(text: pl.Series) -> pl.Series:
    """The words of each text: NFKC, lower case, letters and digits only, marks of media left out."""
    plain = text.fill_null("").str.normalize("NFKC").str.replace_all(_MEDIA, " ").str.to_lowercase()
    return plain.str.extract_all(_WORD)


def normalised(text: str) -> str:
    """The words of one text, joined by blanks."""
    return " ".join(words_of(pl.Series([text]))[0])


def text_digests(text: pl.Series) -> tuple[Digests, NDArray[np.int64]]:
    """(a digest of each text by its words, their number)."""
    words = words_of(text)
    joined = words.list.join(" ").to_list()
    return np.array([_digest(each) for each in joined], np.uint64), words.list.len().to_numpy().astype(np.int64)


def ngram_digests(text: pl.Series, size: int = NGRAM) -> tuple[Digests, NDArray[np.int64]]:
    """(digest of every run of `size` words, the row of its text). Texts of fewer words have none.

    A word is hashed once, however often it occurs; a run is the sum of its words' hashes times odd factors by place,
    modulo 2**64, mixed.
    """
    words = words_of(text)
    length = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode(empty_as_null=False)
    if len(flat) < size:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    known = flat.unique()
    hashed = pl.Series(np.array([_digest(word) for word in known.to_list()], np.uint64))
    values = flat.replace_strict(known, hashed, return_dtype=pl.UInt64).to_numpy()
    row = np.repeat(np.arange(len(length)), length)
    whole = row[: len(row) - size + 1] == row[size - 1 :]
    factors = np.array([_digest(f"place {place}") | 1 for place in range(size)], np.uint64)
    total = np.zeros(len(whole), np.uint64)
    with np.errstate(over="ignore"):
        for place, factor in enumerate(factors):
            total += values[place : len(whole) + place] * factor
    return _mixed(total[whole]), row[: len(whole)][whole]


def within(values: Digests, known: Digests) -> NDArray[np.bool_]:
    """Which values are in the sorted `known`."""
    if not len(known):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == values
    return found


def telling(digests: Digests, item: NDArray[np.int64], most: int) -> tuple[Digests, NDArray[np.int64]]:
    """(digests that are in at most `most` items, sorted and each once, an item of each).

    What many items of a benchmark share is its template, which anybody may use.
    """
    pairs = np.unique(np.stack((digests, item.astype(np.uint64))), axis=1)
    values, first, count = np.unique(pairs[0], return_index=True, return_counts=True)
    rare = count <= most
    return values[rare], pairs[1][first[rare]].astype(np.int64)


def joined_options(question: str, options: Sequence[str]) -> str:
    """A question with its options in an order that doesn't depend on how they were shuffled."""
    return " ".join((question, *sorted(options)))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(unicodedata.normalize("NFC", text).encode(), digest_size=8).digest(), "big")


def _mixed(values: Digests) -> Digests:
    """The finaliser of splitmix64."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
