"""What Samples state: names, patients, splits, files, and the truth that the author states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medloom.flows.kit.trial import Note, NotHere, Trial, media_files
from medloom.flows.kit.truth import differences
from medloom.flows.kit.watched import files_of
from medloom.schemas.card import PatientRule
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Event, Label, Landmark, Measured, Question, Region, Sample, Text


def names_are_the_cards(trial: Trial) -> Iterator[str]:
    unknown: Counter[str] = Counter()
    for sample in trial.samples:
        names = {label.name for label in sample.labels} | {*sample.complete_labels, *sample.complete_regions}
        names |= {region.name for region in sample.regions if region.name is not None}
        names |= {name.name for region in sample.regions for name in region.names}
        names |= {name.name for points in sample.landmark_maps for name in points.names}
        names |= {point.name for point in sample.landmarks}
        unknown.update(names - set(trial.fixture.card.labels))
    for name, count in sorted(unknown.items()):
        yield f"{name!r} is named by {count} Samples and stands not in the card's labels"
    unnamed = [row for one in trial.first.shown for row in one.refused if row.reason.startswith("unnamed")]
    for row in unnamed[:3]:
        yield f"{row.unit}: {row.file}: {row.detail}"


def patients_are_stated(trial: Trial) -> Iterator[str]:
    """None says that nobody knows: of all where the card says so, of a few where a table has an empty cell."""
    rule = trial.fixture.card.patient
    by_column = isinstance(rule, PatientRule) and rule.column is not None
    empty = by_column and any(one.patient is not None for one in trial.samples)
    for sample in trial.samples:
        if rule == "unknown":
            if sample.patient is not None:
                yield f"{sample.key}: patient {sample.patient!r}, and the card says that nobody knows"
        elif sample.patient is None:
            told = f"{sample.key}: no patient, and the card says {_rule(rule)}"
            yield Note(told) if empty else told
        elif rule == "one per case" or not by_column:
            pointers = [pointer.partition("#")[0] for pointer in _pointers(sample)]
            if sample.patient not in _matches(trial, [sample.key, *files_of(sample), *pointers]):
                yield f"{sample.key}: patient {sample.patient!r} is not what the rule {_rule(rule)} finds"


def _rule(rule: object) -> str:
    return str(rule.model_dump(exclude_none=True)) if isinstance(rule, PatientRule) else str(rule)


def _matches(trial: Trial, places: list[str]) -> set[str | None]:
    found: set[str | None] = set()
    for place in places:
        try:
            found.add(trial.fixture.card.patient_of(place, place))
        except BadInput:
            continue
    return found


def splits_are_disjoint(trial: Trial) -> Iterator[str]:
    if all(one.split is None for one in trial.samples):
        raise NotHere("the source has no published split")
    splits: dict[tuple[str, str], set[str]] = {}
    for sample in trial.samples:
        whose = [("patient", sample.patient), ("study", sample.study)]
        for what, which in [*whose, *(("file", shown) for shown in _shown(sample))]:
            if which is not None:
                splits.setdefault((what, which), set()).add(str(sample.split))
    for (kind, name), found in sorted(splits.items()):
        if len(found) > 1:
            yield f"the {kind} {name!r} is in {' and in '.join(sorted(found))}"
    folders = trial.fixture.card.split.folders if trial.fixture.card.split is not None else {}
    for sample in trial.samples:
        meant = {folders[part] for file in media_files(sample) for part in file.split("/")[:-1] if part in folders}
        if meant and meant != {sample.split}:
            yield f"{sample.key}: split {sample.split}, and its folder says {' and '.join(sorted(meant))}"


def _shown(sample: Sample) -> list[str]:
    """The files of its media, each with what is taken of it where it holds several pictures."""
    parts = [(file, (media.member, media.frame, media.crop)) for media in sample.media for file in media.files]
    return [file if part == (None, None, None) else f"{file}#{part}" for file, part in parts]


def files_are_there(trial: Trial) -> Iterator[str]:
    from medloom.converters.paths import inside

    for sample in trial.samples:
        for file in files_of(sample):
            try:
                inside(trial.root, file)
            except BadInput as bad:
                yield f"{sample.key}: {bad}"
        for pointer in _pointers(sample):
            if not (trial.root / pointer.partition("#")[0]).exists():
                yield f"{sample.key}: the pointer {pointer!r} leads to no file under the root"


def _pointers(sample: Sample) -> list[str]:
    facts: tuple[Label | Region | Landmark | Text | Question | Measured | Event, ...] = (
        *sample.labels, *sample.regions, *sample.landmarks, *sample.texts, *sample.questions, *sample.measured,
        *sample.events,
    )  # fmt: skip
    return [fact.pointer for fact in facts]


def truth_is_met(trial: Trial) -> Iterator[str]:
    if trial.fixture.truth is None:
        raise NotHere("no truth.yaml beside the fixture states what is in it")
    yield from differences(trial.fixture.truth, trial.samples)
