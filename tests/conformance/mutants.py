"""A sound converter, and what could be wrong with one: each mutant does one thing wrong that a converter may do.

ROOT/index.json: a list of cases with a patient, a split, pictures with labels and boxes, and a volume with its label
map; ROOT/names.json: the names of the map's values.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from medloom.converters.base import Converter, Feature
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, MaskName, Media, Refusal, Region, Sample


class Sound(Converter):
    """Nothing is wrong with this one."""

    kills = ""  # the check that it must not pass

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        try:
            cases, names = self.read(root, "index.json"), self.read(root, "names.json")
        except BadInput as bad:
            yield refused(bad.file or "index.json", bad)
            return
        for number, case in enumerate(cases):
            try:
                yield self.sample(root, card, number, case, names)
            except BadInput as bad:
                yield refused(str(case.get("image", number)), bad)

    def read(self, root: Path, file: str) -> Any:
        try:
            return json.loads(inside(root, file).read_text("utf-8"))
        except ValueError as error:
            raise BadInput("not_json", str(error), file) from None

    def sample(self, root: Path, card: SourceCard, number: int, case: Any, names: Any) -> Sample:
        image, pointer = case["image"], f"index.json#/{number}"
        inside(root, image)
        regions = []
        if "map" in case:
            inside(root, case["map"])
            regions.append(Region(kind="label_map", file=case["map"], names=self.names(names), pointer=case["map"]))
        for name, box in case.get("boxes", []):
            place = self.box(tuple(map(float, box)), case)
            regions.append(Region(kind="box", name=name, box=place, pointer=pointer, instance=True))
        return Sample(
            key=image,
            patient=self.patient(card, image),
            split=case["split"],
            media=(Media(files=(image,), kind="volume" if "map" in case else "picture"),),
            labels=tuple(Label(name=name, pointer=pointer) for name in case.get("labels", [])),
            regions=tuple(regions),
        )

    def patient(self, card: SourceCard, image: str) -> str | None:
        return card.patient_of(image, image)

    def names(self, names: Any) -> tuple[MaskName, ...]:
        return tuple(MaskName(name=name, value=int(value)) for value, name in names.items())

    def box(self, box: Any, case: Any) -> Any:
        return box

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset({"labels", "boxes", "masks", "spacing"})


def changed(sample: Sample | Refusal, **fields: Any) -> Any:
    return msgspec.structs.replace(sample, **fields) if isinstance(sample, Sample) else sample


class SwappedAxes(Sound):
    kills = "boxes"

    def box(self, box: Any, case: Any) -> Any:
        return (box[1], box[0], box[3], box[2])


class WidthsForCorners(Sound):
    kills = "boxes"

    def box(self, box: Any, case: Any) -> Any:
        return (box[0], box[1], box[2] - box[0], box[3] - box[1])


class CornersForWidths(Sound):
    kills = "boxes"

    def box(self, box: Any, case: Any) -> Any:
        return (box[0], box[1], box[0] + box[2], box[1] + box[3])


class LowerLeftOrigin(Sound):
    kills = "truth"

    def box(self, box: Any, case: Any) -> Any:
        return (box[0], 64 - box[3], box[2], 64 - box[1])


class LeakingSplits(Sound):
    kills = "splits"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for number, one in enumerate(super().samples(root, card)):
            yield changed(one, split=("train", "test")[number % 2])


class ValuesOffByOne(Sound):
    kills = "labels"

    def names(self, names: Any) -> tuple[MaskName, ...]:
        return tuple(MaskName(name=one.name, value=(one.value or 0) - 1) for one in super().names(names))


class RawNames(Sound):
    kills = "labels"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            yield changed(one, labels=tuple(changed_label(label) for label in getattr(one, "labels", ())))


def changed_label(label: Label) -> Label:
    return msgspec.structs.replace(label, name=label.name.upper())


class WrongNames(Sound):
    """Known names on the wrong things: only who has seen the pictures can tell."""

    kills = "truth"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        other = {"nodule": "effusion", "effusion": "nodule"}
        for one in super().samples(root, card):
            labels = tuple(msgspec.structs.replace(x, name=other[x.name]) for x in getattr(one, "labels", ()))
            yield changed(one, labels=labels)


class UnsortedFolders(Sound):
    kills = "stable"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        order = {path.name: at for at, path in enumerate((root / "images").iterdir())}
        found = list(super().samples(root, card))
        yield from sorted(found, key=lambda one: order.get(getattr(one, "key", "").rpartition("/")[2], -1))


class OrderOfASet(Sound):
    kills = "stable"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        found = {getattr(one, "key", str(one)): one for one in super().samples(root, card)}
        yield from (found[key] for key in set(found))


class KeysOfThisMachine(Sound):
    kills = "stable"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            yield changed(one, key=f"{root}/{getattr(one, 'key', '')}")


class TellsTheTime(Sound):
    kills = "stable"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            yield changed(one, notes=(f"listed at {time.time_ns()}",))


class OffGrid(Sound):
    """The mask of the other volume."""

    kills = "masks"

    def sample(self, root: Path, card: SourceCard, number: int, case: Any, names: Any) -> Sample:
        swap = {"volumes/p4_map.nii.gz": "volumes/p5_map.nii.gz", "volumes/p5_map.nii.gz": "volumes/p4_map.nii.gz"}
        return super().sample(root, card, number, {k: swap.get(str(v), v) for k, v in case.items()}, names)


class DuplicatedKeys(Sound):
    kills = "keys"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            yield changed(one, key=getattr(one, "key", "").split("/")[0])


class ReadsPixels(Sound):
    kills = "lazy"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            for media in getattr(one, "media", ()):
                (root / media.files[0]).read_bytes()
            yield one


class AsksTheNetwork(Sound):
    kills = "offline"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        with contextlib.suppress(OSError):  # it hides that it failed
            socket.create_connection(("127.0.0.1", 9), timeout=1).close()
        yield from super().samples(root, card)


class StartsAProcess(Sound):
    kills = "offline"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        with contextlib.suppress(OSError):
            subprocess.run([sys.executable, "-c", ""], check=False)
        yield from super().samples(root, card)


class WritesIntoTheRoot(Sound):
    kills = "read-only"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        with contextlib.suppress(OSError):
            (root / "cache.json").write_text("{}")
        yield from super().samples(root, card)


class WritesElsewhere(Sound):
    """Scratch, where tempfile writes, is allowed; a folder beside the root is not."""

    kills = "read-only"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        with tempfile.TemporaryFile() as allowed:
            allowed.write(b"x")
        with contextlib.suppress(OSError):
            (root.parent / "index").mkdir()
        yield from super().samples(root, card)


class RaisesOnBadFiles(Sound):
    kills = "bad files"

    def read(self, root: Path, file: str) -> Any:
        return json.loads((root / file).read_text("utf-8"))


class SilentOnBadFiles(Sound):
    kills = "bad files"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            if isinstance(one, Sample):
                yield one


class PatientsByPicture(Sound):
    kills = "patients"

    def patient(self, card: SourceCard, image: str) -> str | None:
        return image


class NobodyKnown(Sound):
    kills = "patients"

    def patient(self, card: SourceCard, image: str) -> str | None:
        return None


class AbsolutePaths(Sound):
    kills = "files"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            media = tuple(msgspec.structs.replace(x, files=(f"/{x.files[0]}",)) for x in getattr(one, "media", ()))
            yield changed(one, media=media)


class PointsNowhere(Sound):
    kills = "files"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            labels = tuple(msgspec.structs.replace(x, pointer="labels.csv#row=1") for x in getattr(one, "labels", ()))
            yield changed(one, labels=labels)


class TextForNumbers(Sound):
    kills = "schema"

    def box(self, box: Any, case: Any) -> Any:
        return tuple(str(edge) for edge in box)


class OnNoMedium(Sound):
    kills = "schema"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            regions = tuple(msgspec.structs.replace(x, media="frontal") for x in getattr(one, "regions", ()))
            yield changed(one, regions=regions)


class PromisesTooMuch(Sound):
    kills = "features"

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset({"labels", "boxes", "masks", "questions"})


class HidesWhatItHas(Sound):
    kills = "features"

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset({"boxes", "masks"})


class TakesAnything(Sound):
    kills = "parameters"

    class Params(BaseModel):  # type: ignore[assignment]
        model_config = ConfigDict(extra="ignore")


class ListsNothing(Sound):
    kills = "samples"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        return iter(())


class ShowsAnnotations(Sound):
    kills = "pictures"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        for one in super().samples(root, card):
            yield changed(one, media=(Media(files=("index.json",)),), regions=())


MUTANTS: list[type[Sound]] = Sound.__subclasses__()
