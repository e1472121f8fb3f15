"""Medical Segmentation Decathlon and nnU-Net: dataset.json, imagesTr, labelsTr, imagesTs.

Layouts: Antonelli et al., Nature Communications 13, 4128 (2022); nnU-Net v2, ``documentation/dataset_format.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.msd_index import Case, MsdIndex, files_of
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.pixels.nifti_file import frames_of
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample

RASTER_ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")


class Params(base.Params):
    """`folder` is where dataset.json lies, below the root. Channels that are not wanted can be left out by name."""

    folder: str = ""
    leave_out: tuple[str, ...] = ()


class Msd(Converter):
    """MSD folders (4D files of several channels) and nnU-Net v2 folders (a file for each channel, ``_0000``).

    A 4D file must have as many volumes as there are channels.

    All forms of `labels` are read: value by name, name by value, and several values by name (region-based training).
    Cases of imagesTr are split train, or as the card says; those of imagesVa and imagesTs are split validation and
    test, and have no masks unless labelsVa and labelsTs do. A training case without its label map is refused, and
    images of no case are told. Where nnU-Net's ``ignore`` is among the names, no name is complete.
    """

    version = "3"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        folder = f"{params.folder.strip('/')}/" if params.folder.strip("/") else ""
        try:
            index = MsdIndex(root, f"{folder}dataset.json")
            split = PublishedSplit(root, card)
            labels = tuple(_label_files(root, folder))
            cases = list(index.cases(root, folder))
        except BadInput as bad:
            yield refused(bad.file or f"{folder}dataset.json", bad)
            return
        used: set[str] = set()
        keys: set[str] = set()
        for case in cases:
            used.update(case.files, [case.label] if case.label else [])
            try:
                if case.key in keys:
                    raise BadInput("duplicate_key", f"case {case.key!r} stands twice", index.file)
                keys.add(case.key)
                yield _sample(case, index, root, card, params, split)
            except BadInput as bad:
                yield refused(case.key, bad, case.files[0] if case.files else index.file)
        for label in labels:
            if label not in used:
                yield refused(label, BadInput("missing_picture", "this label map belongs to no case", label))
        for image in index.images(root, folder):
            if image not in used:
                yield refused(image, BadInput("missing_case", "this image belongs to no case", image), part=True)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("masks", "boxes", "spacing", "volumes"))


def _label_files(root: Path, folder: str) -> Iterator[str]:
    found = files_of(root, f"{folder}labels")
    return (file for file in found if PurePosixPath(file).suffix not in (".json", ".txt", ".csv"))


def _require_channels(path: Path, file: str, index: MsdIndex) -> None:
    """Which contrast a frame is can't be known where there are more or fewer of them than names."""
    try:
        frames = frames_of(path)
    except BadInput:  # told where the pixels are read
        return
    if frames != len(index.channels):
        told = f"{frames} volumes in the file, {len(index.channels)} channels in {index.file}: {list(index.channels)}"
        raise BadInput("which_frame", told, file)


def _sample(case: Case, index: MsdIndex, root: Path, card: SourceCard, params: Params, split: PublishedSplit) -> Sample:
    kind: Literal["picture", "volume"] = "picture" if case.files[0].lower().endswith(RASTER_ENDINGS) else "volume"
    wanted = [(number, name) for number, name in enumerate(index.channels) if name not in params.leave_out]
    four_d = len(case.files) == 1 and len(index.channels) > 1
    if four_d:
        _require_channels(inside(root, case.files[0]), case.files[0], index)
    media: list[Media] = []
    for place, (number, name) in enumerate(wanted):
        file = case.files[0 if four_d or len(case.files) == 1 else number]
        inside(root, file)
        media.append(
            Media(
                key="image" if place == 0 else f"channel_{number}",
                kind=kind,
                files=(file,),
                role=name,
                frame=number if four_d else None,
            )
        )
    if not media:
        raise BadInput("no_channel", "every channel is left out", index.file)
    regions: tuple[Region, ...] = ()
    if case.label is not None:
        inside(root, case.label)
        region = Region(kind="label_map", pointer=case.label, file=case.label, names=index.names)
        regions = tuple(msgspec.structs.replace(region, media=one.key) for one in media)
    marked = {name.name for name in index.names}
    return Sample(
        key=case.key,
        patient=card.patient_of(case.key, case.files[0]),
        split=split.of(case.key, case.files[0]) or case.split,
        media=tuple(media),
        regions=regions,
        complete_regions=complete_regions(card, () if "ignore" in marked else marked) if regions else (),
    )
