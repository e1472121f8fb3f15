"""2D files from bytes to pixels: full, or reduced and grey.

Arrays are H×W (grey) or H×W×3 (RGB), uint8 or uint16, upright: the EXIF orientation has been applied. What is
16-bit stays 16-bit. ICC profiles are not applied. Of several frames or pages the first is read. Alpha: where every
pixel is opaque it is dropped; otherwise the picture is laid on black, because what an author made transparent (a
name, say) must not come back, and nothing brighter than the picture is made up.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from medloom.converters.pixels.encode import encode_jpeg, encode_png
from medloom.converters.pixels.header import MAX_PIXELS, RasterInfo, open_image, probe
from medloom.converters.pixels.resize import resize, resize_mask
from medloom.converters.pixels.strip import strip_metadata
from medloom.schemas.errors import BadInput

__all__ = [
    "MAX_PIXELS", "RasterInfo", "decode", "decode_grey_reduced", "decode_indices", "decode_samples", "encode_jpeg",
    "encode_png", "flatten", "opaque", "probe", "resize", "resize_mask", "strip_metadata", "to_grey", "upright",
]  # fmt: skip

Pixels = NDArray[Any]


def decode(data: bytes, info: RasterInfo | None = None) -> Pixels:
    """All pixels at native resolution, as the module says.

    Raises BadInput: what `probe` raises, ``truncated``, ``corrupt``, ``unsupported_pixels`` (float, 32 bits, JPEG of
    12 bits).
    """
    info = info or probe(data)
    return upright(flatten(decode_samples(data, info)), info.exif_orientation)


def decode_grey_reduced(data: bytes, info: RasterInfo | None = None, min_side: int = 64) -> NDArray[np.uint8]:
    """Grey uint8, upright, reduced to 1/2, 1/4 or 1/8 while the shorter side keeps `min_side` pixels.

    A JPEG is reduced as `reduced_jpeg` does. Other formats are decoded and area-averaged by the largest whole factor.
    16 bits become the upper 8.
    """
    info = info or probe(data)
    if info.format == "jpeg" and not info.cmyk:
        return np.asarray(to_grey(upright(reduced_jpeg(data, info, min_side), info.exif_orientation)), np.uint8)
    return reduce_grey(decode(data, info), min_side)


def reduced_jpeg(data: bytes, info: RasterInfo, min_side: int = 64) -> NDArray[np.uint8]:
    """H×W or H×W×3 of a JPEG that is not CMYK, as it lies, reduced inside the inverse DCT by what `reduction` gives.

    Every coded bit is read, so a damaged file is found here; that is nearly all of the work, and colour costs a
    twentieth more than grey.
    """
    colours = "RGB" if info.channels == 3 else "GRAY"
    array = decode_jpeg(data, info, colours, reduction(info.width, info.height, min_side))
    return array if info.channels == 3 else array[..., 0]


def reduction(width: int, height: int, min_side: int) -> int:
    """The largest of 8, 4, 2, 1 that leaves `min_side` pixels (others are slower than no reduction: no SIMD)."""
    side = min(width, height)
    return 8 if side >= 8 * min_side else 4 if side >= 4 * min_side else 2 if side >= 2 * min_side else 1


def reduce_grey(array: Pixels, min_side: int = 64) -> NDArray[np.uint8]:
    """Grey uint8 of a decoded picture, reduced as `reduce` does."""
    return np.asarray(to_grey(reduce(array, min_side)))


def reduce(array: Pixels, min_side: int = 64) -> NDArray[np.uint8]:
    """uint8 of a decoded picture, area-averaged by the largest whole factor that leaves `min_side` pixels."""
    height, width = array.shape[:2]
    factor = max(1, min(height, width) // min_side)
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if factor > 1:
        array = array[: height // factor * factor, : width // factor * factor]
        array = cv2.resize(array, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(array, np.uint8)


def to_grey(array: Pixels) -> Pixels:
    """Luma (BT.601, as in JPEG) of an RGB array; a grey array as it is."""
    return array if array.ndim == 2 else np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2GRAY))


def decode_samples(data: bytes, info: RasterInfo) -> Pixels:
    """Pixels as the file has them: not turned, alpha kept as a last, second or fourth, channel."""
    if info.format == "jpeg" and not info.cmyk:
        array = decode_jpeg(data, info, "GRAY" if info.channels == 1 else "RGB")
        return array[..., 0] if info.channels == 1 else array
    if (info.format == "png" and info.frames == 1) or (info.format == "tiff" and info.bits == 16 and info.channels > 1):
        return _decode_cv2(data, info)
    return _decode_pillow(data)


def decode_jpeg(data: bytes, info: RasterInfo, colours: str, factor: int = 1) -> NDArray[np.uint8]:
    """libjpeg-turbo at 1/`factor`, H×W×C; its warnings (a cut or damaged stream) are errors."""
    try:
        return np.asarray(
            simplejpeg.decode_jpeg(
                data,
                colours,
                min_factor=factor,
                min_height=-(-info.height // factor),
                min_width=-(-info.width // factor),
            )
        )
    except ValueError as error:
        text = str(error)
        if info.bits != 8:
            raise BadInput("unsupported_pixels", f"JPEG with {info.bits} bits per sample") from None
        reason = "truncated" if text.startswith("Premature end") else "corrupt"
        raise BadInput(reason, f"JPEG of {info.width} × {info.height}: {text}") from None


def _decode_cv2(data: bytes, info: RasterInfo) -> Pixels:
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadInput("corrupt", f"{info.format}: {error.err}") from None
    if array is None:
        raise BadInput("corrupt", f"{info.format} of {info.width} × {info.height}: its compressed pixels are broken")
    if array.dtype not in (np.uint8, np.uint16):
        raise BadInput("unsupported_pixels", f"{info.format} with {array.dtype} samples")
    if array.ndim == 2:
        return np.asarray(array)
    if info.channels == 2:  # grey and alpha, which OpenCV spreads over four
        return np.asarray(array[..., ::3])
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))


def _decode_pillow(data: bytes) -> Pixels:
    try:
        with open_image(data) as image:
            image.load()
            return _samples_of(image)
    except BadInput:
        raise
    except OSError as error:
        raise BadInput("truncated" if "truncated" in str(error) else "corrupt", f"Pillow: {error}") from None
    except Exception as error:  # Pillow's readers raise almost anything on broken files
        raise BadInput("corrupt", f"Pillow: {type(error).__name__}: {error}") from None


def _samples_of(image: Any) -> Pixels:
    mode = image.mode
    if mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16, copy=False)
        tags = getattr(image, "tag_v2", {})
        # TIFF 6.0 WhiteIsZero: Pillow turns 8 bits round, but not 16.
        return (1 << tags[258][0]) - 1 - deep if tags.get(262) == 0 else deep
    if mode == "I":
        wide = np.asarray(image)
        if wide.min() < 0 or wide.max() > 65535:
            raise BadInput("unsupported_pixels", f"32-bit samples from {wide.min()} to {wide.max()}")
        return wide.astype(np.uint16)
    if mode == "F":
        raise BadInput("unsupported_pixels", "floating-point samples have no white and no black: state a window")
    if mode == "LA":
        return np.asarray(image)
    if mode in ("PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if mode in ("1", "L") else "RGB"))


def decode_indices(data: bytes, info: RasterInfo | None = None) -> Pixels:
    """H×W of the values that a mask file stores: palette indices where it has a palette, else as `decode`."""
    info = info or probe(data)
    if not info.palette:
        return decode(data, info)
    try:
        with open_image(data) as image:
            return upright(np.asarray(image), info.exif_orientation)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadInput("truncated" if "truncated" in str(error) else "corrupt", f"Pillow: {error}") from None


def opaque(samples: Pixels) -> bool:
    """Whether nothing is transparent in an array whose alpha, if it has one, is the last of 2 or 4 channels."""
    return samples.ndim == 2 or samples.shape[2] == 3 or bool(samples[..., -1].min() == np.iinfo(samples.dtype).max)


def flatten(samples: Pixels) -> Pixels:
    """The array without its alpha: dropped where all is opaque, else the picture laid on black."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples
    colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    if opaque(samples):
        return np.ascontiguousarray(colours)
    top = np.iinfo(samples.dtype).max
    alpha = samples[..., -1] if colours.ndim == 2 else samples[..., 3:]
    return ((colours.astype(np.uint64) * alpha + top // 2) // top).astype(samples.dtype)


def upright(array: Pixels, orientation: int) -> Pixels:
    """Applies an EXIF orientation (1 to 8; CIPA DC-008, tag 274)."""
    if orientation == 1:
        return array
    if orientation > 4:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
