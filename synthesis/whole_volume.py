"""A volume as one picture of several slices, and a volume that is kept whole."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.picture import from_array
from medloom.converters.pixels.plane import native_axes
from medloom.converters.pixels.volume import Volume
from medloom.converters.pixels.window import apply_window
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.view import Derivation, Plane
from medloom.synthesis.burned_in import looked_at, without_text
from medloom.synthesis.scan import Scan
from medloom.synthesis.scene import Scene
from medloom.synthesis.scenes import Made, Stage, refusal, view_of

MAX_BYTES = 1 << 30
"""Of a volume that is kept whole, before it is packed."""


def montages(scan: Scan, chosen: list[tuple[Plane, int]], stage: Stage, made: Made) -> Iterator[Scene]:
    """One picture for each plane, of its chosen slices in reading order, as square as they go.

    It shows what is said of the whole volume; masks are not drawn on it, and it has no way back to the patient.
    """
    for plane in dict.fromkeys(plane for plane, _ in chosen):
        indices = [index for each, index in chosen if each == plane]
        tiles = [_shown(scan, plane, index) for index in indices]
        across = int(np.ceil(np.sqrt(len(tiles))))
        down = -(-len(tiles) // across)
        height, width = tiles[0].shape
        sheet = np.zeros((down * height, across * width), np.uint8)
        for number, tile in enumerate(tiles):
            y, x = divmod(number, across)
            sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
        prepared = from_array(sheet, stage.origin.pictures)
        _, geometry = scan.volume.slice(plane, indices[0])
        scale = None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y)
        spacing = geometry.spacing_mm if scan.volume.spaced else None
        derivation = Derivation(
            plane=plane if scan.volume.oriented else None, montage=tuple(indices), frame=scan.media.frame,
            member=scan.media.member, window=(scan.window.center, scan.window.width), window_how=scan.window.how,
            scale=scale, reencoded=prepared.format,
        )  # fmt: skip
        view = view_of(
            stage, scan.media, prepared, scan.sha256, derivation,
            spacing and (spacing[0] / prepared.scale_y, spacing[1] / prepared.scale_x), geometry.orientation, None,
        )  # fmt: skip
        if scan.media.kind == "series":
            prepared, view = without_text(prepared, view, stage, made, dicom=True, notes=scan.volume.notes)
        made.pictures[prepared.sha256] = prepared.data
        yield Scene(
            view=view, sample=stage.sample, terms=stage.terms, labels=stage.labels, judged=stage.judged,
            labels_of_patient=stage.origin.card.labels_of == "patient",
        )  # fmt: skip


def _shown(scan: Scan, plane: Plane, index: int) -> NDArray[np.uint8]:
    pixels, _ = scan.volume.slice(plane, index)
    return apply_window(pixels, scan.window.center, scan.window.width, scan.window.function)


def keep_volume(scan: Scan, hidden: bool, stage: Stage, made: Made) -> None:
    """The view of the whole volume, as NIfTI-1; hash and statistics are those of its middle slice.

    `hidden`: a slice showed text that may tell who the patient is. Those that weren't shown are looked at too.
    """
    try:
        if hidden or _shows_text(scan, stage):
            told = "text in its slices may tell who the patient is: the volume isn't kept whole"
            raise BadInput("burned_in_text", told)
        data = nifti_bytes(scan.volume)
    except BadInput as bad:
        made.refused.append(refusal(stage.sample, bad, scan.media.files[0], part=True))
        return
    prepared = from_array(_shown(scan, "axial", scan.volume.count("axial") // 2), stage.origin.pictures)
    derivation = Derivation(frame=scan.media.frame, member=scan.media.member, stripped=True)
    view = view_of(stage, scan.media, prepared, scan.sha256, derivation, None, None, None)
    sha256 = hashlib.sha256(data).hexdigest()
    made.pictures[sha256] = data
    width, height, slices = scan.volume.shape
    made.whole.append(
        msgspec.structs.replace(
            view, id=digest("view", view.source, view.sample, view.media, "whole"), kind="volume", format="nifti",
            sha256=sha256, bytes=len(data), passthrough=False, width=width, height=height, frames=slices,
        )
    )  # fmt: skip


def _shows_text(scan: Scan, stage: Stage) -> bool:
    """Whether any slice as it was taken shows text that may tell who the patient is."""
    if scan.media.kind != "series" or not looked_at(stage, True, scan.volume.notes):
        return False
    from medloom.converters.identity.burned_in import text_in

    plane = next(plane for plane in get_args(Plane) if native_axes(scan.volume.affine, plane)[0][0] == 2)
    slices = (_shown(scan, plane, index) for index in range(scan.volume.count(plane)))
    return any(line.identifying for shown in slices for line in text_in(shown))


def nifti_bytes(volume: Volume) -> bytes:
    """The volume as a gzipped NIfTI-1 file: voxels as they are stored, with slope and intercept, and the affine.

    Nothing else of the header it came from goes along: descriptions and extensions may tell who the patient is.
    Raises BadInput ``volume_too_big``.
    """
    import nibabel as nib

    if volume.data.nbytes > MAX_BYTES:
        told = f"{volume.data.nbytes >> 20} MB as one file, at most {MAX_BYTES >> 20} are kept"
        raise BadInput("volume_too_big", told)
    dtype = np.dtype(np.uint8) if volume.data.dtype.kind == "b" else volume.data.dtype.newbyteorder("<")
    header: Any = nib.Nifti1Header(endianness="<")  # type: ignore[no-untyped-call]
    header.set_data_dtype(dtype)
    header.set_data_shape(volume.shape)
    header.set_zooms(volume.spacing)
    if volume.oriented:
        header.set_qform(volume.affine, 1)  # a sheared affine has no qform: the sform is what counts
        header.set_sform(volume.affine, 1)
    header.set_xyzt_units("mm" if volume.spaced else "unknown")
    header.set_slope_inter(volume.slope, volume.inter)
    header["vox_offset"] = 352
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=4, mtime=0) as file:
        file.write(header.binaryblock + b"\0\0\0\0")
        for k in range(volume.shape[2]):
            file.write(np.asarray(volume.data[..., k], dtype).tobytes(order="F"))
    return packed.getvalue()
