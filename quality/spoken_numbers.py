"""Spoken numbers: what a text writes in figures, held against what was measured."""

from __future__ import annotations

import polars as pl

ANY_NUMBER = r"\d+(?:\.\d+)?(?:\s?(?i:cm|ml)[²³23]?\b)?"
NUMBER_WITH_UNIT = r"(?i)\d+(?:\.\d+)?\s?(?:mm|cm|ml)[²³23]?|\d+(?:\.\d+)?\s?(?:°|degrees?)"
WIDER = {"cm": 10.0, "cm2": 100.0, "cm²": 100.0, "cm3": 1000.0, "cm³": 1000.0, "ml": 1000.0}
"""Units that texts use, in those of `Measurement`."""


def plain_numbers(text: pl.Expr) -> pl.Expr:
    """The text with "1,234" as 1234 and "12 × 8 mm" as 12 mm × 8 mm."""
    whole = text.str.replace_all(r"(\d),(\d{3})\b", "${1}${2}")
    return whole.str.replace_all(r"(\d)\s*[×x]\s*(\d+(?:\.\d+)?)\s?((?i:mm|cm))\b", "${1} ${3} × ${2} ${3}")


def rounds_to_truth() -> pl.Expr:
    """Whether the number `truth` rounds to what `written` says to its last digit; "1.2 cm" is 12, "3 ml" 3000."""
    digits = pl.col("written").str.extract(r"^(\d+(?:\.\d+)?)")
    decimals = digits.str.extract(r"\.(\d+)$").str.len_chars().fill_null(0).cast(pl.Float64)
    unit = pl.col("written").str.extract(r"([A-Za-z]+[²³23]?)$").str.to_lowercase()
    factor = unit.replace_strict(list(WIDER), list(WIDER.values()), default=1.0, return_dtype=pl.Float64)
    step = 0.5 * pl.lit(10.0).pow(-decimals) * (1 + 1e-9)
    return (digits.cast(pl.Float64) * factor - pl.col("truth")).abs() <= step * factor
