"""A line of JSON for each picture: ``{"picture": ..., "patient": ..., "split": ..., "boxes": [...]}``."""

import json
from collections.abc import Iterator
from pathlib import Path

from medloom.converters.base import Converter, Feature
from medloom.converters.base import Params as BaseParams
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample


class Params(BaseParams):
    """`index` is the file with the lines."""

    index: str = "index.jsonl"


class OutsideLines(Converter):
    """Boxes are ``[left, top, right, bottom]``, half-open, in pixels."""

    version = "1"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        index = Params.model_validate(card.params).index
        try:
            lines = inside(root, index).read_bytes().splitlines()
        except BadInput as bad:
            yield refused(index, bad, index)
            return
        seen: set[str] = set()
        for number, line in enumerate(lines):
            try:
                sample = _sample(root, card, f"{index}#line={number}", line)
                if sample.key in seen:
                    raise BadInput("duplicate_key", f"another line speaks of {sample.key!r}", index)
                seen.add(sample.key)
                yield sample
            except BadInput as bad:
                yield refused(f"{index}#line={number}", bad, index)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset({"boxes"})


def _sample(root: Path, card: SourceCard, pointer: str, line: bytes) -> Sample:
    try:
        row = json.loads(line)
        picture, patient, split = str(row["picture"]), row["patient"], row.get("split")
        if split not in (None, "train", "validation", "test"):
            raise ValueError(f"no split {split!r}")
        boxes = [(str(one["name"]), tuple(float(edge) for edge in one["box"])) for one in row["boxes"]]
        if any(len(box) != 4 for _, box in boxes):
            raise ValueError("a box has four numbers")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput("bad_line", f"{type(error).__name__}: {error}") from None
    inside(root, picture)
    return Sample(
        key=picture,
        patient=card.patient_of(picture, picture, {"patient": str(patient)}),
        split=split,
        media=(Media(files=(picture,)),),
        regions=tuple(
            Region(kind="box", name=name, box=box, pointer=f"{pointer},box={at}", instance=True)
            for at, (name, box) in enumerate(boxes)
        ),
        complete_regions=tuple(card.labels) if card.exhaustive.regions else (),
    )
