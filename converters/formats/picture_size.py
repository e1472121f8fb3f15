"""Width and height of a picture, from its header alone."""

from __future__ import annotations

import struct
from pathlib import Path

from medloom.converters.formats.files_under import RASTERS
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as shown, that is after the EXIF orientation.

    A PNG's is read from its first 33 bytes (one with an orientation is rare, and its size is then that of the file),
    a JPEG's from its first 64 KiB where they suffice, a DICOM's are Columns and Rows. Raises BadInput as `probe` and
    `read_dicom` do.
    """
    from medloom.converters.pixels.header import has_preamble
    from medloom.converters.pixels.raster import probe

    with path.open("rb") as handle:
        data = handle.read(1 << 16)
        if has_preamble(data):
            return _dicom_size(path)
        if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 33 and b"eXIf" not in data:
            width, height = struct.unpack_from(">II", data, 16)
            if not width or not height:
                raise BadInput("corrupt", f"PNG of {width} × {height} pixels")
            return width, height
        try:
            return probe(data).upright
        except BadInput as bad:
            rest = handle.read()
            if not rest:
                raise
            if bad.reason == "decompression_bomb":
                raise
    return probe(data + rest).upright


def _dicom_size(path: Path) -> tuple[int, int]:
    from medloom.converters.pixels.dicom_file import read_dicom

    dataset = read_dicom(path, pixels=False, header_only=True)
    width, height = dataset.get("Columns"), dataset.get("Rows")
    if not isinstance(width, int) or not isinstance(height, int) or width <= 0 or height <= 0:
        raise BadInput("corrupt", f"DICOM of {width} × {height} pixels")
    return width, height


def size_to_check(root: Path, path: str) -> tuple[int, int] | None:
    """The size that boxes are held against where a source states none; None where it can't be read so cheaply."""
    if not path.lower().endswith(RASTERS):
        return None
    try:
        return picture_size(inside(root, path))
    except BadInput:  # said of the picture where it is decoded
        return None
