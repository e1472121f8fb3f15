"""Lies: a seeded mutator that plants one false thing into a true text. It knows nothing of the check's patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from medloom.schemas.identity import pick

Mutator = Callable[[str, str], str | None]


class Lie(NamedTuple):
    """A text with one lie in it, and its kind."""

    kind: str
    text: str


ADDED = (
    "There is a pericardial effusion.", "A rib fracture is seen on the left.", "Free air lies under the diaphragm.",
    "There is a hydropneumothorax.", "Hilar lymphadenopathy is present.", "An abscess is present.",
    "A pacemaker is in place.", "There is a lytic bone lesion.", "One sees pulmonary fibrosis.",
    "There is an aortic aneurysm.", "A cavity is seen in the lung.", "Bronchiectasis is present.",
    "There are signs of heart failure.", "A hiatal hernia is visible.", "There is a large haematoma.",
    "A tumour is suspected.", "The spleen is ruptured.", "There is osteomyelitis of the rib.",
    "A pulmonary embolism is present.", "Pneumomediastinum is seen.", "There is thyromegaly.",
    "A metastasis cannot be excluded.", "There are gallstones.", "Ascites is present.", "Diverticulitis is seen.",
)  # fmt: skip
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
MODALITIES = ("CT slice", "MR picture", "ultrasound picture", "radiograph", "mammogram", "histology slide")
_MODALITY = re.compile(
    r"(?:chest )?(?:CT slice|CT scan|CT\b|MR slice|MR picture|MR\b|MRI|radiograph(?:y)?|x-ray|ultrasound(?: picture)?|"
    r"microscopy picture|microscopy|dermoscopic picture)",
    re.IGNORECASE,
)
_SMALL = r"small|tiny|mild(?:ly)?|minimal(?:ly)?|slight|minor|moderate(?:ly)?(?:-sized)?|large|severe"
_NEGATED = (
    (r"\b[Tt]here (?:is|are) no (?!longer)", "There is "), (r"\b[Tt]here isn't any ", "There is "),
    (r"(?:^|(?<=[.] ))No (\w[\w -]*?) (is|are|can be|was) ", r"\1 \2 "), (r"(\band|,) no (?=\w)", r"\1 there is "),
    (r"(?<!and )(?<!, )\bno (?=\w)", ""), (r"^No ", ""),
    (r"\bis not (seen|present|visible|enlarged)", r"is \1"), (r"\bare not (seen|present)", r"are \1"),
    (r"\bis a?bsent\b", "is present"), (r"\bare absent\b", "are present"), (r"\bwithout\b", "with"),
    (r"\bis free of\b", "has"), (r"\bcannot be made out", "can be made out"), (r"\bis nowhere to be seen", "is seen"),
    (r"\bdoesn't show\b", "shows"), (r"\bNothing suggests\b", "Everything suggests"), (r"\b[Nn]either\b", "both"),
    (r"\bshows no\b", "shows"), (r"\bNegative for\b", "Positive for"),
)  # fmt: skip
_MAYBE = (
    (r"\bis possible\b", "is present"), (r"\bmay be\b", "is"), (r"\bmay represent\b", "represents"),
    (r"\bcannot be (?:excluded|ruled out)\b", "is seen"), (r"\b(?:possible|probable|likely) ", ""),
    (r"\b(?:possibly|probably|presumably|likely),? ", ""), (r"\bPossible ", ""),
)  # fmt: skip
_UNITS = {"mm": "cm", "cm": "mm", "mm²": "cm²", "ml": "mm³", "mm³": "ml"}


def lies(text: str, seed: str) -> Iterator[Lie]:
    """One lie of each kind that the text gives room for."""
    for kind, mutate in KINDS.items():
        found = mutate(text, f"{seed}{kind}")
        if found is not None and found.strip() and found != text:
            yield Lie(kind, _capital(found))


def flipped_side(text: str, seed: str) -> str | None:
    """Left becomes right, in one place."""
    found = list(re.finditer(r"\b(left|right)\b", text, re.IGNORECASE))
    if not found:
        return None
    one = found[pick(len(found), seed)]
    other = "right" if one[0].lower() == "left" else "left"
    return text[: one.start()] + (other.capitalize() if one[0][0].isupper() else other) + text[one.end() :]


def changed_number(text: str, seed: str) -> str | None:
    """A measured number becomes another: more than rounding does."""
    found = list(re.finditer(r"\d+(?:\.\d+)?(?=\s?(?:mm|cm|ml|°|%)|\s+by\b)|\b0\.\d+", text))
    if not found:
        return None
    one = found[pick(len(found), seed)]
    digits = len(one[0].split(".")[1]) if "." in one[0] else 0
    factor = (1.3, 1.7, 0.6, 2.4)[pick(4, seed, "by")]
    value = float(one[0]) * factor
    changed = f"{value:.{digits}f}" if f"{value:.{digits}f}" != one[0] else f"{float(one[0]) + 1:.{digits}f}"
    return text[: one.start()] + changed + text[one.end() :]


def wrong_unit(text: str, seed: str) -> str | None:
    """The number stays, the unit changes."""
    found = list(re.finditer(r"(?<=\d)(\s?)(mm²|mm³|mm|cm|ml)(?![\w²³])", text))
    if not found:
        return None
    one = found[pick(len(found), seed)]
    return text[: one.start()] + one[1] + _UNITS[one[2]] + text[one.end() :]


def dropped_negation(text: str, seed: str) -> str | None:
    """What was denied is stated."""
    able = [(pattern, instead) for pattern, instead in _NEGATED if re.search(pattern, text)]
    if not able:
        return None
    pattern, instead = able[pick(len(able), seed)]
    changed = re.sub(pattern, instead, text, count=1)
    return re.sub(r"\bboth (.+?) nor\b", r"both \1 and", changed)


def dropped_doubt(text: str, seed: str) -> str | None:
    """What was possible is stated."""
    able = [(pattern, instead) for pattern, instead in _MAYBE if re.search(pattern, text)]
    if not able:
        return None
    pattern, instead = able[pick(len(able), seed)]
    return re.sub(pattern, instead, text, count=1)


def added_finding(text: str, seed: str) -> str | None:
    """A sentence about something that nobody has found."""
    more = ADDED[pick(len(ADDED), seed)]
    if any(word in text.lower() for word in re.findall(r"[a-z]{7,}", more.lower())):
        return None
    return f"{text.rstrip()}{'' if text.rstrip().endswith(('.', '!', '?')) else '.'} {more}"


def lost_small(text: str, seed: str) -> str | None:
    """The word for how big or how bad it is goes."""
    found = list(
        re.finditer(
            rf"\b(?:{_SMALL})(?:(?: to|,| and) (?:{_SMALL}))*\s+(?!degree|size|extent|"
            rf"amount)",
            text,
            re.I,
        )
    )
    if not found:
        return None
    one = found[pick(len(found), seed)]
    return text[: one.start()] + text[one.end() :]


_MANY = r"multiple|several|numerous|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d+|some|both|bilateral"
_LOOKS = (
    "small|large|mild|prominent|focal|patchy|lung|pleural|interstitial|calcified|pulmonary|old|red|white|blood|rib|right|"
    "left"
)
_ONE = {"opacities": "opacity", "masses": "mass"}
_NOUNS = "nodules|effusions|opacities|granulomas|fractures|masses|infiltrates|consolidations|platelets|cells|lesions"


def plural_to_single(text: str, seed: str) -> str | None:
    """Several become one; so do both sides."""
    found = re.search(rf"\b(?:(?:{_MANY}) )?(?:(?:{_MANY}) )?((?:(?:{_LOOKS}),? )*)({_NOUNS})\b", text, re.IGNORECASE)
    if found is None or re.search(
        r"\b(?:no|not|neither|nor|without|"
        r"absent)\b",
        text[: found.end() + 20],
        re.IGNORECASE,
    ):
        return None
    noun = _ONE.get(found[2].lower(), found[2][:-1].lower())
    changed = f"{text[: found.start()]}a {found[1].lower()}{noun}{text[found.end() :]}"
    changed = re.sub(r"\b(?:on both sides|bilaterally|in both lungs|, all of them)\b", "", changed)
    return changed.replace(" are ", " is ").replace(" contain ", " contains ")


def changed_count(text: str, seed: str) -> str | None:
    """Another number of the same things."""
    spelled = "|".join(NUMBERS)
    found = list(re.finditer(rf"\b(?:{spelled}|\d+)\b(?!\s?(?:mm|cm|ml|%|°|by|\.\d)|\.\d|(?:th|st|nd|rd))", text, re.I))
    found = [one for one in found if not re.match(r"\s*(?:sees|counts|finds)", text[one.end() :])]
    found = [one for one in found if not re.search(r"[\[,.]\s*$|\d$", text[: one.start()])]
    if not found:
        return None
    one = found[pick(len(found), seed)]
    if one[0].isdigit():
        changed = str(int(one[0]) + 1 + pick(3, seed, "more"))
    else:
        changed = NUMBERS[(NUMBERS.index(one[0].lower()) + 1 + pick(4, seed, "more")) % len(NUMBERS)]
    return text[: one.start()] + changed + text[one.end() :]


def changed_modality(text: str, seed: str) -> str | None:
    """The picture was taken in another way."""
    found = _MODALITY.search(text)
    if found is None:
        return None
    others = [one for one in MODALITIES if one.split()[0].lower()[:4] not in found[0].lower()]
    return text[: found.start()] + others[pick(len(others), seed)] + text[found.end() :]


def moved_box(text: str, seed: str) -> str | None:
    """The box lies somewhere else."""
    found = re.search(r"\[([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)\]", text)
    if found is None:
        return None
    by = (3, -4, 11, 25)[pick(4, seed)]
    moved = [float(edge) + by for edge in found.groups()]
    if pick(2, seed, "one"):
        moved = [float(edge) for edge in found.groups()]
        moved[pick(4, seed, "edge")] += by
    return text[: found.start()] + f"[{', '.join(f'{edge:g}' for edge in moved)}]" + text[found.end() :]


def changed_place(text: str, seed: str) -> str | None:
    """Upper becomes lower."""
    found = re.search(r"\b(upper|lower)\b(?= (?:left|right|centre|lobe|zone|lung|lobes))", text)
    if found is None:
        return None
    return text[: found.start()] + ("lower" if found[0] == "upper" else "upper") + text[found.end() :]


KINDS: dict[str, Mutator] = {
    "flipped side": flipped_side, "changed number": changed_number, "wrong unit": wrong_unit,
    "dropped negation": dropped_negation, "dropped doubt": dropped_doubt, "added finding": added_finding,
    '"small" lost': lost_small, "plural to single": plural_to_single, "changed count": changed_count,
    "changed modality": changed_modality, "moved box": moved_box, "changed place": changed_place,
}  # fmt: skip


def _capital(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text[:1].upper() + text[1:]
