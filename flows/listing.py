"""Listing: a converter's Samples go to disk in partitions, and its census is taken, before anything is decoded."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from medloom.flows.store import whole_folder
from medloom.schemas.card import SourceCard
from medloom.schemas.identity import digest
from medloom.schemas.sample import Refusal, Sample, first_file

WEIGHTS = {"picture": 1, "volume": 64, "series": 64, "clip": 256, "slide": 64}
"""What a medium costs beside a picture: a unit is up to a few seconds of work."""


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's share of a source: the file that holds its Samples, how many there are, and their digest."""

    name: str
    samples: int
    digest: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What one source holds. `refused` are the inputs that gave no Sample.

    `labels` and `regions` are the concepts that are present somewhere: the only place distractors may come from.
    """

    source: str
    samples: int
    partitions: tuple[Partition, ...]
    refused: tuple[Refusal, ...]
    labels: tuple[str, ...]
    regions: tuple[str, ...]


def list_source(
    found: Iterable[Sample | Refusal],
    card: SourceCard,
    folder: Path,
    unit_samples: int,
    limit: int | None = None,
    by_patient: bool = False,
) -> Listing:
    """Writes the Samples to ``folder`` in partitions and returns the listing. Streams: a partition at a time.

    A key that comes twice is refused the second time, so that ids stay unique. `by_patient` puts all Samples of one
    patient into one partition, patients in the order in which they first came.
    """
    partitions: list[Partition] = []
    refused: list[Refusal] = []
    census = _Census(card)
    total = 0
    shutil.rmtree(folder, ignore_errors=True)
    with whole_folder(folder) as fresh:
        samples = _unique(found, refused, limit)
        if by_patient:
            samples = patients_together(samples, fresh)
        for batch in _batches(samples, unit_samples, by_patient):
            data = msgspec.msgpack.encode(batch)
            name = f"{len(partitions):06d}.msgpack"
            (fresh / name).write_bytes(data)
            partitions.append(Partition(name=name, samples=len(batch), digest=digest(_hash(data))))
            total += len(batch)
            for sample in batch:
                census.take(sample)
    return Listing(
        source=card.source,
        samples=total,
        partitions=tuple(partitions),
        refused=tuple(refused),
        labels=tuple(sorted(census.labels)),
        regions=tuple(sorted(census.regions)),
    )


def read_partition(path: Path) -> list[Sample]:
    """The Samples of one partition, in order."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Sample])


def _hash(data: bytes) -> str:
    import hashlib

    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _unique(found: Iterable[Sample | Refusal], refused: list[Refusal], limit: int | None) -> Iterator[Sample]:
    seen: set[bytes] = set()
    import hashlib

    for item in found:
        if limit is not None and len(seen) >= limit:
            return
        if isinstance(item, Refusal):
            refused.append(item)
            continue
        mark = hashlib.blake2b(item.key.encode(), digest_size=10).digest()
        if mark in seen:
            refused.append(
                Refusal(
                    unit=item.key,
                    reason="duplicate_key",
                    detail="a Sample with this key came before",
                    file=first_file(item),
                )
            )
            continue
        seen.add(mark)
        yield item


GROWTH_AFTER, MOST_GROWTH = 8, 4
"""A unit of a big source holds more, up to `MOST_GROWTH` times: after every `GROWTH_AFTER` units' worth of Samples once
more. Small sources keep all workers busy, and big ones do not fall into so many units that finding rows costs."""


def _batches(samples: Iterable[Sample], unit_samples: int, by_patient: bool) -> Iterator[list[Sample]]:
    batch: list[Sample] = []
    weight = 0
    full = False
    for number, sample in enumerate(samples, start=1):
        if full and not (by_patient and sample.patient is not None and sample.patient == batch[-1].patient):
            yield batch
            batch, weight = [], 0
        batch.append(sample)
        weight += max(1, sum(WEIGHTS[media.kind] for media in sample.media))
        full = weight >= unit_samples * min(MOST_GROWTH, 1 + number // (GROWTH_AFTER * unit_samples))
    if batch:
        yield batch


def patients_together(samples: Iterable[Sample], scratch: Path) -> Iterator[Sample]:
    """The Samples, those of one patient one after another. They wait on disk; in memory is where each stands."""
    places: dict[str, list[tuple[int, int]]] = {}
    waiting = scratch / "waiting"
    with waiting.open("w+b") as file:
        for number, sample in enumerate(samples):
            packed = msgspec.msgpack.encode(sample)
            whose = f"of {sample.patient}" if sample.patient is not None else f"alone {number}"
            places.setdefault(whose, []).append((file.tell(), len(packed)))
            file.write(packed)
        waiting.unlink()
        for several in places.values():
            for start, size in several:
                file.seek(start)
                yield msgspec.msgpack.decode(file.read(size), type=Sample)


class _Census:
    """Concepts that are right somewhere."""

    def __init__(self, card: SourceCard) -> None:
        self.card = card
        self.labels: set[str] = set()
        self.regions: set[str] = set()

    def take(self, sample: Sample) -> None:
        for label in sample.labels:
            if label.polarity == "present":
                self._add(self.labels, label.name)
        for region in sample.regions:
            for name in [region.name] if region.name is not None else [name.name for name in region.names]:
                self._add(self.regions, name)

    def _add(self, to: set[str], name: str | None) -> None:
        concept = self.card.labels.get(name) if name is not None else None
        if concept is not None:
            to.add(concept)
