"""Plain: an English text with its many ways of saying no and perhaps brought to the few that `polarity` knows."""

from __future__ import annotations

import re
from functools import lru_cache

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ", ", "‑": "-", "\u00a0": " "})
_SEEN = (
    r"(?:seen|identified|visible|apparent|evident|observed|detected|found|noted|present|shown|demonstrated|made out|"
    r"appreciated|discerned|recogni[sz]ed|depicted|visuali[sz]ed|there|encountered|discernible|recogni[sz]able|"
    r"identifiable|detectable|appreciable|perceptible|in evidence)"
)
_WAYS = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\bcan(?:'t|not| not) be (?:entirely |completely |fully )?(?:excluded|ruled out|dismissed|discounted)\b",
         "cannot be excluded"),
        (r"\b(?:is|are|was|were|has been|have been) not (?:been )?(?:entirely |completely )?(?:excluded|ruled out)\b",
         "is not excluded"),
        (r"\b(does|do|can|could|may|might|if|that|as|where|what|when|should) one\b", r"\1 somebody"),
        (r"\bone (sees?|finds?|can|could|may|might|notes?|looks?|recogni[sz]es?|must|should|speaks|calls|says|means|"
            r"gets)\b", r"somebody \1"),
        (r"\bcan't\b", "cannot"), (r"\bwon't\b", "will not"), (r"\b(\w+)n't\b", r"\1 not"),
        (rf"\b(?:cannot|can not|could not|can nowhere) be {_SEEN}\b", "is not seen"),
        (rf"\bnowhere (?:to be )?{_SEEN}\b", "not seen"),
        (r"\b(?:is|are|was|were) nowhere\b", "is not seen"),
        (rf"\bnot (?:clearly |obviously |to be |at all )?{_SEEN}\b", "not seen"),
        (rf"\b(?:remains?|goes|go) (?:un{_SEEN})\b", "is not seen"),
        (r"\b(?:devoid|bare|void) of\b|\bspared? (?:of|from)\b", "free of"),
        (r"\b(?:(?:is|are) )?(?:lacking|missing)\b(?! in)", "is not seen"), (r"\black(?:s|"
            r"ing)?(?: any)?(?! of)\b", "is without"),
        (r"\b(?:does|do|did) not (?:show|have|contain|reveal|demonstrate|display|exhibit|include|depict|harbou?r)\b",
         "is without"),
        (r"\bfail(?:s|ed)? to (?:show|reveal|demonstrate|disclose|display)\b", "is without"),
        (r"\b(?:shows?|reveals?|demonstrates?|displays?|contains?|has|have) (?:neither)\b", "is without neither"),
        (r"\bnone of (?:the )?", "no "), (r"\bnot any\b|\bnot (?:a|an|one|a single)\b", "no"), (r"\bzero\b", "no"),
        (r"\bthere (?:is|are) (?:not|nothing of)\b", "there is no"),
        (r"\bno (?:signs?|traces?|hints?|indications?|suggestion|features?|proof|evidence) (?:of|for)\b",
         "no evidence of"),
        (r"\bnothing (?:to )?suggests?\b|\bnothing (?:that )?(?:points? to|indicates?)\b", "no evidence of"),
        (r"\bnothing (?:like|in the way of|resembling)\b", "no"),
        (r"\bnot (?:suggestive|indicative) of\b", "no evidence of"),
        (r"\b(?:has|have) been (?:excluded|"
            r"ruled out)\b", "is excluded"), (r"\bis out of the question\b", "is excluded"),
        (r"\b(?:raises?|raising|leaves? open|with) the (?:possibility|question|suspicion) of\b", "suspicious for"),
        (r"\bthe (?:possibility|suspicion) of\b|\bchance of\b", "possible"),
        (r"\b(?:remains?|stays?) (?:possible|a possibility|an option|open)\b|\bis conceivable\b", "is possible"),
        (r"\b(?:conceivabl[ey]|maybe|arguabl[ey]|doubtful|uncertain|unclear|imaginable|putative)\b", "possible"),
        (r"\b(?:it is )?(?:unclear|uncertain|unknown|open) (?:whether|if)\b|\bwhether\b", "possible"),
        (r"\b(?:may|might|could) (?:well )?(?:also )?(?:exist|contain|have|harbou?r|show|hide|indicate|be due to)\b",
         "may be"),
        (r"\b(?:may|might|could) (?:well |also |possibly )+be\b", "may be"),
        (r"\b(?:is|are) in question\b|\bcannot be (?:confirmed|proved|proven)\b", "is questioned"),
        (r"(\b(?:is|are|was|were|shows?|has|have)\b[^.;,]*), (?:and )?(?=(?:(?!no\b|nor\b)[\w-]+ ){1,5}?(?:is|are|"
            r"was|were|"
         r"has|have|can|may|remains?|lies?)\b)", r"\1; and "),
        (r"\b(?:nothing|nil)\b", "no"), (r"\bminus\b", "without"),
    )
)  # fmt: skip


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The text with typographic marks, contractions and rare negations replaced by plain ones.

    Its characters are not those of `text`: positions in it are of use for itself alone.
    """
    text = text.translate(_QUOTES)
    for pattern, instead in _WAYS:
        text = pattern.sub(instead, text)
    return text
