"""Truth: what the author of a fixture states of some of its Samples, by hand, in ``truth.yaml`` beside it.

::

    samples: 3
    images/p1_a.png:
      patient: p1
      split: train
      labels: {nodule: present}
      boxes: {nodule: [[12, 8, 52, 30]]}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from medloom.schemas.errors import CatalogError
from medloom.schemas.sample import Polarity, Sample, Split


class StatedSample(BaseModel):
    """What is stated of one Sample; what is left out is not compared. `boxes` are half-open xyxy by name, `masks` the
    files of regions by name, `texts` their words by kind, `questions` answers by question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patient: str | None = None
    split: Split | None = None
    labels: dict[str, Polarity] | None = None
    boxes: dict[str, list[tuple[float, float, float, float]]] | None = None
    masks: dict[str, list[str]] | None = None
    texts: dict[str, str] | None = None
    questions: dict[str, str] | None = None
    media: list[str] | None = None


def read_truth(path: Path) -> tuple[int | None, dict[str, StatedSample]]:
    """The number of Samples, where it is stated, and what is stated by key. Raises CatalogError where it is wrong."""
    from medloom.flows.cards import read_text

    data: Any = read_text(path).data
    if not isinstance(data, dict):
        raise CatalogError(f"{path} is no mapping of Samples' keys")
    count = data.pop("samples", None)
    try:
        return count, {str(key): StatedSample.model_validate(value) for key, value in data.items()}
    except ValidationError as error:
        first = error.errors()[0]
        raise CatalogError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def differences(path: Path, samples: Sequence[Sample]) -> Iterator[str]:
    """Where the Samples are not what the file states."""
    count, stated = read_truth(path)
    if count is not None and count != len(samples):
        yield f"{path.name} states {count} Samples, there are {len(samples)}"
    by_key = {one.key: one for one in samples}
    for key, wanted in stated.items():
        if key not in by_key:
            yield f"{path.name} states {key!r}, which is no Sample's key"
            continue
        found = found_in(by_key[key])
        for name in sorted(wanted.model_fields_set):
            meant, is_ = getattr(wanted, name), getattr(found, name)
            if meant != is_:
                yield f"{key}: {name} is {is_!r}, {path.name} states {meant!r}"


def found_in(sample: Sample) -> StatedSample:
    """The same of a Sample."""
    boxes: dict[str, list[Any]] = {}
    masks: dict[str, list[str]] = {}
    for region in sample.regions:
        for name in [region.name] if region.name is not None else [one.name for one in region.names]:
            if region.box is not None:
                boxes.setdefault(name, []).append(region.box)
            if region.file is not None:
                masks.setdefault(name, []).append(region.file)
    return StatedSample(
        patient=sample.patient,
        split=sample.split,
        labels={label.name: label.polarity for label in sample.labels},
        boxes=boxes,
        masks=masks,
        texts={text.kind: text.body for text in sample.texts},
        questions={one.question: one.answer for one in sample.questions},
        media=[file for media in sample.media for file in media.files],
    )
