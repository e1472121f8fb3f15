"""What the dataset card and the Croissant file both say, one sentence each, as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from medloom.flows.figures import CorpusFigures
from medloom.flows.naming import record_type
from medloom.flows.wording import share, whole

DIRECT_USE = (
    "Training and evaluating vision-language models on medical pictures in research: captions, questions, grounding "
    "and measurement, each with the annotation that proves it.",
    "Studying the data itself: every record names its source, its licence, and the annotation that it was made from.",
)
OUT_OF_SCOPE = (
    "Not for clinical use: no diagnosis, triage, treatment or any other decision about a person may rest on this "
    "corpus or on a model because it was trained on it.",
    "No attempt may be made to find out who a patient is, nor to link records with other data to that end.",
    "It does not show what a finding's frequency in any population is: sources and records are chosen and balanced.",
)
RATIONALE = (
    "Public medical datasets differ in layout, labels, coordinates and licences, and most carry annotations but no "
    "language. This corpus puts them into one form in which each statement can be traced to the annotation that it "
    "follows from."
)
PRODUCERS = (
    "The authors of the sources, who collected and annotated the data for their own purposes; see the citations."
)
MAINTENANCE = (
    "Versions follow MAJOR.MINOR.PATCH. The same catalog gives the same shards, byte by byte; corpus.lock.json holds "
    "the digests of all inputs and outputs. Mistakes are put right in a new version."
)
SOCIAL_IMPACT = (
    "Models trained on public medical pictures inherit whom the sources show and leave out. Use them for research, and "
    "evaluate them on the people they are meant for before anything rests on them."
)


def phantom_statement(figures: CorpusFigures) -> str | None:
    """Which sources are phantoms and how much they are; None where none is."""
    phantoms = [source for source in figures.sources if source.phantom]
    if not phantoms:
        return None
    records = sum(source.records for source in phantoms)
    names = ", ".join(source.source for source in phantoms)
    return (
        f"Phantoms, not real data: {names}. Their pictures are computed, show no patient, and make up "
        f"{whole(records)} of {whole(figures.records)} records ({share(records, figures.records)})."
    )


def wording_statement(figures: CorpusFigures) -> str:
    """Who wrote the words."""
    if figures.engine == "none":
        return (
            "Machine-made text from templates: every question, answer, caption and reason is written by a template "
            "from the source's annotation. No language model took part, and no clinician has read the texts."
        )
    return (
        f"Machine-made text: templates wrote it from the source's annotation and {figures.engine} phrased it; what it "
        "returned was checked against the annotation. No clinician has read the texts."
    )


def annotation_statement(figures: CorpusFigures) -> str:
    """What annotations are there and how records come of them."""
    types = sorted({cell.type for cell in figures.cells})
    kinds = ", ".join(record_type(number) for number in types) or "none"
    return (
        f"Record types: {kinds}. Labels, boxes, masks and landmarks are the sources' own, mapped to one vocabulary; "
        "sizes, places and counts are computed from them. Each record cites file and position of what it rests on."
    )


def processing_statements(figures: CorpusFigures) -> tuple[str, ...]:
    """What was done to the data, with the numbers of the funnel."""
    kept_as_is = (
        "Pictures are stored as the source has them, or windowed, resized and re-encoded where the catalog asks."
    )
    said = [kept_as_is]
    for step in figures.funnel:
        lost = sum(step.dropped.values())
        unit = "pictures" if step.unit == "views" else step.unit
        if lost:
            reasons = ", ".join(f"{reason} {whole(count)}" for reason, count in ordered(step.dropped))
            said.append(f"{step.name}: {whole(step.kept)} {unit} kept, {whole(lost)} dropped ({reasons}).")
    return tuple(said)


def ordered(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The most frequent first, equals by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def personal_statements(figures: CorpusFigures) -> tuple[str, ...]:
    """What there is of people in the corpus and what was done about it."""
    said = [
        "The pictures are medical and come from people, except those of phantoms. That they may be published rests on "
        "the sources' own word; it was not verified again."
    ]
    if figures.deidentification:
        said += figures.deidentification
    else:
        said.append("No step of de-identification was run on this corpus.")
    said.append("Burned-in text, faces in head scans and rare findings may still tell who somebody is.")
    return tuple(said)


def bias_statements(figures: CorpusFigures) -> tuple[str, ...]:
    """Skews that the figures show."""
    said = []
    for kind, counts in (("source", _by_source(figures)), ("modality", _by_modality(figures))):
        if any(counts.values()):
            name, most = ordered(counts)[0]
            said.append(f"Largest {kind}: {name}, {share(most, figures.records)} of the records.")
    skewed = [row for row in figures.balance if row.yes + row.no >= 20 and not 0.2 < row.yes / (row.yes + row.no) < 0.8]
    if skewed:
        names = ", ".join(figures.concepts.get(row.concept, row.concept) for row in skewed)
        said.append(f"Yes and no are more uneven than 80 to 20 for: {names}.")
    without = [source.source for source in figures.sources if source.patients is None]
    if without:
        said.append(f"Without patient ids: {', '.join(without)}. Splits can't keep their patients apart.")
    said.append("Age, sex, ethnicity, scanner and hospital are not balanced, and most sources don't state them.")
    return tuple(said)


def limitation_statements(figures: CorpusFigures) -> tuple[str, ...]:
    """What the corpus can't do."""
    said = [
        "Annotations are taken as the sources have them: their mistakes are in the records too.",
        "Texts follow a limited number of phrasings and don't read like a radiologist's report.",
        "Filters reduce questions that can be answered without the picture; they can't rule them out.",
    ]
    phantoms = phantom_statement(figures)
    return (*said, *((phantoms,) if phantoms else ()), *figures.notes)


def _by_source(figures: CorpusFigures) -> dict[str, int]:
    return {source.source: source.records for source in figures.sources}


def _by_modality(figures: CorpusFigures) -> dict[str, int]:
    return _summed((cell.modality or "not stated", cell.records) for cell in figures.cells)


def _summed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, count in pairs:
        counts[key] = counts.get(key, 0) + count
    return counts
