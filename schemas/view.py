"""View: a picture, a whole volume or a whole clip that a record can show, and its way back to the patient."""

from __future__ import annotations

from typing import Literal

import msgspec

from medloom.schemas.sample import Acquisition

Plane = Literal["axial", "coronal", "sagittal"]


class Derivation(msgspec.Struct, frozen=True, kw_only=True):
    """How the view came to be from its file. None means that the step did not happen.

    `window` is (center, width) of the VOI LUT function named in `window_how`; `scale` is stored pixels per native
    pixel as (x, y); `crop` is half-open xyxy in native pixels. `montage` are the slice indices of the tiles of a
    montage in reading order. `masked` are the half-open xyxy boxes, in stored pixels, that were blackened because
    burned-in text may tell who the patient is.
    """

    plane: Plane | None = None
    slice_index: int | None = None
    frame: int | None = None
    time_s: float | None = None
    member: str | None = None
    montage: tuple[int, ...] = ()
    window: tuple[float, float] | None = None
    window_how: str | None = None
    scale: tuple[float, float] | None = None
    crop: tuple[float, float, float, float] | None = None
    masked: tuple[tuple[float, float, float, float], ...] = ()
    stripped: bool = False
    reencoded: str | None = None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One stored picture, or one medium that is kept whole.

    A whole ``volume`` is NIfTI bytes, a whole ``clip`` those of a video container: `width` and `height` are those of a
    slice (the first two axes) or frame, `frames` counts slices or frames, `duration_s` is that of the clip, and
    `phash` and the statistics are those of the middle slice or frame.
    `width` and `height` are those of the stored bytes, whose SHA-256 is `sha256`. `spacing_mm` is
    (down, right): mm per stored pixel along y and along x, or None. `orientation` is the patient direction
    to the right of the picture and downwards, as letters (("L", "P") for a radiological axial slice), or None.
    `to_patient` is a row-major 3×3 matrix from (x, y, 1) of pixel centres to patient RAS mm, or None.
    `phash` is the 64-bit DCT hash, as 16 hex digits. `source_file` is relative to the source's root; its bytes are
    the stored bytes where `passthrough` is true.
    """

    id: str
    source: str
    sample: str
    media: str
    source_file: str
    source_sha256: str
    sha256: str
    phash: str
    kind: Literal["picture", "volume", "clip"] = "picture"
    format: Literal["jpeg", "png", "nifti", "mp4", "webm", "mkv", "mov", "avi", "mpeg"]
    width: int
    height: int
    bytes: int
    passthrough: bool
    frames: int | None = None
    duration_s: float | None = None
    spacing_mm: tuple[float, float] | None = None
    orientation: tuple[str, str] | None = None
    to_patient: tuple[float, ...] | None = None
    derivation: Derivation = Derivation()
    acquisition: Acquisition = Acquisition()
    mean: float = 0.0
    std: float = 0.0
    dark: float = 0.0
    bright: float = 0.0
    sharpness: float = 0.0
