"""Which DICOM slices make one volume: by where they lie, never by file name or instance number.

Slices of one size, spacing, orientation and frame of reference are a stack once no two of them lie in the same place.
Where several do, an attribute that tells them apart (time, echo, b-value, ...) makes several stacks of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.dicom_file import attribute, frame_count, numbers
from medloom.schemas.errors import BadInput

APART = (
    ("StackID", "FrameContentSequence"), ("TemporalPositionIndex", "FrameContentSequence"),
    ("TemporalPositionIdentifier", None), ("EffectiveEchoTime", "MREchoSequence"), ("EchoTime", None),
    ("EchoNumbers", None), ("InversionTime", None), ("DiffusionBValue", "MRDiffusionSequence"), ("b_value", None),
    ("DiffusionGradientOrientation", "DiffusionGradientDirectionSequence"), ("ComplexImageComponent", None),
    ("ImageType", None), ("FrameType", "MRImageFrameTypeSequence"), ("FlipAngle", None), ("SequenceName", None),
    ("NominalPercentageOfCardiacPhase", None), ("TriggerTime", None),
    ("NominalCardiacTriggerDelayTime", "CardiacSynchronizationSequence"), ("FrameReferenceTime", None),
    ("ConvolutionKernel", None), ("EnergyWindowNumber", None), ("AcquisitionNumber", None),
    ("AcquisitionDateTime", None), ("AcquisitionTime", None), ("ContentTime", None),
)  # fmt: skip
"""Attributes that tell volumes of the same place apart, with the functional group that holds them; first come first."""
_B_VALUES = ((0x0019, 0x100C, "SIEMENS"), (0x0043, 0x1039, "GE"), (0x2001, 0x1003, "PHILIPS"))
_SAME_AXES, _SAME_SPACING = 1e-3, 1e-3
_EVEN, _NOTED = 0.05, 0.01
"""How far slices may be from evenly spaced, as a share of their distance: beyond, there is no volume; or it is told."""


@dataclass(frozen=True)
class Slice:
    """One frame of one file, from 0 each, as its header places it: LPS mm, as DICOM has it.

    `axes` are the unit directions to the right and downwards, `spacing` is (down, right). What is None is not stated.
    """

    file: int
    frame: int
    uid: str
    rows: int
    columns: int
    axes: tuple[float, ...] | None
    position: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    frame_of_reference: str | None
    localiser: bool
    header: Any = field(repr=False, compare=False)

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slice."""
        assert self.axes is not None
        found = np.cross(self.axes[:3], self.axes[3:])
        return np.asarray(found / np.linalg.norm(found))

    @property
    def along(self) -> float:
        """Where it lies along its normal, mm."""
        return float(self.normal @ np.array(self.position))

    def told(self, keyword: str, within: str | None) -> str:
        """An attribute as text, for telling slices apart; empty where there is none."""
        if keyword == "b_value":
            return _private_b_value(self.header)
        value = attribute(self.header, keyword, self.frame, within)
        return "" if value is None else "\\".join(map(str, value)) if _several(value) else str(value)

    def compact(self) -> Slice:
        """The same with a small header of its own, for holding those of thousands of files; of single frames only."""
        wanted = [*(keyword for keyword, _ in APART), "SliceThickness", "SpacingBetweenSlices"]
        told = {keyword: sys.intern(self.told(keyword, None)) for keyword in wanted}
        return replace(self, header={keyword: value for keyword, value in told.items() if value})


@dataclass(frozen=True)
class Stack:
    """Slices of one volume, from first to last along their normal. `told` says what sets it apart from the others of
    its series (``EchoTime=4.6``); `notes` what was odd."""

    slices: tuple[Slice, ...]
    told: str = ""
    notes: tuple[str, ...] = ()


