"""A member of a container file becomes the picture of a Scene, and members that mark something become its masks."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.arrays import TiffMember, open_member, read_picture, read_volume_array
from medloom.converters.pixels.picture import Prepared, from_array, prepare
from medloom.converters.pixels.raster import decode, flatten
from medloom.converters.pixels.volume import Volume
from medloom.converters.pixels.window import Window, apply_window, choose_window
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Region
from medloom.schemas.view import Derivation, View
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Stage, view_of


def array_picture(media: Media, stage: Stage) -> tuple[Prepared, View, int]:
    """(stored picture, view, EXIF orientation) of a member, or of a crop of any picture.

    8 bits are shown as they are; more go through the window that is stated, or of the body part, or from the 0.5th to
    the 99.5th percentile of the picture itself. Raises BadInput where it can't be read.
    """
    origin = stage.origin
    path = origin.path(media.files[0])
    sha256 = origin.marks[media.files[0]].sha256
    try:
        read = read_picture(path, media.member, media.frame, media.crop)
    except BadInput as bad:
        if bad.reason != "not_an_array" or media.member is not None:
            raise
        read = _cut(decode(path.read_bytes()), media)
    window: Window | None = None
    if isinstance(read, bytes):
        stated = stage.acquisition.window
        prepared = prepare(read, origin.pictures, None if stated is None else Window(*stated, how="stated"))
        window = prepared.window
    else:
        if read.dtype != np.uint8:
            window = _window(read, stage)
            read = apply_window(read, window.center, window.width, window.function)
        prepared = from_array(np.ascontiguousarray(flatten(read)), origin.pictures)
    spacing = stage.acquisition.spacing_mm or _microns(media, origin)
    derivation = Derivation(
        frame=media.frame,
        member=media.member,
        crop=media.crop and (*map(float, media.crop),),  # type: ignore[arg-type]
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        window=None if window is None else (window.center, window.width),
        window_how=None if window is None else window.how,
        stripped=prepared.stripped,
        reencoded=prepared.reencoded,
    )
    stored = None if spacing is None else (spacing[0] / prepared.scale_y, spacing[1] / prepared.scale_x)
    view = view_of(stage, media, prepared, sha256, derivation, stored, stage.acquisition.orientation, None)
    return prepared, view, prepared.exif_orientation


def array_volume(media: Media, origin: Origin) -> Volume:
    """A member as a volume without orientation. Raises BadInput as `read_volume_array` does."""
    return read_volume_array(origin.path(media.files[0]), media.member, media.frame)


def array_mask(region: Region, origin: Origin) -> bytes | NDArray[Any]:
    """The H×W (or H×W×3) values of a member that marks a picture, or the bytes of a picture that has them.

    Raises BadInput ``unsupported_array``.
    """
    assert region.file is not None
    found = read_picture(origin.path(region.file), region.member, region.frame)
    if not isinstance(found, bytes) and found.dtype.kind == "f":
        return _whole(found)
    return found


def array_labels(region: Region, volume: Volume, origin: Origin) -> NDArray[Any]:
    """The I×J×K integers of a member on the volume's grid. Raises BadInput ``grid_mismatch``, ``not_a_label_map``."""
    assert region.file is not None
    path = origin.path(region.file)
    labels = read_volume_array(path, region.member, region.frame).data
    if open_member(path, region.member).dtype.kind == "b":
        labels = np.asarray(labels != 0)
    if labels.shape != volume.shape:
        raise BadInput("grid_mismatch", f"a mask of {labels.shape} for a volume of {volume.shape}", region.file)
    if labels.dtype.kind == "f":
        return _whole(labels)
    return labels.astype(np.uint8) if labels.dtype.kind == "b" else labels


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    rounded = np.rint(values)
    if not (np.isfinite(values).all() and np.abs(values - rounded).max() <= 1e-3 and np.abs(rounded).max() < 2**31):
        raise BadInput("not_a_label_map", f"{values.dtype} values that are no whole numbers")
    return np.asarray(rounded, np.int32)


def _cut(array: NDArray[Any], media: Media) -> NDArray[Any]:
    assert media.crop is not None
    x0, y0, x1, y1 = media.crop
    if not (0 <= x0 < x1 <= array.shape[1] and 0 <= y0 < y1 <= array.shape[0]):
        raise BadInput("outside_picture", f"{media.crop} of a picture of {array.shape[1]} × {array.shape[0]}")
    return array[y0:y1, x0:x1]


def _window(array: NDArray[Any], stage: Stage) -> Window:
    known = stage.acquisition
    found = choose_window(known.modality, known.body_part, known.window, stage.origin.preset, array)
    return exact(found) if array.dtype.kind == "f" else found


def exact(window: Window) -> Window:
    """The same for values that are no integers: DICOM's LINEAR is half a step beside them, and has no width of 1."""
    return msgspec.structs.replace(window, function="LINEAR_EXACT") if window.function == "LINEAR" else window


def _microns(media: Media, origin: Origin) -> tuple[float, float] | None:
    """mm (down, right) of a TIFF's page, where the file states them."""
    if media.member is None:
        return None
    found = open_member(origin.path(media.files[0]), media.member)
    if not isinstance(found, TiffMember):
        return None
    base, own = found.series.plane(0), found.shape
    _, down, right = found.series.microns
    if down is None or right is None:
        return None
    return down * base.height / own[1] / 1000, right * base.width / own[2] / 1000
