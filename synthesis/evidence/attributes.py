"""Attributes: words that say more of a finding: side, zone, degree, course, spread, look, number."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Group = Literal["side", "zone", "mark"]

SIDES = {
    "left": r"left(?:-sided|-side)?|left-?ward",
    "right": r"right(?:-sided|-side)?|right-?ward",
    "both": r"bi-?lateral(?:ly)?|(?:both|either)(?= (?:of the )?(?:sides?|lungs?|lobes?|bases?|apices|apex|hila|"
    r"upper|lower|mid(?:dle)?|costo|hemi|pleura|kidneys?|breasts?|eyes?|pulmonary))|bi-?basi?lar|bi-?basal|"
    r"bi-?apical|two-sided|each side",
}
ZONES = {
    "upper": r"upper|superior",
    "middle": r"mid(?:dle)?|mid-?(?:lung|zone|thoracic)|midlung",
    "lower": r"lower|inferior",
    "base": r"(?:bi-?)?basi?lar|(?:bi-?)?basal(?! cell)|bases?",
    "apex": r"(?:bi-?)?apical|apex|apices",
    "lingula": r"lingula(?:r)?",
    "hilum": r"(?:infra|peri)?-?hil(?:ar|um|a|i)",
    "retrocardiac": r"retro-?cardiac|behind the heart",
    "costophrenic": r"costo-?phrenic",
    "periphery": r"peripher(?:al(?:ly)?|y)|subpleural",
    "cervical": r"cervical",
    "thoracic": r"thoracic(?! aort)|t-spine",
    "lumbar": r"lumbar|lumbosacral",
    "shoulder": r"shoulders?",
    "arm": r"(?:fore)?arms?",
    "hand": r"(?<!other )(?<!left-)(?<!right-)hands?(?! (?:side|half|edge|part)\b)|fingers?|thumbs?",
    "wrist": r"wrists?",
    "elbow": r"elbows?",
    "hip": r"hips?",
    "knee": r"knees?",
    "leg": r"legs?|thighs?|cal(?:f|ves)",
    "ankle": r"ankles?",
    "foot": r"foot|feet|toes?|heels?",
}
MARKS = {
    "degree:low": r"small(?:-sized)?|tiny|little|minute|mild(?:ly)?|slight(?:ly)?|minimal(?:ly)?|minor|subtle|trace|"
        r"discreet|low-grade|faint",
    "degree:mid": r"moderate(?:ly)?(?:-sized?)?|medium(?:-sized?)?|intermediate|of middling size",
    "degree:high": r"large(?:-sized?)?|big|sizea?ble|massive|huge|severe(?:ly)?|marked(?:ly)?|advanced|"
        r"extensive(?:ly)?|pronounced|substantial|considerable|gross",
    "course:new": r"new(?:ly)?(?! york)|recent(?:ly)? developed",
    "course:old": r"(?<!years )(?<!years-)(?<!year )(?<!year-)(?<!months )(?<!month-)(?<!y/)old|"
        r"chronic(?:ally)?|remote|healed|(?<!from )(?<!to )(?<!the )(?<!with )(?<!than )prior|"
        r"long-?standing|former|sequelae",
    "course:acute": r"acute(?:ly)?",
    "course:stable": r"stable|unchanged|unaltered|(?:no|without) (?:\w+ )?(?:change|alteration)|not changed|similar|"
        r"persist(?:s|ent|ing)|constant|the same as before|as before|again",
    "course:worse": r"increas(?:e|ed|ing|es)|larger|worse(?:n|ned|ning)?|grown|grew|progress(?:ed|ion|ive)|bigger|"
        r"aggravat(?:ed|ion)",
    "course:better": r"decreas(?:e|ed|ing|es)|smaller|improv(?:ed|ement|ing)|shr[aiu]nk(?:en)?|resolving|"
        r"regress(?:ed|ion)|lessened|receded",
    "spread:diffuse": r"diffuse(?:ly)?|widespread|generali[sz]ed|throughout",
    "spread:focal": r"focal(?:ly)?|locali[sz]ed|circumscribed|discrete",
    "spread:many": r"multiple|several|numerous|many|multi-?focal|scattered|multi-?level|various|a number of|"
        r"multitude of|lots of",
    "look:patchy": r"patchy|patches of",
    "look:calcified": r"(?:non-?)?calcified|calcific",
    "look:linear": r"linear|streaky|band-?like|strand-?like|plate-?like|discoid",
    "look:interstitial": r"interstitial",
    "look:reticular": r"reticul(?:ar|onodular)",
    "look:spiculated": r"spiculated",
    "look:segmental": r"(?:sub)?segmental",
    "look:dense": r"dense",
    "look:hazy": r"hazy",
    "look:displaced": r"(?:non-?)?displaced",
    "look:suspicious": r"suspicious|worrisome|concerning",
    "look:confluent": r"confluent|coalescent|coalescing",
}  # fmt: skip
NEEDED = ("degree:", "spread:many", "look:calcified", "course:")
"""Marks that a faithful text must not lose; it may lose the look of a thing, and add none."""
_GROUPS: tuple[tuple[Group, dict[str, str]], ...] = (("side", SIDES), ("zone", ZONES), ("mark", MARKS))
_PATTERNS = tuple(
    (group, name, re.compile(rf"(?<![\w])(?:{words})(?![\w])", re.IGNORECASE))
    for group, several in _GROUPS
    for name, words in several.items()
)


class Attribute(NamedTuple):
    """One word of a sentence: its group, what it says, and its half-open characters."""

    group: Group
    name: str
    start: int
    end: int


@lru_cache(maxsize=8192)
def attributes(sentence: str) -> tuple[Attribute, ...]:
    """All attributes of a sentence in order."""
    found = [
        Attribute(group, name, match.start(), match.end())
        for group, name, pattern in _PATTERNS
        for match in pattern.finditer(sentence)
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.name)))