def slices_of(dataset: Any, file: int) -> list[Slice]:
    """The slices of a data set, one for each frame. Raises BadInput ``undecodable`` where it has no size."""
    rows, columns = dataset.get("Rows"), dataset.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int) or rows <= 0 or columns <= 0:
        raise BadInput("undecodable", f"a picture of {rows} rows and {columns} columns")
    uid = str(dataset.get("SOPInstanceUID") or "")
    found = []
    for frame in range(frame_count(dataset)):
        spacing = numbers(attribute(dataset, "PixelSpacing", frame, "PixelMeasuresSequence"), 2)
        kind = attribute(dataset, "ImageType", frame)
        found.append(
            Slice(
                file=file,
                frame=frame,
                uid=uid,
                rows=rows,
                columns=columns,
                axes=_axes(attribute(dataset, "ImageOrientationPatient", frame, "PlaneOrientationSequence")),
                position=numbers(attribute(dataset, "ImagePositionPatient", frame, "PlanePositionSequence"), 3),
                spacing=spacing if spacing is not None and min(spacing) > 0 else None,
                frame_of_reference=str(dataset.get("FrameOfReferenceUID") or "") or None,
                localiser=kind is not None and _several(kind) and "LOCALIZER" in [str(one).upper() for one in kind],
                header=dataset,
            )
        )
    return found


def _axes(value: Any) -> tuple[float, ...] | None:
    found = numbers(value, 6)
    if found is None:
        return None
    right, down = np.array(found[:3]), np.array(found[3:])
    unit = abs(np.linalg.norm(right) - 1) < 1e-2 and abs(np.linalg.norm(down) - 1) < 1e-2
    return found if unit and abs(right @ down) < 1e-2 else None


def stacks_of(slices: Iterable[Slice]) -> tuple[list[Stack], list[Slice], list[str]]:
    """Stacks, largest first; slices of which the header doesn't say where they lie; and notes on the whole series.

    Slices of a SOP instance that is there twice are taken once. Whether a stack is even is for `affine_of` to say.
    """
    notes: list[str] = []
    seen: set[tuple[str, int]] = set()
    placeless: list[Slice] = []
    groups: list[list[Slice]] = []
    for one in slices:
        if one.uid and (one.uid, one.frame) in seen:
            notes.append(f"SOP instance {_short(one.uid)} is there twice and was taken once")
            continue
        seen.add((one.uid or f"file {one.file}", one.frame))
        if one.axes is None or one.position is None or one.spacing is None:
            placeless.append(one)
            continue
        fitting = next((group for group in groups if _alike(group[0], one)), None)
        if fitting is None:
            groups.append([one])
        else:
            fitting.append(one)
    stacks = [stack for group in groups for stack in _apart(Stack(tuple(sorted(group, key=_order))), 0)]
    return sorted(stacks, key=lambda stack: -len(stack.slices)), placeless, notes


def _order(one: Slice) -> tuple[float, str, int, int]:
    return one.along, one.uid, one.frame, one.file


def _alike(a: Slice, b: Slice) -> bool:
    """Whether two slices may belong to one stack."""
    assert a.axes and b.axes and a.spacing and b.spacing
    return (
        (a.rows, a.columns, a.frame_of_reference, a.localiser) == (b.rows, b.columns, b.frame_of_reference, b.localiser)
        and max(abs(x - y) for x, y in zip(a.axes, b.axes, strict=True)) < _SAME_AXES
        and max(abs(x - y) / x for x, y in zip(a.spacing, b.spacing, strict=True)) < _SAME_SPACING
    )


def _apart(stack: Stack, first: int) -> list[Stack]:
    """The stack, or several where slices of it share a place and an attribute from `APART` on tells which is which."""
    most = _most_in_one_place(stack.slices)
    if most == 1:
        return [stack]
    for number in range(first, len(APART)):
        keyword, within = APART[number]
        parts: dict[str, list[Slice]] = {}
        for one in stack.slices:
            parts.setdefault(one.told(keyword, within), []).append(one)
        if not 1 < len(parts) <= most:  # more values than volumes: it goes by slice, not by volume
            continue
        found = []
        for value in sorted(parts, key=_numerically):
            told = ", ".join(part for part in (stack.told, f"{keyword}={value}") if part)
            found.extend(_apart(replace(stack, slices=tuple(parts[value]), told=told), number + 1))
        return found
    return [stack]


def _most_in_one_place(slices: Sequence[Slice]) -> int:
    most = count = 1
    for before, one in pairwise(slices):
        count = count + 1 if _same_place(before, one) else 1
        most = max(most, count)
    return most


def _same_place(a: Slice, b: Slice) -> bool:
    return float(np.linalg.norm(np.subtract(a.position or (), b.position or ()))) < 1e-3


