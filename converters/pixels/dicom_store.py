"""The pixels of a series as they come in, slice after slice, in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.burned_in_notes import burned_in_notes
from medloom.converters.pixels.dicom_decode import modality_table, padding_range, rescale_of, stated_window
from medloom.converters.pixels.dicom_file import whole
from medloom.schemas.errors import BadInput


class SliceStore:
    """Slices of one size, (slice, row, column), in the narrowest type that holds them all.

    Whole numbers stay whole where the slope is 1 (CT: HU in int16). Other slices stay as stored while all of them
    have the same scale; where scales differ, as PET's do, the array holds float32 in the modality's units.
    """

    def __init__(self, first: Any, count: int, max_bytes: int) -> None:
        self.shape = (count, int(first.Rows), int(first.Columns))
        size = count * self.shape[1] * self.shape[2] * max(2, (whole(first, "BitsAllocated") or 16) // 8)
        if size > max_bytes:
            raise BadInput("decompression_bomb", f"{size} bytes of pixels, at most {max_bytes} are read")
        self.array: NDArray[Any] | None = None
        self.scale: tuple[float, float] = (1.0, 0.0)
        self.differ = False
        self.padding: dict[int, tuple[float, float]] = {}
        self.lowest = np.inf
        self.windows: set[tuple[float, float] | None] = set()
        self.notes: dict[str, None] = {}

    def put(self, k: int, dataset: Any, frame: int, values: NDArray[Any]) -> None:
        """Takes the stored values of slice `k`, and what its header says of them.

        Raises BadInput: ``not_grey``, ``mixed_series``, ``undecodable``.
        """
        if values.ndim != 2:
            raise BadInput("not_grey", f"{dataset.get('PhotometricInterpretation')} makes no volume")
        if values.shape != self.shape[1:]:
            raise BadInput("mixed_series", f"{values.shape} rows and columns beside {self.shape[1:]}")
        padding = padding_range(dataset)
        table = modality_table(values, dataset)
        slope, inter = (1.0, 0.0) if table is not None else rescale_of(dataset, frame) or (1.0, 0.0)
        into = self._take(k, values if table is None else table, slope, inter)
        if padding is not None and table is None:
            self._mark(k, values, padding, into)
        self.windows.add(stated_window(dataset, frame))
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
            self.notes["MONOCHROME1: the series itself is shown with low values bright"] = None
        if (0x6000, 0x0010) in dataset:
            self.notes["overlays are not shown"] = None
        if dataset.get("VOILUTSequence"):
            self.notes["VOI LUTs are not used for volumes"] = None
        self.notes.update(dict.fromkeys(burned_in_notes(dataset)))

    def _take(self, k: int, values: NDArray[Any], slope: float, inter: float) -> tuple[float, float]:
        """Puts the values in; returns the scale that was applied to them."""
        whole = slope == 1 and inter.is_integer() and values.dtype.kind in "iu" and values.dtype.itemsize <= 2
        if whole and not self.differ and self.scale == (1.0, 0.0):
            self._hold(k, _shifted(values, int(inter)))
            return 1.0, inter
        if self.array is None:
            self.scale = slope, inter
        elif not self.differ and self.scale != (slope, inter):
            self._differ(k)
        if self.differ:
            assert self.array is not None
            np.multiply(values, np.float32(slope), out=self.array[k], casting="unsafe", dtype=np.float32)
            self.array[k] += np.float32(inter)
            return slope, inter
        self._hold(k, values)
        return 1.0, 0.0

    def _hold(self, k: int, values: NDArray[Any]) -> None:
        if self.array is None:
            self.array = np.empty(self.shape, values.dtype.newbyteorder("="))
        elif self.array.dtype != values.dtype:
            wide = np.promote_types(self.array.dtype, values.dtype)
            self.array = self.array.astype(np.float32 if wide == np.float64 else wide, copy=False)
        self.array[k] = values

    def _differ(self, count: int) -> None:
        """From here on the array holds values in the modality's units; `count` slices are in it."""
        assert self.array is not None
        (slope, inter), stored = self.scale, self.array
        self.array = np.empty(self.shape, np.float32)
        for k in range(count):
            self.array[k] = stored[k] * np.float32(slope) + np.float32(inter)
        self.padding = {k: (low * slope + inter, high * slope + inter) for k, (low, high) in self.padding.items()}
        self.lowest = self.lowest * slope + inter
        self.scale, self.differ = (1.0, 0.0), True

    def _mark(self, k: int, values: NDArray[Any], padding: tuple[int, int], into: tuple[float, float]) -> None:
        low, high = padding
        marked = values == low if low == high else (values >= low) & (values <= high)
        if not marked.any():
            return
        slope, inter = into
        half = abs(slope) / 2 if self.differ else 0.0  # float32 doesn't hit them exactly
        ends = sorted((low * slope + inter, high * slope + inter))
        self.padding[k] = ends[0] - half, ends[1] + half
        if not marked.all():
            rest = values[~marked]
            self.lowest = min(self.lowest, float(min(rest.min() * slope + inter, rest.max() * slope + inter)))

    def put_in_order(self, order: Sequence[int]) -> None:
        """Keeps the slices of these places, in this order; done in place, with room for one slice more."""
        assert self.array is not None
        wanted = list(order)
        if wanted == list(range(self.shape[0])):
            return
        self.padding = {k: self.padding[at] for k, at in enumerate(wanted) if at in self.padding}
        left = set(range(self.shape[0])) - set(wanted)
        full = [*wanted, *sorted(left)]
        done = [False] * len(full)
        for start in range(len(full)):
            if done[start] or full[start] == start:
                continue
            held, k = self.array[start].copy(), start
            while full[k] != start:
                self.array[k] = self.array[full[k]]
                done[k] = True
                k = full[k]
            self.array[k] = held
            done[k] = True
        self.array = self.array[: len(wanted)]

    def finished(self) -> tuple[NDArray[Any], tuple[float, float], tuple[str, ...]]:
        """The array, the scale that its values still need, and notes. Padding has become the lowest of the rest."""
        assert self.array is not None
        for k, (low, high) in self.padding.items():
            plane = self.array[k]
            plane[(plane >= low) & (plane <= high)] = self.lowest if np.isfinite(self.lowest) else low
        notes = list(self.notes)
        if self.padding:
            notes.append("padding is shown as the lowest value of the rest")
        if self.differ:
            notes.append("each slice has a rescale slope of its own")
        return self.array, self.scale, tuple(notes)

    @property
    def window(self) -> tuple[float, float] | None:
        """The window that all slices state alike."""
        return next(iter(self.windows)) if len(self.windows) == 1 else None


def _shifted(values: NDArray[Any], by: int) -> NDArray[Any]:
    """Whole numbers of at most 16 bits plus `by`, in 16 bits where they fit, else in 32."""
    if by == 0:
        return values
    low, high = int(values.min()) + by, int(values.max()) + by
    if low >= -(1 << 15) and high < 1 << 15:
        return np.asarray(np.add(values, by, dtype=np.int16, casting="unsafe"))
    return values.astype(np.int32) + by
