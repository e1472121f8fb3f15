"""NIfTI files of phantom volumes, gzipped without a time or a name."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medloom.converters.phantom.grid import Grid


def write_nifti(path: Path, data: NDArray[Any], grid: Grid, slope: float = 1.0, inter: float = 0.0) -> None:
    """Writes `data` (i, j, k) as it is stored; readers get data · `slope` + `inter`. The affine is sform and qform."""
    import nibabel as nib

    header: Any = nib.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(grid.affine, 1)
    header.set_qform(grid.affine, 1)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(slope, inter)
    header["descrip"] = b"medloom phantom, not real data"
    header["vox_offset"] = 352
    content = header.binaryblock + b"\0\0\0\0" + data.tobytes(order="F")
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=4, mtime=0) as file:
        file.write(content)
    path.write_bytes(packed.getvalue())
