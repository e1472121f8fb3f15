"""Language: whether a text is in the language that was asked for."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import Any

LANGUAGES = (
    "en",
    "ar",
    "zh",
    "hi",
    "fr",
    "de",
    "es",
    "it",
    "pt",
    "nl",
    "ru",
    "ja",
    "ko",
    "fa",
    "ur",
    "tr",
    "vi",
    "id",
    "pl",
)
"""Among these a text is told; two- and three-letter codes of ISO 639."""
SCRIPTS = {"ar": "ARABIC", "fa": "ARABIC", "ur": "ARABIC", "zh": "CJK", "hi": "DEVANAGARI", "ru": "CYRILLIC"}
MIXED = re.compile(r"^(?P<first>[a-z]{2,3})-(?P<second>en)$")
"""Tags of code-mixing: ``hi-en`` is Hindi with English words, in Devanagari or in Latin letters."""
_ROMAN_HINDI = re.compile(
    r"\b(?:hai|hain|mein|nahi[n]?|nahin|ka|ki|ke|ko|se|par|aur|ek|yah|yeh|vah|woh|kya|dikh\w*|dono|chh?ot[ai]|bad[ai]|"
    r"taraf|wala|wali|koi|kuch|lekin|ho|hota|hoti|raha|rahi|rahe|diya|gaya|gayi|sakt[aie]|iska|iski|iske)\b",
    re.IGNORECASE,
)  # fmt: skip
SURE = 0.95
WORDS = 6
"""Words from which a Latin text is long enough to be told by its letters."""


@lru_cache(maxsize=2048)
def speaks(text: str, language: str) -> bool:
    """Whether the text is in `language`, an ISO 639 code or a tag of code-mixing.

    By script first; among languages of one script by py3langid (Lui and Baldwin 2012), where the text is long enough
    to be sure. Letters of another script are allowed for what is written in it anywhere: units, CT, names of cells.
    """
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    letters = sum(scripts.values())
    if not letters:
        return True
    mixed = MIXED.match(language)
    if mixed is not None:
        return _is_mixed(text, scripts, mixed["first"])
    script = SCRIPTS.get(language, "LATIN")
    if script == "LATIN":
        if scripts["LATIN"] < 0.95 * letters:
            return False
        return len(text.split()) < WORDS or _told(text) in (language, None)
    if scripts[script] < 0.5 * (letters if script != "CJK" else scripts[script] + scripts["HIRAGANA"] + letters / 2):
        return False
    if script == "CJK" and scripts["HIRAGANA"] + scripts["KATAKANA"] + scripts["HANGUL"] > 0:
        return False
    return len(text.split()) < WORDS or _told(text) in (language, None) or script == "DEVANAGARI"


def _is_mixed(text: str, scripts: Counter[str], first: str) -> bool:
    """Both languages are there: its own letters and Latin words, or Latin letters with its little words."""
    own, latin = scripts[SCRIPTS.get(first, "LATIN")], scripts["LATIN"]
    if own and SCRIPTS.get(first):
        return latin >= 2 and own >= 2
    return first == "hi" and len(_ROMAN_HINDI.findall(text)) >= max(2, len(text.split()) // 8)


@lru_cache(maxsize=512)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "NONE").split()[0]


def _told(text: str) -> str | None:
    language, sure = _identifier().classify(text)
    return language if sure >= SURE else None


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
