"""The bytes of a NIfTI file: header first, then no more than it announces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput

MAX_BYTES = 8 << 30
_GZIP = b"\x1f\x8b"
_HEAD = 544  # the larger of the two headers
_PEEK = 1 << 16


def read(source: Path | bytes, max_bytes: int = MAX_BYTES) -> tuple[Any, NDArray[Any]]:
    """(nibabel header, array as stored, Fortran order, read-only) of a file, or of its bytes.

    A plain file is mapped, a gzip inflated once.
    """
    head = source[:_PEEK] if isinstance(source, bytes) else _head(source)
    if not head:
        raise BadInput("empty_file", "no bytes")
    packed = head.startswith(_GZIP)
    header = _header(_inflate(head, _HEAD, whole=False) if packed else head)
    shape, dtype, offset = _layout(header)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size + offset > max_bytes:
        raise BadInput("decompression_bomb", f"{shape} of {dtype} is {size} bytes, at most {max_bytes}")
    if packed:
        content = _inflate(source if isinstance(source, bytes) else source.read_bytes(), offset + size, whole=True)
        if len(content) < offset + size:
            raise BadInput("truncated", f"{len(content)} bytes unpacked, {offset + size} announced")
    else:
        found = len(source) if isinstance(source, bytes) else source.stat().st_size
        if found < offset + size:
            raise BadInput("truncated", f"{found} bytes, {offset + size} announced")
        if not isinstance(source, bytes):
            return header, np.memmap(source, dtype=dtype, mode="r", offset=offset, shape=shape, order="F")
        content = source
    return header, np.frombuffer(content, dtype, size // dtype.itemsize, offset).reshape(shape, order="F")


def frames_of(path: Path) -> int:
    """How many 3D volumes a file announces; its voxels aren't read. Raises BadInput as `read` does for a header."""
    head = _head(path)
    if not head:
        raise BadInput("empty_file", "no bytes")
    shape, _, _ = _layout(_header(_inflate(head, _HEAD, whole=False) if head.startswith(_GZIP) else head))
    return shape[3] if len(shape) == 4 else 1


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_PEEK)


def _inflate(data: bytes, wanted: int, whole: bool) -> bytes:
    """At least `wanted` bytes, fewer only where the stream is cut; `whole` also reads on to its end and check sum."""
    parts: list[bytes] = []
    have = 0
    try:
        while data.startswith(_GZIP):  # a file may be several gzip members
            stream = isal_zlib.decompressobj(wbits=31)
            parts.append(stream.decompress(data, wanted - have + 1))
            have += len(parts[-1])
            if have > wanted:
                break
            if not stream.eof:
                if whole:
                    raise BadInput("truncated", f"gzip: cut after {have} bytes unpacked, {wanted} announced")
                break
            data = stream.unused_data
    except isal_zlib.IsalError as error:  # type: ignore[misc]
        if whole:
            raise BadInput("corrupt", f"gzip: {error}") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _header(head: bytes) -> Any:
    for kind, size, at, magic in ((Nifti1Header, 348, 344, b"n+1\0"), (Nifti2Header, 540, 4, b"n+2\0")):
        if head[at : at + 4] == magic:
            try:
                return kind(binaryblock=head[:size], check=False)  # type: ignore[no-untyped-call]
            except Exception as error:  # nibabel raises several
                raise BadInput("corrupt", f"NIfTI header: {error}") from None
    if len(head) < 348:
        raise BadInput("truncated", f"{len(head)} bytes are less than a NIfTI header")
    raise BadInput("not_a_volume", "no single-file NIfTI header (n+1, n+2)")


def _layout(header: Any) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """(shape of at least three axes, stored dtype with its byte order, where the voxels begin)."""
    rank = int(header["dim"][0])
    if not 1 <= rank <= 7:
        raise BadInput("corrupt", f"NIfTI header: {rank} dimensions")
    shape = [int(n) for n in header["dim"][1 : rank + 1]]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    shape += [1] * (3 - len(shape))
    if min(shape) < 1:
        raise BadInput("corrupt", f"NIfTI header: shape {tuple(shape)}")
    if len(shape) > 4:
        raise BadInput("unsupported_volume", f"shape {tuple(shape)}: more than space and one more axis")
    try:
        dtype = np.dtype(header.get_data_dtype())
    except Exception:  # nibabel's HeaderDataError, or KeyError for codes that nobody knows
        raise BadInput("unsupported_volume", f"data type code {int(header['datatype'])}") from None
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise BadInput("unsupported_volume", f"voxels of {dtype}")
    offset = float(header["vox_offset"])
    if not 0 <= offset < 1 << 31:
        raise BadInput("corrupt", f"NIfTI header: voxels at byte {offset}")
    return tuple(shape), dtype, max(int(offset), 352 if int(header["sizeof_hdr"]) == 348 else 544)
