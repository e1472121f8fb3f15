"""Members of container files as pictures and volumes: ``.npz`` and ``.npy`` arrays, HDF5 datasets, TIFF series."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.hdf5_file import MAGIC, hdf5_file
from medloom.converters.pixels.header import MAX_PIXELS
from medloom.converters.pixels.npz_file import npy_file
from medloom.converters.pixels.tiff_file import TiffSeries, is_tiff, tiff_file
from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput

Box = tuple[int, int, int, int]
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM", b"GIF8", b"RIFF")
AS_IS = (128.0, 256.0)
"""The window (center, width; LINEAR) that shows 8 bits as they are."""


class Member(Protocol):
    """One array in a container: its shape and type at once, its items along the first axis when asked."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def item(self, index: int) -> NDArray[Any]: ...
    def all(self) -> NDArray[Any]: ...


class TiffMember:
    """A TIFF series as an array of its pages, P×H×W or P×H×W×C; `region` reads a box of one page."""

    def __init__(self, series: TiffSeries, level: int) -> None:
        self.series, self._level = series, level
        first = series.plane(0, level).read_shape
        self.shape: tuple[int, ...] = (series.planes, *first)
        self.dtype: np.dtype[Any] = series.plane(0, level).shown_dtype

    def item(self, index: int) -> NDArray[Any]:
        """Page number `index`."""
        return self.series.plane(index, self._level).read()

    def region(self, index: int, box: Box) -> NDArray[Any]:
        """A half-open xyxy box of page number `index`."""
        return self.series.plane(index, self._level).read(box)

    def all(self) -> NDArray[Any]:
        """All pages, each decoded into its place."""
        out = np.empty(self.shape, self.dtype)
        for index in range(self.shape[0]):
            page = self.item(index)
            if page.shape != out.shape[1:]:
                raise BadInput("mixed_pages", f"page {index} is {page.shape}, the first {out.shape[1:]}")
            out[index] = page
        return out


def open_member(path: Path, member: str | None) -> Member:
    """The array that `member` names in a container file, which is known by its first bytes.

    A ``.npy`` file has one array and needs no name; nor does an archive that holds only one. A TIFF's is its series and
    level ("0", "1/2").

    Raises BadInput: ``not_an_array``, ``missing_array``, and what the readers raise.
    """
    with path.open("rb") as handle:
        head = handle.read(8)
    if is_tiff(head):
        number, _, level = (member or "0").partition("/")
        if not (number.isdigit() and (level or "0").isdigit()):
            raise BadInput("missing_array", f"{member!r} is no series and level of a TIFF")
        return TiffMember(tiff_file(path).one(int(number)), int(level or 0))
    if head[:4] == b"PK\x03\x04" or head[:6] == b"\x93NUMPY":
        arrays = npy_file(path)
        return arrays.array(_only(arrays.names) if member is None else member)
    if head == MAGIC or path.suffix.lower() in (".h5", ".hdf5", ".hdf", ".he5", ".mat"):
        file = hdf5_file(path)
        return file.array(_only(tuple(file.names())) if member is None else member)
    raise BadInput("not_an_array", "no container of arrays by its first bytes")


def read_item(path: Path, member: str | None, frame: int | None) -> NDArray[Any]:
    """The item number `frame` along the first axis of a member, or all of it. Raises BadInput as `open_member`."""
    found = open_member(path, member)
    if frame is not None:
        return found.item(frame)
    if isinstance(found, TiffMember):
        if found.shape[0] != 1:
            raise BadInput("which_frame", f"{found.shape[0]} pages, and nobody says which")
        return found.item(0)
    return found.all()


def read_picture(path: Path, member: str | None, frame: int | None, crop: Box | None = None) -> NDArray[Any] | bytes:
    """The same as a picture: H×W, or H×W×C with 3 or 4 channels, of 8, 16 or more bits; or the bytes of an encoded one.

    Channels may stand first (3×H×W). `crop` is half-open xyxy in the picture's pixels.

    Raises BadInput: ``unsupported_array``, ``outside_picture``, ``decompression_bomb``, and as `read_item`.
    """
    if crop is not None:
        found = open_member(path, member)
        if isinstance(found, TiffMember):
            return as_picture(found.region(frame or 0, crop))
    array = read_item(path, member, frame)
    if array.ndim == 0 and isinstance(array.item(), bytes):
        array = np.frombuffer(array.item(), np.uint8)
    if array.ndim == 1 and array.dtype == np.uint8 and array[:8].tobytes().startswith(_PICTURES):
        return array.tobytes()
    shown = as_picture(array)
    if crop is None:
        return shown
    x0, y0, x1, y1 = crop
    if not (0 <= x0 < x1 <= shown.shape[1] and 0 <= y0 < y1 <= shown.shape[0]):
        raise BadInput("outside_picture", f"{crop} of a picture of {shown.shape[1]} × {shown.shape[0]}")
    return np.ascontiguousarray(shown[y0:y1, x0:x1])


def as_picture(array: NDArray[Any]) -> NDArray[Any]:
    """An item as a picture: H×W, or channels last. Raises BadInput ``unsupported_array``, ``decompression_bomb``."""
    shape = array.shape
    if array.ndim == 3 and shape[2] not in (1, 3, 4) and shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in shape:
        raise BadInput("unsupported_array", f"an item of {shape} is no picture")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise BadInput("decompression_bomb", f"{array.shape[1]} × {array.shape[0]} pixels, at most {MAX_PIXELS}")
    return _numbers(array)


def read_volume_array(path: Path, member: str | None, frame: int | None) -> Volume:
    """An item as a volume without orientation: D×H×W, slices along the first axis, each shown as it is stored.

    Without a spacing in the file (only TIFF states one, for all three axes) nothing of it can be measured.

    Raises BadInput: ``unsupported_array``, and as `read_item`.
    """
    found = open_member(path, member)
    tiff = isinstance(found, TiffMember)
    array = found.all() if tiff or frame is None else found.item(frame)
    if array.ndim == 4 and 1 in (array.shape[0], array.shape[3]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 3 or 0 in array.shape:
        raise BadInput("unsupported_array", f"an item of {array.shape} is no volume")
    array = _numbers(array)
    known = [size for size in found.series.microns if size is not None] if isinstance(found, TiffMember) else []
    deep, down, right = (size / 1000 for size in known) if len(known) == 3 else (1.0, 1.0, 1.0)
    return Volume(
        data=array.transpose(2, 1, 0),
        affine=np.diag([-right, -down, deep, 1.0]),
        spacing=(right, down, deep),
        oriented=False,
        spaced=len(known) == 3,
        notes=("an array states no orientation",),
        window=AS_IS if array.dtype == np.uint8 else None,
    )


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """In native byte order; yes and no as white and black. Raises BadInput ``unsupported_array``: no real numbers."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "uif":
        raise BadInput("unsupported_array", f"{array.dtype} are no grey levels")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _only(names: tuple[str, ...]) -> str:
    if len(names) != 1:
        raise BadInput("missing_array", f"which of {len(names)} arrays is meant: {', '.join(names[:8])}?")
    return names[0]
