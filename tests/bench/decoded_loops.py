"""Plain loops over what a decoder must read: DICOM series by pydicom, clips by PyAV, as medloom reads them."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from row import Row, levels, phash, png, reduced, row

PER_SERIES = 4
EVERY = 5
"""Of 25 frames a second, one in so many is stored: five a second."""
QUALITY = 90
WINDOW = (40.0, 400.0)


def series(root: Path, folders: list[str]) -> Iterator[Row]:
    """Every slice is read, hashed and decoded, and the stack put in order; four slices are windowed and encoded."""
    import pydicom

    for folder in folders:
        slices, sources = [], []
        for name in sorted(os.listdir(root / folder)):
            data = (root / folder / name).read_bytes()
            sources.append(hashlib.sha256(data).hexdigest())
            found = pydicom.dcmread(io.BytesIO(data))
            values = found.pixel_array * np.int16(found.RescaleSlope) + np.int16(found.RescaleIntercept)
            slices.append((float(found.ImagePositionPatient[2]), values))
        slices.sort(key=lambda one: one[0])
        count = len(slices)
        for index in [int((part + 0.5) * count / PER_SERIES) for part in range(PER_SERIES)]:
            shown = levels(slices[index][1], *WINDOW)
            data = png(shown)
            digest, hashed = hashlib.sha256(data).hexdigest(), phash(reduced(shown))
            yield row(f"{folder}#{index}", data, digest, hashed, *shown.shape[::-1], None, tuple(sources))


def bare_series(root: Path, folders: list[str]) -> int:
    """pydicom's decode of every slice. Returns the pictures that the loop would store."""
    import pydicom

    for folder in folders:
        for name in os.listdir(root / folder):
            pydicom.dcmread(root / folder / name).pixel_array  # noqa: B018
    return PER_SERIES * len(folders)


def clips(root: Path, files: list[str]) -> Iterator[Row]:
    """Every frame is decoded, one in five converted to RGB and encoded as JPEG."""
    for file in files:
        source = hashlib.sha256((root / file).read_bytes()).hexdigest()
        for number, frame in _frames(root / file):
            if number % EVERY:
                continue
            array = frame.to_ndarray(format="rgb24")
            data = simplejpeg.encode_jpeg(array, QUALITY, "RGB", "444", fastdct=False)
            digest, hashed = hashlib.sha256(data).hexdigest(), phash(reduced(array))
            yield row(f"{file}#{number}", data, digest, hashed, *array.shape[1::-1], None, (source,))


def bare_clips(root: Path, files: list[str]) -> int:
    """PyAV's decode of every frame, none converted. Returns the pictures that the loop would store."""
    return sum(number % EVERY == 0 for file in files for number, _ in _frames(root / file))


def _frames(path: Path) -> Iterator[tuple[int, object]]:
    import av

    cv2.setNumThreads(1)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        yield from enumerate(container.decode(stream))
