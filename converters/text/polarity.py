"""Polarity: whether a text states a finding, denies it, or leaves it open.

A small set of rules after NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009): a trigger before or after a
mention decides it, up to a word that ends its scope. negspacy brings spaCy and knows no uncertainty; medspacy pins an
old spaCy and thirty packages. Rules suffice for reports, and what no rule is sure of is uncertain, never present.
"""

from __future__ import annotations

import re
from typing import Literal

from medloom.schemas.sample import Polarity

Stance = Literal["present", "absent", "uncertain", "other"]
"""``other``: of another time or person (history, family, if, prior), so that nothing is said of this picture."""


def any_phrase(*phrases: str) -> re.Pattern[str]:
    """A pattern of any of these regular expressions, as whole words in any case."""
    return re.compile(r"\b(?:" + "|".join(phrases) + r")\b", re.IGNORECASE)


_PSEUDO = any_phrase(
    r"no (?:significant |definite |interval |appreciable |substantial )*"
    r"(?:change|increase|decrease|improvement|progression)",
    "not only", "not necessarily", "without (?:significant |interval )*change", "no longer", "gram negative",
    "no further", "not certain (?:if|whether)",
)  # fmt: skip
_NO_BEFORE = any_phrase(
    "no", "not", "without", "negative for", "free of", "absence of", "lack of", "denies", "denied", "never",
    "rules? out", "ruled out", "fails? to (?:reveal|show|demonstrate)", "clear of", "resolution of", "resolved",
    "unremarkable for", "neither", "nor", "no longer", "non", r"cannot (?:see|identify)",
    "(?:has|have|is|are|was|were) (?:not|n't) (?:seen|identified|demonstrated|present|visualized|visualised)",
)  # fmt: skip
_NO_AFTER = any_phrase(
    "(?:is|are|was|were|has been|have been)?\\s*(?:not|n't) (?:seen|identified|present|demonstrated|visualized"
    "|visualised|evident|appreciated|noted|detected|found)",
    "(?:is|are|was|were) (?:absent|excluded|negative)", "(?:has|have) (?:completely )?(?:resolved|cleared)",
    "(?:is|are) (?:now |completely )?resolved", "unlikely", "ruled out", "no longer (?:seen|present|evident)",
)  # fmt: skip
_MAYBE_BEFORE = any_phrase(
    "possible", "possibly", "probable", "probably", "likely", "suspected", "suspicious for", "suspicion of",
    "concerning for", "concern for", "questionable", "question of", "may (?:represent|be|reflect|indicate)",
    "might (?:represent|be|reflect)", "could (?:represent|be|reflect|indicate)", "cannot (?:be )?(?:exclude|rule out)",
    "can(?:not| ?'?t) exclude", "suggest(?:s|ive of|ing|ed)?", "consistent with (?:possible|probable)", "worrisome for",
    "versus", "vs", "differential (?:includes|considerations include)", "equivocal", "indeterminate",
    "evaluate for", "evaluation (?:for|of)", "assess for", "query", "presumed", "presumably",
    "appears? to (?:be|represent)", "compatible with", "no definite", "not excluded", "either",
    "perhaps", "potential", "potentially",
)  # fmt: skip
_MAYBE_AFTER = any_phrase(
    "(?:can(?:not|'t)|could not|not) (?:be )?(?:entirely |completely |definitively )?(?:excluded|ruled out)",
    "not (?:entirely |completely )?excluded", "(?:is|are|was) (?:possible|probable|suspected|questioned|likely"
    "|considered|not excluded)", "is a (?:possibility|consideration)", "may be (?:present|considered)", "versus", "vs",
    "should be considered", "suspected",
)  # fmt: skip
_OTHER = any_phrase(
    "history of", "hx of", "h/o", "s/p", "status post", "prior history", "family history", "mother", "father",
    "sister", "brother", "in the past", "if", "should (?:there|the patient)", "rule out",
    "r/o", "return (?:for|if)", "evaluate for", "evaluation (?:for|of)", "assess for", "screening for", "risk of",
    "risk for", "pre-?operative", "follow-?up (?:of|for)", "known",
)  # fmt: skip
_FORMER = re.compile(r"\b(?:prior|previous(?:ly)?)(?:\s+\w+){0,2}\s*$", re.IGNORECASE)
_TO_SUGGEST = re.compile(r"\bto (?:suggest|indicate|explain|represent)\b", re.IGNORECASE)
_SCOPE_END = re.compile(
    r"[;:]|\.(?=\s|$)|,?\s*\b(?:but|however|although|though|except(?: for)?|apart from|aside from|other than|which|"
    r"secondary to|due to|because|with the exception of|there (?:is|are|was|were)|while|yet|despite|nevertheless)\b",
    re.IGNORECASE,
)
_NEW_CLAUSE = re.compile(r",\s*(?:and\s+)?(?:there|the|a|an|mild|moderate|severe|stable|unchanged)\b", re.IGNORECASE)
SPAN = 90
"""Characters over which a trigger reaches: about a dozen words."""


def stance(sentence: str, start: int, end: int, elsewhere: bool = False) -> Stance:
    """How the sentence stands to the mention at its characters `start` to `end`.

    `elsewhere`: the sentence is not about this picture (an indication, a comparison): what it doesn't deny is other.
    """
    before, after = _before(sentence, start), _after(sentence, end)
    if _OTHER.search(before) or _FORMER.search(before) or elsewhere:
        return "other"
    masked = _PSEUDO.sub(lambda found: "·" * len(found[0]), before)
    denied, doubted = _last(_NO_BEFORE, masked), _last(_MAYBE_BEFORE, masked)
    if denied >= 0 and _TO_SUGGEST.search(masked, denied):
        return "absent"  # nothing to suggest it
    if _MAYBE_AFTER.search(after) or doubted >= 0:
        return "uncertain"
    if denied >= 0 or _NO_AFTER.search(after):
        return "absent"
    return "present"


def polarity(found: Stance) -> Polarity | None:
    """The polarity that a stance states of this picture; None where it states nothing of it."""
    return None if found == "other" else found


def _before(sentence: str, start: int) -> str:
    scope = sentence[max(0, start - SPAN) : start]
    ends = [found.end() for found in _SCOPE_END.finditer(scope)]
    clause = [found.start() + 1 for found in _NEW_CLAUSE.finditer(scope)]
    return scope[max([0, *ends, *clause]) :]


def _after(sentence: str, end: int) -> str:
    scope = sentence[end : end + SPAN]
    stop = min([len(scope), *(found.start() for found in _SCOPE_END.finditer(scope)),
                *(found.start() for found in _NEW_CLAUSE.finditer(scope))])  # fmt: skip
    return scope[:stop]


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((found.start() for found in pattern.finditer(text)), default=-1)
