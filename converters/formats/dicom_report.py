"""Measurements of DICOM structured reports (TID 1500, PS3.16), by highdicom, and which images they were made on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from medloom.converters.formats.dicom_header import words
from medloom.converters.pixels.dicom_file import items
from medloom.converters.refused import refused
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Measured, Refusal

DRAWN = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("66.4", "66.7", "481.3"))
"""SOP classes of what is drawn on images: SEG, label map SEG, RTSTRUCT."""
SOURCE_SERIES = "121232"
"""DCM code of the series that a segmentation was made on."""


class Group(msgspec.Struct, frozen=True):
    """Measurements of one thing, and the UIDs that it refers to: images, their series, and SEG or RTSTRUCT objects."""

    file: str
    measured: tuple[Measured, ...]
    series: frozenset[str]
    instances: frozenset[str]
    drawn: frozenset[str]

    def fits(self, series: str, instances: Iterable[str], drawn: Iterable[str]) -> bool:
        """Whether it was measured on this series, by UID: its own, its instances', or those of what is drawn on it."""
        by_instance = not self.instances.isdisjoint(instances) or not self.drawn.isdisjoint(drawn)
        return series in self.series or by_instance


@dataclass
class Reports:
    """The groups of all reports of a folder; each is given to the Samples that it was measured on."""

    groups: list[Group] = field(default_factory=list)
    _given: set[int] = field(default_factory=set)

    def of(self, series: str, media: dict[str, set[str]], drawn: Iterable[str] = ()) -> tuple[Measured, ...]:
        """What is stated of a series, of which `media` hold these instances; `drawn` are the objects drawn on it."""
        drawn = set(drawn)
        found: list[Measured] = []
        for number, group in enumerate(self.groups):
            if not group.fits(series, set().union(*media.values()), drawn):
                continue
            self._given.add(number)
            to = max(media, key=lambda key: len(group.instances & media[key]))  # the first of equals
            found.extend(msgspec.structs.replace(one, media=to) for one in group.measured)
        return tuple(found)

    def unused(self) -> Iterator[Refusal]:
        """Reports of which no Sample took a group, or not every one."""
        left = Counter(group.file for number, group in enumerate(self.groups) if number not in self._given)
        for file, count in sorted(left.items()):
            told = f"{count} groups of measurements refer to no series that is here"
            yield refused(file, BadInput("no_such_series", told, file), part=True)


def groups_of(path: Path, file: str) -> tuple[list[Group], int]:
    """The measurement groups of a report, and how many measurements state no number in a UCUM unit.

    A measurement is called by the meanings of its codes; the thing measured is the group's finding type. Names and
    identifiers that a reader typed are left alone. A group that refers to no image was made on the one series that the
    report itself names as evidence, if it names one.

    Raises BadInput: ``not_measurements`` (another kind of report), ``undecodable``.
    """
    import highdicom

    try:
        report = highdicom.sr.srread(path)
        content: Any = report.content
        if not isinstance(content, highdicom.sr.MeasurementReport):
            raise BadInput("not_measurements", "a report that is none of measurements (TID 1500)", file)
        groups = [
            *content.get_planar_roi_measurement_groups(),
            *content.get_volumetric_roi_measurement_groups(),
            *content.get_image_measurement_groups(),
        ]
        found, lost = [], 0
        for number, group in enumerate(groups, start=1):
            measured, without = _measured(group, f"{file}#group={number}")
            found.append(_group(file, measured, group, report))
            lost += without
    except BadInput:
        raise
    except Exception as error:  # highdicom raises almost anything on broken reports
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise BadInput("not_measurements" if "not supported" in told else "undecodable", told, file) from None
    return found, lost


def _measured(group: Any, pointer: str) -> tuple[tuple[Measured, ...], int]:
    of = group.finding_type
    found, lost = [], 0
    for number, one in enumerate(group.get_measurements(), start=1):
        stated = items(one[0], "MeasuredValueSequence")
        if not stated or one.value is None or one.unit.scheme_designator != "UCUM":
            lost += 1
            continue
        how, derived = one.method or group.method, one.derivation
        found.append(
            Measured(
                name=str(one.name.meaning),
                value=float(one.value),
                unit=str(one.unit.value),
                pointer=f"{pointer},measurement={number}",
                of=None if of is None else str(of.meaning),
                method=None if how is None else str(how.meaning),
                derivation=None if derived is None else str(derived.meaning),
            )
        )
    return tuple(found), lost


def _group(file: str, measured: tuple[Measured, ...], group: Any, report: Any) -> Group:
    series: set[str] = set()
    instances: set[str] = set()
    drawn: set[str] = set()
    for item in _inside(group):
        names = items(item, "ConceptNameCodeSequence")
        if names and words(names[0], "CodeValue") == SOURCE_SERIES:
            series.add(words(item, "UID") or "")
        for one in items(item, "ReferencedSOPSequence"):
            where = drawn if words(one, "ReferencedSOPClassUID") in DRAWN else instances
            where.add(words(one, "ReferencedSOPInstanceUID") or "")
    if not (series or instances or drawn):
        series = _evidence(report)
    return Group(file, measured, frozenset(series - {""}), frozenset(instances - {""}), frozenset(drawn - {""}))


def _inside(group: Iterable[Any]) -> Iterator[Any]:
    """Every content item below a group."""
    for item in group:
        yield item
        yield from _inside(items(item, "ContentSequence"))


def _evidence(report: Any) -> set[str]:
    """The series that the report is about, where it is one."""
    found = {
        words(one, "SeriesInstanceUID") or ""
        for study in items(report, "CurrentRequestedProcedureEvidenceSequence")
        for one in items(study, "ReferencedSeriesSequence")
        if not any(words(sop, "ReferencedSOPClassUID") in DRAWN for sop in items(one, "ReferencedSOPSequence"))
    }
    return found if len(found) == 1 else set()
