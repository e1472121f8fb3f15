"""Our picture of a DICOM file beside those of two independent renderers: dcmtk and SimpleITK (ITK with GDCM).

Both get the VOI transformation that we chose, so that what is compared is decoding, modality, VOI, presentation and
colour, not taste. Differences are in grey levels of 0 to 255 (the largest and the mean over pixels, and over the first
and last frame).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medloom.converters.pixels.dicom import DicomPicture, render
from medloom.converters.pixels.dicom_file import frame_count, has_pixels, read_dicom
from medloom.converters.pixels.window import Window
from medloom.schemas.errors import BadInput

JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
Pixels = NDArray[Any]


class Unable(Exception):
    """The other renderer shows no picture of it, and says why."""


@dataclass(frozen=True)
class Difference:
    """Grey levels between two pictures of one file."""

    largest: int
    mean: float


@dataclass(frozen=True)
class Compared:
    """One file: what we make of it, and how far the others are from it (or why they show nothing)."""

    file: str
    syntax: str
    ours: str
    dcmtk: Difference | str
    itk: Difference | str
    modality: str = ""


def compared(path: Path, name: str) -> Compared | None:
    """The comparison of one file; None where it holds no pixels, or is no DICOM."""
    try:
        dataset = read_dicom(path)
    except BadInput as bad:
        assert bad.reason == "not_dicom", f"{name}: {bad}"
        return None
    if not has_pixels(dataset):
        return None
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    told, modality = "none" if syntax is None else _short(syntax.name), str(dataset.get("Modality"))
    try:
        shown = {frame: render(path, frame) for frame in dict.fromkeys((0, frame_count(dataset) - 1))}
    except BadInput as bad:
        others = (_can(path, dataset, how) for how in (dcmtk, itk))
        return Compared(name, told, f"refused: {bad.reason}", *others, modality)
    how = " ".join(dict.fromkeys(picture.shown for _, picture in shown.values()))
    return Compared(name, told, how, *(_difference(path, dataset, shown, one) for one in (dcmtk, itk)), modality)


def _short(syntax: str) -> str:
    name = syntax.split(" (Process 14")[0].replace(" Image Compression", "").replace(", Non-Hierarchical, First-", " ")
    return name.replace("Order Prediction", "").replace("(Near-Lossless)", "").strip()


Renderer = Callable[[Path, Any, int, DicomPicture], Pixels]


def _difference(
    path: Path, dataset: Any, shown: dict[int, tuple[Pixels, DicomPicture]], other: Renderer
) -> Difference | str:
    largest, means = 0, []
    for frame, (array, picture) in shown.items():
        try:
            theirs = other(path, dataset, frame, picture)
        except Unable as unable:
            return str(unable)
        assert theirs.shape == array.shape and theirs.dtype == np.uint8
        apart = np.abs(array.astype(np.int64) - theirs)
        largest = max(largest, int(apart.max()))
        means.append(float(apart.mean()))
    return Difference(largest, float(np.mean(means)))


def _can(path: Path, dataset: Any, other: Renderer) -> str:
    """What the other makes of a file that we refuse."""
    plain = DicomPicture(spacing_mm=None, orientation=None, to_patient=None, window=None, shown="full range")
    try:
        other(path, dataset, 0, plain)
    except Unable as unable:
        return str(unable)
    return "shown"


def dcmtk(path: Path, dataset: Any, frame: int, picture: DicomPicture) -> Pixels:
    """By dcmj2pnm, or dcml2pnm for JPEG-LS.

    It cuts what we round, so that windowed pictures are asked for in 16 bits, of which we round off 8.
    """
    program = "dcml2pnm" if dataset.file_meta.get("TransferSyntaxUID") in JPEG_LS else "dcmj2pnm"
    deep = picture.window is not None or picture.shown == "VOI LUT"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "picture.png"
        options = ["--frame", str(frame + 1), "--no-overlays", *_voi(picture)]
        options.append("--write-16-bit-png" if deep else "--write-png")
        done = subprocess.run([program, *options, str(path), str(out)], capture_output=True, text=True, check=False)
        if done.returncode or not out.exists():
            two_thousand = "unencapsulated representation" in done.stderr
            raise Unable("no JPEG 2000" if two_thousand else "not read")
        found = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert found is not None
    found = found[..., ::-1] if found.ndim == 3 else found
    return np.rint(found / 257.0).astype(np.uint8) if deep else np.asarray(found)


def _voi(picture: DicomPicture) -> list[str]:
    window = picture.window
    if picture.shown == "VOI LUT":
        return ["--use-voi-lut", "1"]
    if window is None:
        return ["--no-windowing"]
    wider = window.function == "LINEAR_EXACT"  # which this version doesn't know
    function = "--sigmoid-function" if window.function == "SIGMOID" else "--linear-function"
    return [function, "--set-window", str(window.center + 0.5 * wider), str(window.width + wider)]


def itk(path: Path, dataset: Any, frame: int, picture: DicomPicture) -> Pixels:
    """By SimpleITK, which gives values in the modality's units: windowed by its own filters."""
    if picture.shown == "VOI LUT":
        raise Unable("no VOI LUT")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        raise Unable("not read") from None
    if image.GetDimension() == 3:
        image = image[:, :, frame]
    array = np.asarray(sitk.GetArrayFromImage(image))
    if array.ndim == 3:  # deep colour stays deep
        return (array >> (8 * array.dtype.itemsize - 8)).astype(np.uint8)
    if picture.window is None:
        return array if array.dtype == np.uint8 else array.astype(np.uint8)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # GDCM turns stored values, before it rescales them
        slope, inter = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        image = slope * ((1 << int(dataset.BitsStored)) - 1) + 2 * inter - sitk.Cast(image, sitk.sitkFloat64)
    array = np.rint(sitk.GetArrayFromImage(_windowed(image, picture.window))).astype(np.uint8)
    return 255 - array if picture.inverted else array


def _windowed(image: sitk.Image, window: Window) -> sitk.Image:
    real = sitk.Cast(image, sitk.sitkFloat64)
    if window.function == "SIGMOID":
        return sitk.Sigmoid(real, alpha=window.width / 4, beta=window.center, outputMaximum=255, outputMinimum=0)
    shrink = window.function == "LINEAR"
    center, width = window.center - 0.5 * shrink, window.width - shrink
    return sitk.IntensityWindowing(real, center - width / 2, center + width / 2, 0, 255)


def version() -> str:
    """dcmtk's."""
    told = subprocess.run(["dcmj2pnm", "--version"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"dcmj2pnm v(\S+)", told)[0]


def files_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, with its path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(folder).as_posix()
