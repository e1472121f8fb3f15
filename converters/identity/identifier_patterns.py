"""Identifiers that have a form: dates, times, numbers, addresses of every kind, institutions, high ages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

Kind = Literal["NAME", "DATE", "TIME", "ID", "PHONE", "EMAIL", "URL", "PLACE", "HOSPITAL", "AGE"]
KINDS: tuple[Kind, ...] = ("NAME", "DATE", "TIME", "ID", "PHONE", "EMAIL", "URL", "PLACE", "HOSPITAL", "AGE")


class Span(msgspec.Struct, frozen=True):
    """Characters `start` (inclusive) to `end` (exclusive) of a text, and what kind of identifier stands there."""

    start: int
    end: int
    kind: Kind


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The lists of lexicon.yaml."""
    import yaml

    text = files("medloom.converters.identity").joinpath("lexicon.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return {name: tuple(words.split() if isinstance(words, str) else words) for name, words in found.items()}


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MM = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:1[89]|20)\d\d"
_UNIT = (
    r"(?!\s?(?:[mcµuk]?m\b|mm|cm|ml|cc|mg|kg|g\b|mgy|msv|hu\b|kvp?|mas?\b|hz|mhz|bpm|%|degrees?|x\s?\d|×|[-–]?\s?year|"
    r"minutes?|hours?|days?|weeks?|months?|frames?|slices?|images?|cells?|per\b|/\s?(?:µ|u|m|h)))"
)
"""Not before a unit: what is measured identifies nobody."""


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str], int], ...]:
    """(kind, pattern, the group that is hidden), the surest first."""
    said = lexicon()
    states = "|".join(sorted(map(re.escape, said["states"]), key=len, reverse=True))
    cities = "|".join(
        sorted(map(re.escape, (*said["cities"], *said["cities_of_several_words"])), key=len, reverse=True)
    )
    proper = r"(?:[A-Z][\w'’.-]*[A-Za-z.]|of|and|de|la|for|the|&)"
    insensitive: list[tuple[Kind, str, int]] = [
        ("EMAIL", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", 0),
        ("URL", r"\b(?:https?://|ftp://|www\.)[^\s<>\"')\]]+", 0),
        ("URL", r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|nhs\.uk|ac\.uk|co\.uk|de|fr|info)\b(?:/\S*)?", 0),
        ("URL", r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\.\d)", 0),
        ("ID", r"\b[0-2](?:\.(?:0|[1-9]\d*)){5,}\b", 0),
        ("ID", r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", 0),
        # A date of birth and the like, then dates in their many forms.
        ("DATE", rf"\b{_YEAR}[-/.]{_MM}[-/.]{_DAY}(?:[T ]\d\d:\d\d(?::\d\d)?)?(?![\d])", 0),
        ("DATE", rf"(?<![\d./-]){_DAY}([-/.]){_MM}\1(?:{_YEAR}|\d\d)(?![\d/]|[.-]\d)", 0),
        ("DATE", rf"(?<![\d./-]){_MM}([-/.]){_DAY}\1(?:{_YEAR}|\d\d)(?![\d/]|[.-]\d)", 0),
        ("DATE", rf"\b{_DAY}(?:st|nd|rd|th)?[\s.-]+(?:of\s+)?{_MONTH}(?:[\s,.'’-]+(?:{_YEAR}|\d\d\b))?", 0),
        ("DATE", rf"\b{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?\b(?!\s?(?:mm|cm|mg|ml|%|x\s?\d))(?:\s*,?\s+{_YEAR})?", 0),
        ("DATE", rf"\b{_MONTH}[\s,.'’-]+(?:of\s+)?{_YEAR}\b", 0),
        ("DATE", rf"\b{_MM}/{_YEAR}\b", 0),
        ("DATE", rf"\b(?:in|since|last|until|from|during|before|after|of|early|late)\s+((?!may\b|march\b|mar\b){_MONTH})(?!\s+\w+ing\b)", 1),
        ("DATE", rf"\b(?:in|since|last|until)\s+((?:may|march))\b(?=\s*[.,;)]|\s*$|\s+(?:the|this|that|for|with|and|he|she))", 1),
        ("DATE", rf"\b(?:on|dated?|compared (?:to|with)|prior (?:of|from)|exam(?:ination)? (?:of|from)|study (?:of|from)|d\.?o\.?b\.?|seen|visit|since|until)\s*:?\s+(?:the\s+)?({_MM}/{_DAY})(?![\d/])(?!\s?(?:mm|cm))", 1),
        ("DATE", rf"(?<![\d.]){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{{6}}(?:\.\d+)?)?(?![\d.]){_UNIT}", 0),
        ("DATE", rf"\b(?:d\.?o\.?b\.?|date of birth|born)\s*:?\s*(?:on\s+|in\s+)?({_YEAR})\b", 1),
        ("TIME", r"\b(?:[01]?\d|2[0-3])[:.][0-5]\d(?::[0-5]\d)?\s?(?:a\.?m\.?|p\.?m\.?)(?![a-z])", 0),
        ("TIME", r"\b(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?\b", 0),
        ("TIME", r"\b(?:at|time:?|@)\s*((?:[01]?\d|2[0-3]):[0-5]\d|(?:[01]\d|2[0-3])[0-5]\d\s?(?:hrs?|hours|h\b))(?!\s?(?:o['’]?clock|position))", 1),
        ("TIME", r"\b(?:at|@)\s+((?:1[0-2]|[1-9])\s?(?:a\.?m\.?|p\.?m\.?))(?![a-z])", 1),
        ("PHONE", r"(?<![\d.])(?:\+\d{1,3}[\s.-]?)?\(\d{2,5}\)[\s.-]?\d{3,4}[\s.-]?\d{3,4}(?!\d)(?:\s*(?:ext\.?|x)\s*\d{2,6})?", 0),
        ("PHONE", r"(?<![\d.-])(?:1[\s.-])?\d{3}([\s.-])\d{3}\1\d{4}(?![\d-])(?:\s*(?:ext\.?|x)\s*\d{2,6})?", 0),
        ("PHONE", r"(?<![\d.])\+\d{1,3}(?:[\s.-]?\d{1,4}){2,5}(?!\d)", 0),
        ("PHONE", r"\b0\d{2,4}[\s-]\d{3,4}[\s-]?\d{3,4}\b", 0),
        ("PHONE", r"\b(?:tel(?:ephone)?|ph(?:one)?|fax|mobile|cell|pager|beeper|call(?:ed)?(?: back)?(?: at)?|ext(?:ension)?)\b\.?\s*(?:no\.?|number|#|at)?\s*:?\s*#?(\d[\d\s().-]{2,16}\d)(?![\d.])" + _UNIT, 1),
        ("PHONE", r"(?<![\d.-])\d{3}-\d{4}(?![\d-])" + _UNIT, 0),
        ("ID", r"\b(?:mrn|mr\s?#|m\.r\.n\.?|med(?:ical)?\.?\s?rec(?:ord)?\.?|record|acc(?:ession)?\.?|patient\s?id|pat\.?\s?id|pid|encounter|account|acct|chart|case|order|requisition|study\s?id|exam\s?id|specimen|nhs|ssn|social security|insurance|policy|member|licen[cs]e|serial|device|badge|hospital|file|registration|reg|id|identifier|csn|fin|visit|npi|dea|passport)\b\.?\s*(?:no\b\.?|num(?:ber)?\b\.?|#|id\b)?\s*(?:is\b|was\b)?\s*[:#=]?\s*#?([a-z]{0,5}[-/]?\d[\w/-]*\d[\w/-]*)\b" + _UNIT, 1),
        ("ID", r"(?<![\w.,/-])\d{7,}(?![\w.,-]*\d)(?!\s?(?:cells|copies|/|[µu]))" + _UNIT, 0),
        ("ID", r"\b(?=[a-z]*\d)(?:[a-z]{1,4}[-/]?)(?:\d{2,4}[-/])?\d{5,}(?:-\d+)?\b", 0),
        ("ID", r"\b[a-z]{1,3}\d{2}-\d{3,}\b", 0),
        ("ID", r"(?<![\w.-])\d{3}[ -]\d{3}[ -]\d{4}(?![\w-])", 0),
        ("AGE", r"\b((?:9\d|1[0-2]\d)(?:\.\d+)?)(?=\s*(?:[-–]\s*)?(?:years?|yrs?\b|y\b|yo\b|y\.o\.?|y/o)(?:\s*[-–]?\s*(?:old|of age|o\b))?(?!\s+(?:ago|later|history|of (?!age))))", 1),
        ("AGE", r"\bage[ds]?\s*(?:of|is|was|:)?\s*((?:9\d|1[0-2]\d))\b(?!\s?(?:%|mm|cm|days|months|hours|weeks))", 1),
        ("AGE", r"\b((?:9\d|1[0-2]\d))(?=\s?[MF]\b)(?!\s?[MF]\w)", 1),
    ]  # fmt: skip
    sensitive: list[tuple[Kind, str, int]] = [
        ("PLACE", r"\b\d{1,5}(?:[A-Za-z]|-\d+)?\s+(?:(?:North|South|East|West|N|S|E|W|NE|NW|SE|SW)\.?\s+)?(?:[A-Z][\w'’.-]*\s+|\d+(?:st|nd|rd|th)\s+){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Ter|Highway|Hwy|Parkway|Pkwy|Square|Sq|Circle|Cir|Crescent|Close|Row|Walk|Gardens)\b\.?(?:,?\s*(?:Apt|Apartment|Unit|Suite|Ste|Floor|Room|#)\.?\s*#?\w+)?", 0),
        ("PLACE", r"\bP\.?\s?O\.?\s?Box\s+\d+", 0),
        ("PLACE", r"\b(?:[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|weg|allee|platz|gasse)|(?:Rue|Via|Calle|Avenida|Rua|Avenue|Chaussée)\s+(?:d[eu]s?\s+(?:la\s+)?|del(?:la)?\s+)?[A-ZÀ-Ý][\w’'-]+)\s+\d{1,4}[a-z]?\b", 0),
        ("PLACE", r"\b\d{1,4},?\s+(?:rue|avenue|boulevard|place|chemin)\s+(?:d[eu]s?\s+(?:la\s+)?|d['’])?[A-ZÀ-Ý][\w’'-]+", 0),
        ("PLACE", r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}\b", 0),
        ("PLACE", r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z]\s\d[A-Z]\d\b", 0),
        ("PLACE", rf"\b(?:(?:[A-Z][a-z]+\.?\s){{0,2}}[A-Z][a-zA-Z'’-]+,\s*)(?:{states})\b\.?(?:\s+\d{{5}}(?:-\d{{4}})?)?(?!-)", 0),
        ("PLACE", rf"\b(?:{states})\s+\d{{5}}(?:-\d{{4}})?\b", 0),
        ("PLACE", rf"\b(?:[Ll]ives? (?:alone )?in|[Rr]esid(?:es|ent|ing) (?:in|of|at)|[Ff]rom|[Tt]ravel(?:l?ed)? (?:to|from)|[Mm]oved (?:to|from)|[Vv]isit(?:ed|ing)|[Tt]rip to|[Rr]eturned from|[Bb]orn in|[Tt]ransferred from|[Ii]n|[Aa]t|[Nn]ear|[Oo]f|[Tt]o|[Cc]ity of|[Tt]own of|[Vv]illage of)\s+((?:[Dd]owntown\s+)?(?:{cities})(?:,\s*[A-Z][a-z]+)?)\b(?!['’]s?\s|\s+(?:criteria|classification|score|scale|shoulder|type|brace|sign|protocol|Scientific|scientific|grading|prognostic|coma|virus|rule|consensus))", 1),
        ("PLACE", r"\b(?:[Ll]ives? (?:alone )?in|[Rr]esid(?:es|ent|ing) (?:in|of|at)|[Cc]ity of|[Tt]own of|[Vv]illage of|[Cc]ounty of|[Bb]orn in|[Mm]oved (?:to|from))\s+((?:[A-Z][\w'’-]+)(?:\s+[A-Z][\w'’-]+){0,2})", 1),
        ("PLACE", r"\b((?:[A-Z][a-z]+\s+){1,2}County)\b", 1),
        ("HOSPITAL", rf"\b(?:(?:St|Mt|Ft)\.?\s+)?[A-Z][\w'’.&-]*(?:\s+{proper}){{0,5}}?\s+(?:General\s+|Memorial\s+|University\s+|Regional\s+|Children['’]?s\s+|Community\s+|County\s+|District\s+|Veterans\s+|Teaching\s+)*(?:Hospitals?|Medical\s+(?:Center|Centre|Group|College)|Clinic|Infirmary|Health\s?care|Health\s+(?:System|Center|Centre|Network|Trust)|Imaging\s+(?:Center|Centre|Associates)|Radiology\s+(?:Associates|Group|Partners)|Cancer\s+(?:Center|Centre|Institute)|Hospice|Nursing\s+Home|NHS\s+(?:Foundation\s+)?Trust|Diagnostics|Sanatorium|Polyclinic|Surgical\s+Center|VA\s+Medical\s+Center)\b(?:\s+(?:of|at|in)\s+(?:[A-Z][\w'’.-]+\s?){{1,3}})?", 0),
        ("HOSPITAL", r"\b(?:Mayo Clinic|Johns Hopkins|Mass(?:achusetts)? General|Mount Sinai|Mt\.? Sinai|Cleveland Clinic|Cedars[- ]Sinai|Kaiser(?: Permanente)?|Brigham and Women['’]?s?|Beth Israel(?: Deaconess)?|Charité|Karolinska|Bellevue|MD Anderson|Guy['’]s and St\.? Thomas['’]?|Addenbrooke['’]s|Royal Free|AIIMS|Groote Schuur|[A-Z][a-zäöü]*klinikum(?:\s+[A-Z]\w+)?|Universit(?:y|ätsklinikum|ätsspital)\s+(?:of\s+)?[A-Z]\w+|(?:Hôpital|Hospital|Ospedale|Clínica|Clinique|Klinik|Krankenhaus)\s+(?:(?:de|del|della|la|le|du|des|St\.?|San|Santa|Universitario|Universitaire|General)\s+)*[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+)?)", 0),
        ("HOSPITAL", r"\b(?:St|Saint|Sts)\.?\s+[A-Z][a-z]+['’]s\b(?!\s+(?:disease|syndrome|fire|dance|wort))", 0),
    ]  # fmt: skip
    return (
        *((kind, re.compile(rf"(?i){pattern}"), group) for kind, pattern, group in insensitive),
        *((kind, re.compile(pattern), group) for kind, pattern, group in sensitive),
    )


_COMMON = re.compile(
    r"^(?:The|This|That|An?|His|Her|Our|Their|Your|Any|No|Pain|Eye|Ear|Heart|Breast|Emergency|Outside|Same|Local|"
    r"Outpatient|Inpatient|Primary|Hospital|Cardiology|Neurology|Oncology|Surgery|Medicine|Orthopa?edics?|Fracture|"
    r"Return|Follow|Admitted|Transferred|Seen|In|At|To|From|For|And|Of|Skin|Diabetes|Foot|Hand|Wound|Home|Field|"
    r"General|Community|University|Regional|Memorial|Children['’]?s|District|County|Teaching|Nursing|Imaging|"
    r"Radiology|Medical|Cancer|Health|Surgical|NHS|Diagnostics|Hospice|Clinic|Routine|Prior|Previous|Another)$"
)


def of_a_form(text: str) -> Iterator[Span]:
    """Identifiers that have a form, in no particular order; they may overlap."""
    for kind, pattern, group in _patterns():
        for found in pattern.finditer(text):
            start, end = found.span(group)
            if kind == "HOSPITAL":
                start = _named_from(text, start, end)
                if start >= end:
                    continue
            yield Span(start, end, kind)


def _named_from(text: str, start: int, end: int) -> int:
    """Where the institution's own name begins; `end` where there is none ("the Hospital", "Pain Clinic")."""
    words = list(re.finditer(r"\S+", text[start:end]))
    while words and (_COMMON.match(words[0][0].rstrip(".,:;")) or not words[0][0][0].isupper()):
        words.pop(0)
    return start + words[0].start() if words else end
