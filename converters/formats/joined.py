"""Several annotations of the same pictures, each read by its own converter, joined picture by picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.joined_labels import joined_labels
from medloom.converters.refused import refused
from medloom.converters.registry import load_converter
from medloom.schemas.card import Exhaustive, SourceCard
from medloom.schemas.errors import BadInput, MedloomError
from medloom.schemas.sample import Refusal, Region, Sample, first_file

LISTS = ("regions", "landmarks", "landmark_maps", "texts", "questions", "measured", "events")
"""What is said of a picture beside its labels."""


class Part(base.Params):
    """One annotation. `names` are those of the card's labels that it can state (all, if not given), so that one part
    doesn't claim to be complete for what another one marks; `exhaustive` holds for this part in the card's stead.

    `same` are this part's own names for names of the card's labels ({Infiltrate: Infiltration}): its labels and regions
    are read as those, and the own names don't stand in `labels`. Two names there for one concept may mean different
    things, so that the concept is absent, or all marked, only where both are, also if no part can state both.
    """

    converter: str
    params: dict[str, Any] = Field(default_factory=dict)
    names: tuple[str, ...] | None = None
    exhaustive: Exhaustive | None = None
    same: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _suits_its_converter(self) -> Part:
        try:
            load_converter(self.converter).Params.model_validate(self.params)
        except MedloomError as error:
            raise ValueError(str(error)) from None
        return self


class Params(base.Params):
    """`base` gives the Samples, with patient, split, visit, acquisition and licence; `add` what else is known."""

    base: Part
    add: tuple[Part, ...] = Field(min_length=1)


class Joined(Converter):
    """Samples of the base; labels, regions, landmarks, texts, questions, measurements and events of the added parts are
    appended.

    Parts meet at the picture's file. The card's patient rule and split hold for the base alone. What an added part says
    of a picture that the base lacks is refused as ``not_in_base``, unless the base refused the picture itself. The
    added parts are held in memory.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        added: list[dict[str, Sample]] = []
        for part in params.add:
            found: dict[str, Sample] = {}
            mine = _card_of(part, card).model_copy(update={"patient": "unknown", "split": None})
            for item in _read(part, root, mine):
                if isinstance(item, Refusal):
                    yield msgspec.structs.replace(item, part=True)  # the base's Sample goes on without it
                elif not item.media:
                    bad = BadInput("no_picture", f"{part.converter} speaks of a picture that is not there")
                    yield refused(item.key, bad, first_file(item), part=True)
                elif item.media[0].files[0] in found:
                    bad = BadInput("duplicate_key", f"{part.converter} speaks of this picture twice")
                    yield refused(item.key, bad, item.media[0].files[0])
                else:
                    found[item.media[0].files[0]] = item
            added.append(found)
        for item in _read(params.base, root, _card_of(params.base, card)):
            if isinstance(item, Refusal) or not item.media:
                if isinstance(item, Refusal) and not item.part and item.file is not None:
                    for found in added:  # the picture is refused once
                        found.pop(item.file, None)
                yield item
                continue
            file = item.media[0].files[0]
            parts = [found.pop(file) for found in added if file in found]
            sizes = {sample.media[0].size for sample in (item, *parts) if sample.media[0].size is not None}
            if len(sizes) > 1:
                bad = BadInput("size_mismatch", f"annotations state different sizes of the picture: {sorted(sizes)}")
                yield refused(f"{item.key}#joined", bad, file, part=True)
                parts = []
            yield _join(item, parts)
        for part, found in zip(params.add, added, strict=True):
            for file, sample in sorted(found.items()):
                if _says_something(sample):
                    bad = BadInput("not_in_base", f"{part.converter} speaks of a picture that the base does not have")
                    yield refused(f"{part.converter}:{sample.key}", bad, file, part=True)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        parts = (params.base, *params.add)
        return frozenset().union(*(load_converter(part.converter).gives(_card_of(part, card)) for part in parts))


def _read(part: Part, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
    """What the part's converter reads, under the card's names."""
    own: dict[str, set[str]] = {}
    for name in card.labels:
        own.setdefault(part.same.get(name, name), set()).add(name)

    def named(entry: Any) -> Any:
        return msgspec.structs.replace(entry, name=part.same.get(entry.name, entry.name))

    def of_region(region: Region) -> Region:
        names = tuple(named(name) for name in region.names)
        return msgspec.structs.replace(region, name=part.same.get(region.name or "", region.name), names=names)

    def whole(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name, needed in own.items() if needed.issubset(names))

    for item in load_converter(part.converter).samples(root, card):
        if isinstance(item, Refusal) or not part.same:
            yield item
            continue
        yield msgspec.structs.replace(
            item,
            labels=tuple(map(named, item.labels)),
            regions=tuple(map(of_region, item.regions)),
            complete_labels=whole(item.complete_labels),
            complete_regions=whole(item.complete_regions),
        )


def _card_of(part: Part, card: SourceCard) -> SourceCard:
    labels = card.labels
    if part.names is not None:
        labels = {name: concept for name, concept in card.labels.items() if name in part.names or concept is None}
    labels = {**labels, **{own: card.labels[name] for own, name in part.same.items() if name in card.labels}}
    return card.model_copy(
        update={
            "converter": part.converter,
            "params": part.params,
            "labels": labels,
            "exhaustive": part.exhaustive or card.exhaustive,
        }
    )


def _join(one: Sample, parts: list[Sample]) -> Sample:
    whole = (one, *parts)
    size = next((sample.media[0].size for sample in whole if sample.media[0].size is not None), None)
    first = msgspec.structs.replace(one.media[0], size=size)
    media = (first, *one.media[1:])

    def every(field: str) -> tuple[Any, ...]:
        return tuple(entry for sample in whole for entry in getattr(sample, field))

    return msgspec.structs.replace(
        one,
        media=media,
        labels=joined_labels(every("labels")),
        complete_labels=tuple(dict.fromkeys(every("complete_labels"))),
        complete_regions=tuple(dict.fromkeys(every("complete_regions"))),
        **{field: every(field) for field in (*LISTS, "notes")},
    )


def _says_something(sample: Sample) -> bool:
    return bool(sample.labels) or any(getattr(sample, field) for field in LISTS)
