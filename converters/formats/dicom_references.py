"""Which images a DICOM SEG or RTSTRUCT was drawn on, and what it calls its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from medloom.converters.formats.dicom_header import words
from medloom.converters.pixels.dicom_file import items, whole
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName

_KINDS: dict[str, Literal["dicom_seg", "rtstruct"]] = {"SEG": "dicom_seg", "RTSTRUCT": "rtstruct"}


class Drawn(msgspec.Struct, frozen=True):
    """A SEG or RTSTRUCT, its own `uid`, the UIDs that it refers to, and its segments (ROIs) by number."""

    file: str
    kind: Literal["dicom_seg", "rtstruct"]
    names: tuple[MaskName, ...]
    series: frozenset[str]
    instances: frozenset[str]
    frame_of_reference: str | None
    uid: str | None = None

    def fits(self, series: str, instances: Iterable[str], frame_of_reference: str | None) -> bool:
        """Whether it was drawn on this series: it says so by UID. Where it names neither series nor instance, the
        frame of reference has to be the same."""
        if self.instances or self.series:
            return series in self.series or not self.instances.isdisjoint(instances)
        return frame_of_reference is not None and frame_of_reference == self.frame_of_reference


def drawn(dataset: Any, file: str) -> Drawn | None:
    """What a data set has drawn, or None where it is no SEG or RTSTRUCT.

    Raises BadInput ``unnamed_segments`` where it names nothing that it has drawn.
    """
    kind = _KINDS.get(words(dataset, "Modality") or "")
    if kind is None:
        return None
    names = tuple(sorted(_segments(dataset) if kind == "dicom_seg" else _rois(dataset), key=lambda one: one.value or 0))
    if not names:
        raise BadInput("unnamed_segments", "it names no segment" if kind == "dicom_seg" else "it names no ROI", file)
    series: set[str] = set()
    instances: set[str] = set()
    frame = words(dataset, "FrameOfReferenceUID")
    for place in items(dataset, "ReferencedFrameOfReferenceSequence"):
        frame = frame or words(place, "FrameOfReferenceUID")
        for study in items(place, "RTReferencedStudySequence"):
            for one in items(study, "RTReferencedSeriesSequence"):
                series.add(words(one, "SeriesInstanceUID") or "")
                instances.update(_instances(one, "ContourImageSequence"))
    for one in items(dataset, "ReferencedSeriesSequence"):
        series.add(words(one, "SeriesInstanceUID") or "")
        instances.update(_instances(one, "ReferencedInstanceSequence"))
    if not instances:
        instances.update(_sources(dataset))
    uid = words(dataset, "SOPInstanceUID")
    return Drawn(file, kind, names, frozenset(series - {""}), frozenset(instances), frame, uid)


def _segments(dataset: Any) -> Iterator[MaskName]:
    for item in items(dataset, "SegmentSequence"):
        number, label = whole(item, "SegmentNumber"), words(item, "SegmentLabel")
        if number is not None and label is not None:
            yield MaskName(name=label, value=number)


def _rois(dataset: Any) -> Iterator[MaskName]:
    for item in items(dataset, "StructureSetROISequence"):
        number, label = whole(item, "ROINumber"), words(item, "ROIName")
        if number is not None and label is not None:
            yield MaskName(name=label, value=number)


def _sources(dataset: Any) -> Iterator[str]:
    """Instances that the frames of a SEG, or the contours of an RTSTRUCT, are derived from."""
    groups = [*items(dataset, "SharedFunctionalGroupsSequence"), *items(dataset, "PerFrameFunctionalGroupsSequence")]
    for group in groups:
        for derived in items(group, "DerivationImageSequence"):
            yield from _instances(derived, "SourceImageSequence")
    for roi in items(dataset, "ROIContourSequence"):
        for contour in items(roi, "ContourSequence"):
            yield from _instances(contour, "ContourImageSequence")


def _instances(item: Any, keyword: str) -> Iterator[str]:
    for one in items(item, keyword):
        uid = words(one, "ReferencedSOPInstanceUID")
        if uid is not None:
            yield uid
