"""Truths: true texts over real and made-up facts, each with the ground that it is held against."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from facts_of_sources import REAL, SHARED, source

from medloom.schemas.identity import digest, pick, shuffled
from medloom.synthesis.brief import Brief, Finding
from medloom.synthesis.evidence.check import Wanted
from medloom.synthesis.evidence.ground import of_brief, of_text
from medloom.synthesis.grammar import counted, definite, indefinite
from medloom.synthesis.registry import load_task
from medloom.synthesis.template import sentence
from medloom.synthesis.writer import Writer

HERE = Path(__file__).parent
OPENI = SHARED / "openi_reports"
SAMPLES = {"covid_cxr_gb": 12, "bccd_voc": 16, "totalseg_ct": 1, "pocus_lus": 8}
PHANTOMS = {
    "phantom_xray": ("xray_coco", 10), "phantom_voc": ("cells_voc", 6), "phantom_ct": ("ct_msd", 3),
    "phantom_skin": ("derm_class_folders", 6),
}  # fmt: skip


class Truth(NamedTuple):
    """A true text, where it is from, what it is held to, and whether it is held out of tuning."""

    text: str
    origin: str
    wanted: Wanted
    held_out: bool
    key: str


def of_reports() -> Iterator[Truth]:
    """Paraphrases of sentences of reports: the source's own words are the ground, and all of it must be kept."""
    real = dict(_openi()) if OPENI.is_dir() else {}
    for row in yaml.safe_load((HERE / "truths.yaml").read_text("utf-8")):
        text = row.get("text") or real.get(row["of"])
        if text is None:
            continue
        key = digest(text, size=6)
        origin = "openi_reports" if "of" in row else "made up"
        for number, said in enumerate(row["says"]):
            wanted = Wanted(ground=of_text(text), of_text=True)
            yield Truth(said, origin, wanted, int(key, 16) % 2 == 1, f"{key}{number}")


def _openi() -> Iterator[tuple[str, str]]:
    from defusedxml.ElementTree import parse

    for path in sorted((OPENI / "ecgen-radiology").glob("*.xml")):
        for part in parse(path).getroot().iter("AbstractText"):
            if part.get("Label") in ("FINDINGS", "IMPRESSION") and part.text:
                for one in re.split(r"(?<=[.!?])\s+", part.text):
                    yield digest(one.strip(), size=6), one.strip()


def of_facts(clinic: Path, work: Path) -> Iterator[Truth]:
    """Hand-written sentences about annotated facts of real and phantom sources, one or two about each fact."""
    from medloom.converters.phantom.clinic import write_clinic

    write_clinic(clinic, 11, 8)
    roots = {card: (clinic / folder, most) for card, (folder, most) in PHANTOMS.items()}
    roots |= {card: (SHARED / REAL[card], most) for card, most in SAMPLES.items() if (SHARED / REAL[card]).is_dir()}
    writer = load_task("write.caption", {"findings": 8, "absent": 6})
    sizes = load_task("write.rationale", {"of": ["measurement.size", "measurement.area"], "per_picture": 2})
    assert isinstance(writer, Writer)
    assert isinstance(sizes, Writer)
    for card, (root, most) in roots.items():
        context, mades = source(card, root, work, most)
        for made in mades:
            for scene in made.scenes:
                for brief in writer.briefs(scene, context):
                    yield from _said(brief, card, context)
                for brief in sizes.briefs(scene, context):
                    yield from _measured(brief, card, context)


def patterns() -> dict[str, list[str]]:
    """Hand-written sentences with slots, by what they say."""
    return yaml.safe_load((HERE / "patterns.yaml").read_text("utf-8"))


def _said(brief: Brief, card: str, context: Any) -> Iterator[Truth]:
    ground = of_brief(brief)
    picture = dict(brief.known).get("picture")
    chosen = shuffled(brief.findings, brief.id, "truths")[:4]
    for finding in chosen:
        meant = context.vocabulary[finding.concept]
        slots = {"name": meant.name, "names": meant.plural, "a": indefinite(meant), "the": definite(meant)}
        slots |= _kinds(finding, slots, context)
        for kind in slots.pop("kinds").split():
            wanted = Wanted(ground=ground, must=(finding.concept,), boxes=kind == "box")
            yield from _worded(kind, slots, picture, brief, card, wanted)
    if picture:
        yield from _worded("modality", {}, picture, brief, card, Wanted(ground=ground, words=(1, 60)))


def _kinds(finding: Finding, slots: dict[str, str], context: Any) -> dict[str, str]:
    """Slots by what is known of a finding, and under ``kinds`` the patterns that it can fill."""
    if finding.polarity == "absent":
        return {"kinds": "absent"}
    more: dict[str, str] = {}
    kinds = [] if (finding.count or 0) > 1 else ["present"]
    if len(finding.boxes) == 1 and finding.places:
        more["place"] = finding.places[0]
        more |= {f"b{number}": f"{edge:.1f}".removesuffix(".0") for number, edge in enumerate(finding.boxes[0])}
        kinds += ["place", "box"]
    if finding.count is not None:
        meant = context.vocabulary[finding.concept]
        more |= {"n": str(finding.count), "word": counted(meant, finding.count).split()[0]}
        kinds += ["count_one" if finding.count == 1 else "count_many"]
    return {**more, "kinds": " ".join(kinds)}


def _measured(brief: Brief, card: str, context: Any) -> Iterator[Truth]:
    from medloom.synthesis.writers.reworded import proved

    meant = context.vocabulary[brief.concepts[0]]
    by_name = {one.name: one.value for one in brief.measurements}
    slots = {"the": definite(meant)}
    if "long_axis" in by_name:
        slots |= {"long": f"{by_name['long_axis']:.1f} mm", "short": f"{by_name['short_axis']:.1f} mm"}
    else:
        slots["area"] = f"{by_name['area']:.1f} mm²"
    kind = "measured" if "long" in slots else "area"
    yield from _worded(kind, slots, None, brief, card, Wanted(ground=proved(brief)))


def _worded(
    kind: str, slots: dict[str, str], picture: str | None, brief: Brief, card: str, wanted: Wanted
) -> Iterator[Truth]:
    """One pattern that tuning may see, and one that is held out."""
    every = patterns()[kind]
    filled = dict(slots)
    if picture is not None:
        bare = picture.split(" ", 1)[1]
        filled |= {"picture": picture, "kind": bare, "the picture": f"the {bare}"}
    filled |= {sentence(name): sentence(value) for name, value in filled.items()}
    filled |= {"The picture": "The picture"}
    for part in (0, 1):
        able = [one for number, one in enumerate(every) if number % 2 == part and _fits(one, filled)]
        if able:
            key = digest(brief.id, kind, sorted(slots.items()), part, size=6)
            text = able[pick(len(able), "pattern", key)].format_map(filled)
            yield Truth(text, card, wanted, part == 1, key)


def _fits(pattern: str, filled: dict[str, str]) -> bool:
    return set(re.findall(r"\{([^}]+)\}", pattern)) <= filled.keys()