def affine_of(stack: Stack) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """4×4 from (column, row, slice) to patient RAS mm (PS3.3 C.7.6.2.1.1, with LPS turned), and what is odd of it.

    One slice alone is as thick as its header says.

    Raises BadInput: ``duplicate_positions`` (several slices in one place, and nothing tells which belong together),
    ``series_gap`` (slices are missing: the others lie at whole multiples of their distance), ``uneven_spacing``,
    ``no_thickness``.
    """
    slices = stack.slices
    first = slices[0]
    assert first.axes is not None and first.spacing is not None
    notes: list[str] = []
    places = np.array([one.position for one in slices], np.float64)
    if len(slices) == 1:
        step = first.normal * _thickness(first)
        notes.append("one slice: its thickness stands for the distance to the next")
    else:
        step = _step(places, first, notes)
    down, right = first.spacing
    lps = np.column_stack((np.array(first.axes[:3]) * right, np.array(first.axes[3:]) * down, step, places[0]))
    tilt = float(np.degrees(np.arccos(min(1.0, float(first.normal @ step) / float(np.linalg.norm(step))))))
    if tilt > 1:
        notes.append(f"slices are sheared by {tilt:.1f} degrees, as of a tilted gantry")
    return np.vstack((np.diag([-1.0, -1.0, 1.0]) @ lps, [0.0, 0.0, 0.0, 1.0])), tuple(notes)


def _step(places: NDArray[np.float64], first: Slice, notes: list[str]) -> NDArray[np.float64]:
    """mm from slice to slice."""
    steps = np.diff(places, axis=0)
    along = steps @ first.normal
    if along.min() < 1e-3:
        raise BadInput("duplicate_positions", f"{int((along < 1e-3).sum())} slices lie where another one does")
    usual = float(np.median(along))
    if len(along) == 2 and along.max() > 1.5 * along.min():
        usual = float(along.min())
    off = np.abs(along - usual)
    if off.max() > _EVEN * usual:
        times = along / usual
        if (np.abs(times - np.rint(times)) <= _EVEN * np.rint(times)).all():
            missing = int(np.rint(times).sum()) - len(times)
            where = float(places[int(np.argmax(times))] @ first.normal)
            raise BadInput(
                "series_gap", f"{missing} of {len(places) + missing} slices are missing, after {where:.2f} mm"
            )
        raise BadInput("uneven_spacing", f"from {along.min():.3f} to {along.max():.3f} mm between slices")
    step = (places[-1] - places[0]) / len(steps)
    drift = float(np.linalg.norm(places - (places[0] + np.arange(len(places))[:, None] * step), axis=1).max())
    if drift > max(2 * _EVEN * usual, 0.02):
        raise BadInput("uneven_spacing", f"slices lie up to {drift:.2f} mm off the line through the first and last")
    if drift > max(_NOTED * usual, 0.01):
        notes.append(f"slices lie up to {drift:.3f} mm off even places {float(np.linalg.norm(step)):.3f} mm apart")
    return np.asarray(step)


def runs_of(stack: Stack) -> list[Stack]:
    """The stack in parts that have no gap, for where `affine_of` found one."""
    along = np.diff([one.along for one in stack.slices])
    usual = float(np.median(along)) if len(along) != 2 else float(along.min())
    parts: list[list[Slice]] = [[stack.slices[0]]]
    for one, step in zip(stack.slices[1:], along, strict=True):
        if step > (1 + _EVEN) * usual:
            parts.append([])
        parts[-1].append(one)
    name = [f"{stack.told}, " if stack.told else "", f" of {len(parts)}"]
    return [replace(stack, slices=tuple(part), told=f"{name[0]}part={n}{name[1]}") for n, part in enumerate(parts, 1)]


def _thickness(one: Slice) -> float:
    for keyword in ("SliceThickness", "SpacingBetweenSlices"):
        found = numbers([attribute(one.header, keyword, one.frame, "PixelMeasuresSequence")], 1)
        if found is not None and found[0] > 0:
            return found[0]
    raise BadInput("no_thickness", "one slice, and its header does not say how thick it is")


def _private_b_value(header: Any) -> str:
    if isinstance(header, dict):
        return str(header.get("b_value", ""))
    maker = str(header.get("Manufacturer") or "").upper()
    for group, element, name in _B_VALUES:
        if name in maker and (group, element) in header:
            value = header[group, element].value
            return str(value[0] if _several(value) and len(value) else value)
    return ""


def _several(value: Any) -> bool:
    return not isinstance(value, str | bytes | int | float) and hasattr(value, "__iter__")


def _numerically(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _short(uid: str) -> str:
    return f"…{uid[-8:]}"
