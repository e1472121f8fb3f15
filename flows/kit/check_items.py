"""What a converter yields: items of the schema, with unique keys, the same in every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medloom.flows.kit.trial import Trial
from medloom.schemas.sample import Event, Landmark, Measured, Sample


def lists_samples(trial: Trial) -> Iterator[str]:
    for which, seen in (("", trial.first), (" in another place", trial.second)):
        if seen.raised is not None:
            yield f"listing{which} raised:\n{seen.raised.rstrip()}"
    if not trial.samples and trial.first.raised is None:
        told = "".join(f"; refused: {one.reason}: {one.detail}" for one in trial.first.refused[:1])
        yield f"no Sample was yielded{told}"


def fits_the_schema(trial: Trial) -> Iterator[str]:
    if trial.first.odd is not None:
        yield trial.first.odd
    for sample in trial.samples:
        keys = [media.key for media in sample.media]
        if len(set(keys)) < len(keys):
            yield f"{sample.key}: two media have the key {Counter(keys).most_common(1)[0][0]!r}"
        for what, media in _references(sample):
            if media not in keys and not sample.missing:  # it may be one of those that are missing
                yield f"{sample.key}: {what} is on {media!r}, which is no medium of the Sample"
        if not sample.key:
            yield "a Sample has an empty key"


def _references(sample: Sample) -> Iterator[tuple[str, str]]:
    for region in sample.regions:
        yield f"the region {region.name or region.file}", region.media
    named: tuple[Landmark | Measured | Event, ...] = (*sample.landmarks, *sample.measured, *sample.events)
    for one in named:
        yield f"{one.name!r}", one.media
    for text in sample.texts:
        if text.media is not None:
            yield f"the {text.kind}", text.media
    for question in sample.questions:
        for media in question.media:
            yield "a question", media


def keys_are_unique(trial: Trial) -> Iterator[str]:
    counts = Counter(one.key for one in trial.samples)
    for key, count in counts.items():
        if count > 1:
            yield f"{count} Samples have the key {key!r}"


def second_run_is_the_same(trial: Trial) -> Iterator[str]:
    first, second = trial.first, trial.second
    keys, others = [one.key for one in first.samples], [one.key for one in second.samples]
    if sorted(keys) != sorted(others):
        gone = next(iter(sorted(set(keys) ^ set(others))), "")
        yield f"the keys differ: {gone!r} is in one listing only"
    elif keys != others:
        at = next(number for number, (a, b) in enumerate(zip(keys, others, strict=True)) if a != b)
        yield f"the order differs: Sample {at} is {keys[at]!r}, then {others[at]!r}"
    else:
        for one, other in zip(first.samples, second.samples, strict=True):
            if one != other:
                fields = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
                yield f"{one.key}: {', '.join(fields)} differ from run to run"
                return
    if keys == others and first.refused != second.refused:
        yield "the refusals differ from run to run"


def features_are_carried(trial: Trial) -> Iterator[str]:
    from medloom.converters.registry import load_converter

    given = load_converter(trial.fixture.converter).gives(trial.fixture.card)
    carried: dict[str, bool] = {
        "labels": any(label.polarity == "present" for one in trial.samples for label in one.labels),
        "texts": any(one.texts for one in trial.samples),
        "questions": any(one.questions for one in trial.samples),
        "events": any(one.events for one in trial.samples),
        "measured": any(one.measured for one in trial.samples),
        "landmarks": any(one.landmarks or one.landmark_maps for one in trial.samples),
        "boxes": any(one.regions for one in trial.samples),
    }
    for name, there in carried.items():
        if there and name not in given and not (name == "boxes" and "masks" in given):
            yield f"Samples carry {name}, and gives() does not say so: no task would ask for them"
        if not there and name in given:
            yield f"gives() promises {name}, and no Sample of the fixture carries any"
