"""Scenes: the one place where a Sample becomes Views with their facts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from medloom.converters.pixels.picture import Prepared
from medloom.schemas.appearance import Appearance
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.sample import Acquisition, Event, Media, Refusal, Sample
from medloom.schemas.view import Derivation, Plane, View
from medloom.synthesis.facts import Naming, stated_labels
from medloom.synthesis.origin import Origin
from medloom.synthesis.scene import Case, Scene, Stated, Terms


@dataclass
class Made:
    """What one Sample gave: scenes, views of media kept whole, the bytes that are not their source file's own, and
    refusals. `looks` says what each view looks like, by its id. `case` is all of it together. `found` counts what could
    have told who the patient is, by place and kind.
    """

    scenes: list[Scene] = field(default_factory=list)
    whole: list[View] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    looks: dict[str, Appearance] = field(default_factory=dict)
    case: Case | None = None
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    slices: dict[str, list[tuple[Plane, int]]] = field(default_factory=dict)
    """Slices that were chosen of each volume, for those that are shown on its grid."""
    events: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    """Events of each clip that could be opened, up to its end."""


@dataclass(frozen=True)
class Stage:
    """What all scenes of one Sample share. `looks` is filled by `view_of`."""

    origin: Origin
    sample: Sample
    naming: Naming
    terms: Terms
    labels: tuple[Stated, ...]
    judged: frozenset[str]
    acquisition: Acquisition
    looks: dict[str, Appearance] = field(default_factory=dict)


def scenes_of(sample: Sample, origin: Origin) -> Made:
    """All scenes of a Sample, which is de-identified first. What can't be used is in `refused`; only a bug raises."""
    made = Made()
    hidden = origin.deidentifier
    hidden.found = made.found
    sample = hidden.sample(sample)
    naming = Naming(origin.card, sample.key)
    labels, judged = stated_labels(sample, naming)
    known = _acquisition(sample, origin)
    stage = Stage(origin, sample, naming, origin.terms(sample), labels, judged, known, made.looks)
    for media in sorted(sample.media, key=lambda one: one.onto is not None):
        try:
            if media.kind == "picture":
                from medloom.synthesis.picture_scene import picture_scene

                made.scenes.append(picture_scene(media, stage, made))
            elif media.kind in ("volume", "series"):
                from medloom.synthesis.volume_scenes import volume_scenes

                made.scenes.extend(volume_scenes(media, stage, made))
            elif media.kind == "slide":
                from medloom.synthesis.slide_scenes import slide_scenes

                made.scenes.extend(slide_scenes(media, stage, made))
            elif media.kind == "clip":
                from medloom.synthesis.clip_scenes import clip_scenes

                made.scenes.extend(clip_scenes(media, stage, made))
            else:
                raise BadInput("unsupported_media", f"a {media.kind} makes no view yet", media.files[0])
        except BadInput as bad:
            part = len(sample.media) > 1 or bool(sample.texts or sample.questions)
            made.refused.append(refusal(sample, bad, media.files[0], part=part))
    order = {media.key: number for number, media in enumerate(sample.media)}
    made.scenes.sort(key=lambda scene: order[scene.view.media])
    made.refused = [hidden.refusal(row) for row in (*made.refused, *naming.refused.values())]
    unseen = [event for event in sample.events if event.media not in made.events]
    made.case = Case(
        sample=msgspec.structs.replace(sample, events=(*unseen, *chain.from_iterable(made.events.values()))),
        terms=stage.terms,
        naming=naming,
        scenes=tuple(made.scenes),
        whole=tuple(made.whole),
        labels=labels,
        judged=judged,
        labels_of_patient=origin.card.labels_of == "patient",
    )
    return made


def refusal(sample: Sample, bad: BadInput, file: str | None = None, part: bool = False) -> Refusal:
    """The quarantine row of a BadInput met while making this Sample's scenes; `file` where the error names none."""
    found = bad.file or file
    return Refusal(unit=sample.key, reason=bad.reason, detail=bad.detail, file=found, stage="convert", part=part)


def _acquisition(sample: Sample, origin: Origin) -> Acquisition:
    """The Sample's acquisition; what it leaves open and the card states for all is taken from the card."""
    known = sample.acquisition
    card = origin.card
    if origin.deidentifier.conceals:  # a code that says nothing to us may say a name to others
        from medloom.synthesis.acquired import BODY_PARTS, SEQUENCES, VIEWS, plain

        for name, words in (("body_part", BODY_PARTS), ("view", VIEWS), ("sequence", SEQUENCES)):
            value = getattr(known, name)
            if value is not None and plain(value) not in {plain(word) for word in words}:
                known = msgspec.structs.replace(known, **{name: None})
                origin.deidentifier.found["header", "TEXT"] += 1
    modality, body_part = known.modality or card.modality, known.body_part or card.anatomy
    if (modality, body_part) == (known.modality, known.body_part):
        return known
    return msgspec.structs.replace(known, modality=modality, body_part=body_part)


def view_of(
    stage: Stage,
    media: Media,
    prepared: Prepared,
    source_sha256: str,
    derivation: Derivation,
    spacing_mm: tuple[float, float] | None,
    orientation: tuple[str, str] | None,
    to_patient: tuple[float, ...] | None,
) -> View:
    """The View of prepared bytes. `spacing_mm` and `to_patient` are those of the stored pixels."""
    source, sample = stage.origin.card.source, stage.sample.key
    stats = prepared.stats
    where = (derivation.plane, derivation.slice_index, derivation.frame, derivation.montage, derivation.crop)
    name = digest("view", source, sample, media.key, *where)
    stage.looks[name] = Appearance(id=name, thumb=prepared.thumb, chroma=prepared.chroma)
    return View(
        id=name,
        source=source,
        sample=sample,
        media=media.key,
        source_file=media.files[0],
        source_sha256=source_sha256,
        sha256=prepared.sha256,
        phash=f"{prepared.phash:016x}",
        format=prepared.format,
        width=prepared.width,
        height=prepared.height,
        bytes=len(prepared.data),
        passthrough=prepared.sha256 == source_sha256,
        spacing_mm=spacing_mm,
        orientation=orientation,
        to_patient=to_patient,
        derivation=stage.origin.deidentifier.derivation(derivation),
        acquisition=stage.acquisition,
        mean=stats.mean,
        std=stats.std,
        dark=stats.dark_fraction,
        bright=stats.bright_fraction,
        sharpness=stats.sharpness,
    )
