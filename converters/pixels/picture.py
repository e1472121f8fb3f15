"""From a file's bytes to the bytes that a record stores, with hashes and statistics: drawn one by one, then looked at
together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.encode import encode_jpeg, encode_png
from medloom.converters.pixels.header import MAX_PIXELS, RasterInfo, probe
from medloom.converters.pixels.look import PictureStats, look
from medloom.converters.pixels.raster import (
    decode_jpeg,
    decode_samples,
    flatten,
    opaque,
    reduce,
    reduced_jpeg,
    reduction,
    upright,
)
from medloom.converters.pixels.resize import resize
from medloom.converters.pixels.strip import strip_metadata
from medloom.converters.pixels.window import Window, apply_window, percentile_window

HASH_SIDE = 64  # the reduced picture, of which hash and statistics are taken, keeps this many pixels


class PicturePolicy(msgspec.Struct, frozen=True):
    """What becomes of a picture's size and bytes.

    `short_side` None keeps native pixels. A picture whose shorter side is already at or below it stays as it is
    unless `keep_if_smaller` is false. `reencode` and `quality` (JPEG only) hold for pictures whose pixels change.
    """

    short_side: int | None = None
    keep_if_smaller: bool = True
    reencode: Literal["png", "jpeg"] = "png"
    quality: int = 95
    max_pixels: int = MAX_PIXELS


class Prepared(msgspec.Struct, frozen=True):
    """A stored picture.

    `passthrough`: `data` is the file's own bytes. `stripped`: only metadata went, no pixel changed. `reencoded` names
    the format that was written where pixels changed. `width` and `height` are stored, `native_width` and
    `native_height` upright before resizing; `scale_x`, `scale_y` are stored pixels per native pixel. `phash` is
    unsigned. `window` is set where a 16-bit picture was reduced to 8 bits. `thumb` and `chroma` are those of
    `medloom.schemas.appearance.Appearance`.
    """

    data: bytes
    format: Literal["jpeg", "png"]
    passthrough: bool
    stripped: bool
    reencoded: Literal["png", "jpeg"] | None
    width: int
    height: int
    native_width: int
    native_height: int
    scale_x: float
    scale_y: float
    sha256: str
    source_sha256: str
    phash: int
    stats: PictureStats
    colour: bool
    thumb: bytes
    chroma: float
    exif_orientation: int = 1
    window: Window | None = None


Drawn = tuple[dict[str, Any], NDArray[np.uint8]]
"""What `Prepared` knows without a look at the picture, and the picture reduced to about `HASH_SIDE` pixels."""


def prepare(
    data: bytes, policy: PicturePolicy, window: Window | None = None, source_sha256: str | None = None
) -> Prepared:
    """The picture that is stored for the 2D file `data`; raises as `draw` does."""
    return finish([draw(data, policy, window, source_sha256)])[0]


def finish(drawn: Sequence[Drawn]) -> list[Prepared]:
    """The same pictures, looked at: of many together each costs a fraction of what it costs alone."""
    looks = look([small for _, small in drawn])
    return [
        Prepared(**known, phash=one.phash, stats=one.stats, thumb=one.thumb, chroma=one.chroma)
        for (known, _), one in zip(drawn, looks, strict=True)
    ]


def draw(data: bytes, policy: PicturePolicy, window: Window | None = None, source_sha256: str | None = None) -> Drawn:
    """The picture that is stored for the 2D file `data`, every coded bit of which has been read.

    JPEG and PNG bytes pass where no pixel changes: 8 bits, upright, not CMYK, opaque, no resizing, and shown by
    any browser; metadata is cut out of them. Everything else is decoded once, sized and encoded. 16 bits become 8
    through `window`, else through the picture's own 0.5th to 99.5th percentile. `source_sha256` is that of `data`,
    where it is known already.

    Raises BadInput as `decode` does.
    """
    source_sha256 = source_sha256 or hashlib.sha256(data).hexdigest()
    info = probe(data, policy.max_pixels)
    width, height = info.upright
    target = target_size(width, height, policy)
    same = target == (width, height)
    if info.format == "jpeg" and info.web:
        if same and info.exif_orientation == 1:
            return _pass(data, source_sha256, info, reduced_jpeg(data, info, HASH_SIDE))
        colours = "RGB" if info.channels == 3 else "GRAY"
        array: NDArray[Any] = decode_jpeg(data, info, colours, _jpeg_factor(info, min(target), same))
        array = array if info.channels == 3 else array[..., 0]
    else:
        samples = decode_samples(data, info)
        array = flatten(samples)
        if info.web and same and info.exif_orientation == 1 and info.frames == 1 and opaque(samples):
            return _pass(data, source_sha256, info, array)
    array = upright(array, info.exif_orientation)
    if array.dtype != np.uint8:
        window = window or Window(*percentile_window(array), how="percentile", function="LINEAR_EXACT")
        array = apply_window(array, window.center, window.width, window.function)
    else:
        window = None
    return _encode(array, (width, height), target, policy, source_sha256, info, window)


def from_array(array: NDArray[np.uint8], policy: PicturePolicy) -> Prepared:
    """The picture that is stored for rendered pixels, H×W or H×W×3 RGB uint8; `source_sha256` is empty."""
    height, width = array.shape[:2]
    return finish([_encode(array, (width, height), target_size(width, height, policy), policy, "", None, None)])[0]


def target_size(width: int, height: int, policy: PicturePolicy) -> tuple[int, int]:
    """(width, height) of the stored picture: the shorter side becomes `short_side`, the aspect is kept."""
    short = min(width, height)
    if (
        policy.short_side is None
        or short == policy.short_side
        or (short < policy.short_side and policy.keep_if_smaller)
    ):
        return width, height
    factor = policy.short_side / short
    return max(1, round(width * factor)), max(1, round(height * factor))


def _jpeg_factor(info: RasterInfo, short_side: int, same: bool) -> int:
    """The DCT reduction to decode at: never below the target, and only where it moves no edge by half a stored pixel.

    libjpeg rounds reduced sizes up, so that a reduced picture may cover up to `factor` - 1 pixels more than there are.
    """
    factor = 1 if same else reduction(info.width, info.height, short_side)
    scale = short_side / min(info.width, info.height)
    while factor > 1 and max(-info.width % factor, -info.height % factor) * scale > 0.5:
        factor //= 2
    return factor


def _pass(data: bytes, source_sha256: str, info: RasterInfo, shown: NDArray[Any]) -> Drawn:
    """Of bytes that stay as they are; `shown` are their pixels, which may be reduced."""
    stored = strip_metadata(data, info)
    stripped = stored is not data
    known = {
        "data": stored, "format": "jpeg" if info.format == "jpeg" else "png", "passthrough": not stripped,
        "stripped": stripped, "reencoded": None, "width": info.width, "height": info.height,
        "native_width": info.width, "native_height": info.height, "scale_x": 1.0, "scale_y": 1.0,
        "sha256": hashlib.sha256(stored).hexdigest() if stripped else source_sha256,
        "source_sha256": source_sha256, "colour": info.channels > 2,
    }  # fmt: skip
    return known, reduce(shown, HASH_SIDE)


def _encode(
    array: NDArray[np.uint8],
    native: tuple[int, int],
    target: tuple[int, int],
    policy: PicturePolicy,
    source_sha256: str,
    info: RasterInfo | None,
    window: Window | None,
) -> Drawn:
    array = resize(array, *target)
    stored = encode_png(array) if policy.reencode == "png" else encode_jpeg(array, policy.quality)
    known = {
        "data": stored, "format": policy.reencode, "passthrough": False, "stripped": False,
        "reencoded": policy.reencode, "width": target[0], "height": target[1],
        "native_width": native[0], "native_height": native[1],
        "scale_x": target[0] / native[0], "scale_y": target[1] / native[1],
        "sha256": hashlib.sha256(stored).hexdigest(), "source_sha256": source_sha256, "colour": array.ndim == 3,
        "window": window, "exif_orientation": info.exif_orientation if info else 1,
    }  # fmt: skip
    return known, reduce(array, HASH_SIDE)
