"""A DICOM series as a volume: sorted by position, with the place of every SOP instance.

A volume is made only where it is sure: one size, one orientation, one time point, and slices that are evenly spaced.
What isn't so is refused with its reason (`read_series`), and the converter that lists the series has split it before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medloom.converters.pixels.dicom_decode import frames_of
from medloom.converters.pixels.dicom_file import frame_count, has_pixels, read_dicom
from medloom.converters.pixels.dicom_stacks import Slice, Stack, affine_of, slices_of, stacks_of
from medloom.converters.pixels.dicom_store import SliceStore
from medloom.converters.pixels.nifti_file import MAX_BYTES
from medloom.converters.pixels.plane import axis_codes, obliquity
from medloom.converters.pixels.series_index import SeriesIndex
from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput

__all__ = ["SeriesIndex", "read_series"]

Read = Callable[[Any], bytes]


def read_series(
    files: Sequence[Path] | Sequence[str], frame: int | None = None, read: Read | None = None,
    max_bytes: int = MAX_BYTES,
) -> Volume:  # fmt: skip
    """The volume of the DICOM files of one stack, in any order; `read` gives the bytes of one of them.

    Axes are (column, row, slice), slices in the order of their positions along the normal; the affine goes to RAS mm
    by ImageOrientationPatient, ImagePositionPatient and PixelSpacing. Values are in the modality's units: rescaled for
    each slice by its own slope and intercept. Of a multi-frame file all frames are read, or, where they are several
    stacks (echoes, time points, b-values), those of stack number `frame`, the largest first. Padding becomes the
    lowest value of the rest.

    Raises BadInput as `read_dicom`, `frames_of` and `affine_of` do, and ``empty_series``, ``no_pixels``,
    ``mixed_series`` (several sizes, orientations, spacings, frames of reference), ``several_volumes`` (several of one
    place, and `frame` doesn't say which), ``which_frame``, ``no_position``, ``not_grey``, ``decompression_bomb``.
    """
    if not files:
        raise BadInput("empty_series", "no file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = _opened(files[0], read)
        if len(files) > 1 and frame_count(first) == 1:
            return _of_single_frames(first, files, frame, read, max_bytes)
        return _of_frames(first, files, frame, read, max_bytes)


def _opened(file: Any, read: Read | None) -> Any:
    try:
        dataset = read_dicom(Path(file) if read is None else read(file))
        if not has_pixels(dataset):
            raise BadInput("no_pixels", f"{dataset.get('Modality') or 'the object'} holds no pixels")
    except BadInput as bad:
        raise BadInput(bad.reason, bad.detail, str(file)) from None
    return dataset


def _of_single_frames(first: Any, files: Sequence[Any], frame: int | None, read: Read | None, max_bytes: int) -> Volume:
    """One file a slice: read and decoded in one pass, and put in order where the files weren't."""
    store = SliceStore(first, len(files), max_bytes)
    slices: list[Slice] = []
    for number, file in enumerate(files):
        dataset = first if number == 0 else _opened(file, read)
        try:
            here = slices_of(dataset, number)
            if len(here) > 1:
                raise BadInput("mixed_series", "files of one frame and of several")
            store.put(number, dataset, 0, next(frames_of(dataset, [0])))
        except BadInput as bad:
            raise BadInput(bad.reason, bad.detail, str(file)) from None
        _forget_pixels(dataset)
        slices.extend(here)
    stack, notes = _one_stack(slices, frame)
    store.put_in_order([one.file for one in stack.slices])
    return _volume(store, stack, notes)


def _of_frames(first: Any, files: Sequence[Any], frame: int | None, read: Read | None, max_bytes: int) -> Volume:
    """Multi-frame files (mostly one; several of a concatenation): only the frames of the stack are decoded."""
    datasets = [first, *(_opened(file, read) for file in files[1:])]
    stack, notes = _one_stack([one for number, dataset in enumerate(datasets) for one in slices_of(dataset, number)],
                              frame)  # fmt: skip
    store = SliceStore(first, len(stack.slices), max_bytes)
    for number, dataset in enumerate(datasets):
        wanted = {one.frame: k for k, one in enumerate(stack.slices) if one.file == number}
        try:
            for index, values in zip(sorted(wanted), frames_of(dataset, sorted(wanted)), strict=True):
                store.put(wanted[index], dataset, index, values)
        except BadInput as bad:
            raise BadInput(bad.reason, bad.detail, str(files[number])) from None
    return _volume(store, stack, notes)


def _one_stack(slices: list[Slice], number: int | None) -> tuple[Stack, list[str]]:
    stacks, placeless, notes = stacks_of(slices)
    if placeless:
        raise BadInput("no_position", f"{len(placeless)} of {len(slices)} slices don't say where they lie")
    if number is not None:
        if not 0 <= number < len(stacks):
            raise BadInput("which_frame", f"stack {number} of {len(stacks)}")
        return stacks[number], notes
    if len(stacks) > 1:
        told = "; ".join(f"{len(one.slices)} of {_described(one)}" for one in stacks[:4])
        same = all(one.told for one in stacks)
        raise BadInput("several_volumes" if same else "mixed_series", told)
    return stacks[0], notes


def _described(stack: Stack) -> str:
    one = stack.slices[0]
    assert one.axes is not None
    axes = " ".join(f"{value:.2f}" for value in one.axes)
    return stack.told or f"{one.columns}×{one.rows}, axes {axes}" + (", localiser" if one.localiser else "")


def _forget_pixels(dataset: Any) -> None:
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            del dataset[keyword]


def _volume(store: SliceStore, stack: Stack, notes: list[str]) -> Volume:
    affine, odd = affine_of(stack)
    data, (slope, inter), told = store.finished()
    first = stack.slices[0]
    tilt = obliquity(affine)
    notes = [*notes, *stack.notes, *odd, *told]
    if tilt > 1:
        notes.append(f"oblique by {tilt:.1f} degrees: slices follow the nearest patient axis")
    spacing = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    return Volume(
        data=data.transpose(2, 1, 0), affine=affine, spacing=(spacing[0], spacing[1], spacing[2]),
        codes=axis_codes(affine), slope=slope, inter=inter, notes=tuple(dict.fromkeys(notes)), window=store.window,
        series=SeriesIndex(
            study=_uid(first, "StudyInstanceUID"), series=_uid(first, "SeriesInstanceUID"),
            frame_of_reference=first.frame_of_reference,
            instances=tuple((one.uid, one.frame + 1) for one in stack.slices),
        ),
    )  # fmt: skip


def _uid(one: Slice, keyword: str) -> str | None:
    return str(one.header.get(keyword) or "") or None
