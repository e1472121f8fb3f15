"""A picture file becomes one Scene: stored bytes, and its regions as instances in stored pixels."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.header import has_preamble, probe
from medloom.converters.pixels.picture import Prepared, from_array, prepare
from medloom.converters.pixels.window import Window
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media
from medloom.schemas.view import Derivation, View
from medloom.synthesis.acquired import FRONTAL, plain
from medloom.synthesis.burned_in import uncovered, without_text
from medloom.synthesis.facts import region_fact
from medloom.synthesis.picture_regions import Canvas, instances_of
from medloom.synthesis.scene import Scene
from medloom.synthesis.scenes import Made, Stage, view_of

DICOM_SUFFIXES = ("", ".dcm", ".dicom", ".dic", ".ima")


def picture_scene(media: Media, stage: Stage, made: Made) -> Scene:
    """The Scene of a 2D file. Raises BadInput where the picture itself can't be used; bad regions are refused alone."""
    prepared, view, orientation, notes = _shown(media, stage)
    prepared, view = without_text(prepared, view, stage, made, notes is not None, notes or ())
    if not view.passthrough or stage.origin.deidentifier.conceals:
        made.pictures[prepared.sha256] = prepared.data
    native_mm = _unscaled(view.spacing_mm, prepared)
    canvas = Canvas.of(prepared, native_mm, orientation)
    instances, lost = instances_of(media, stage, made, canvas)
    instances = uncovered(instances, view, stage, made, lost)
    complete = stage.naming.all_of(name for name in stage.sample.complete_regions if name not in lost)
    pointer = next((region.pointer for region in stage.sample.regions), f"{media.files[0]}#regions")
    return Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        labels=stage.labels,
        judged=stage.judged,
        instances=instances,
        complete=complete,
        labels_of_patient=stage.origin.card.labels_of == "patient",
        region_fact=region_fact("", pointer.split("#", 1)[0], pointer, None, "absent") if complete else None,
    )


def _shown(media: Media, stage: Stage) -> tuple[Prepared, View, int, tuple[str, ...] | None]:
    """The stored picture, its view, the EXIF orientation that was applied, and the notes of its DICOM file, if any."""
    if media.member is not None or media.crop is not None:
        from medloom.synthesis.array_scene import array_picture

        return *array_picture(media, stage), None
    file = media.files[0]
    prepared = stage.origin.ready(file)
    if prepared is None:
        data = stage.origin.read(file)
        sha256 = stage.origin.marks[file].sha256
        if _is_dicom(data, file):
            return _from_dicom(data, sha256, media, stage)
        stated = stage.acquisition.window
        prepared = prepare(
            data, stage.origin.pictures, None if stated is None else Window(*stated, how="stated"), sha256
        )
    return *_from_raster(prepared, media, stage), None


def _is_dicom(data: bytes, file: str) -> bool:
    """By the preamble; a file without one only where its name and its first bytes are no picture's."""
    if has_preamble(data):
        return True
    if os.path.splitext(file)[1].lower() not in DICOM_SUFFIXES:  # noqa: PTH122 (a Path costs more)
        return False
    try:
        probe(data)
    except BadInput as bad:
        return bad.reason == "not_a_picture"
    return False


def _from_raster(prepared: Prepared, media: Media, stage: Stage) -> tuple[Prepared, View, int]:
    orientation = prepared.exif_orientation
    _check_stated_size(media, prepared, orientation)
    spacing = _scaled(stage.acquisition.spacing_mm, prepared)
    derivation = Derivation(
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        window=None if prepared.window is None else (prepared.window.center, prepared.window.width),
        window_how=None if prepared.window is None else prepared.window.how,
        stripped=prepared.stripped,
        reencoded=prepared.reencoded,
        frame=media.frame,
    )
    stated = _stated_orientation(stage, orientation)
    view = view_of(stage, media, prepared, prepared.source_sha256, derivation, spacing, stated, None)
    return prepared, view, orientation


def _stated_orientation(stage: Stage, exif_orientation: int) -> tuple[str, str] | None:
    """What the source states of the stored picture, else what its card states of frontal projections.

    What is stated of a file that is turned for display may mean the file or the display: then nothing is known.
    """
    known = stage.acquisition
    if known.orientation is not None:
        return known.orientation if exif_orientation == 1 else None
    frontal = known.view is None or plain(known.view) in FRONTAL
    if stage.origin.card.orientation == "radiological" and known.modality == "xray" and frontal:
        return "L", "I"
    return None


def _from_dicom(data: bytes, sha256: str, media: Media, stage: Stage) -> tuple[Prepared, View, int, tuple[str, ...]]:
    from medloom.converters.pixels.dicom import render

    array, picture = render(data, media.frame or 0, stage.origin.window or stage.origin.card.window)
    prepared = from_array(array, stage.origin.pictures)
    window = picture.window
    derivation = Derivation(
        frame=media.frame,
        window=None if window is None else (window.center, window.width),
        window_how=None if window is None else window.how,
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        reencoded=prepared.format,
    )
    matrix = picture.to_patient
    view = view_of(
        stage,
        media,
        prepared,
        sha256,
        derivation,
        _scaled(picture.spacing_mm, prepared),
        picture.orientation,
        None if matrix is None else stored_to_patient(matrix, prepared),
    )
    return prepared, view, 1, picture.notes


def stored_to_patient(matrix: NDArray[np.float64], prepared: Prepared) -> tuple[float, ...]:
    """A native-pixel → RAS mm matrix for stored pixels: pixel centres, so x' = (x + ½)/scale − ½."""
    sx, sy = prepared.scale_x, prepared.scale_y
    back = np.array([[1 / sx, 0, 0.5 / sx - 0.5], [0, 1 / sy, 0.5 / sy - 0.5], [0, 0, 1]])
    return tuple(float(value) for value in (np.asarray(matrix) @ back).ravel())


def _scaled(spacing: tuple[float, float] | None, prepared: Prepared) -> tuple[float, float] | None:
    return None if spacing is None else (spacing[0] / prepared.scale_y, spacing[1] / prepared.scale_x)


def _unscaled(spacing: tuple[float, float] | None, prepared: Prepared) -> tuple[float, float] | None:
    return None if spacing is None else (spacing[0] * prepared.scale_y, spacing[1] * prepared.scale_x)


def _check_stated_size(media: Media, prepared: Prepared, orientation: int) -> None:
    """Raises BadInput where the annotation was made on a picture of another size than this file's."""
    if media.size is None:
        return
    shown = (prepared.native_width, prepared.native_height)
    raw = (shown[1], shown[0]) if orientation >= 5 else shown
    if media.size not in (shown, raw):
        raise BadInput("size_mismatch", f"the annotation says {media.size}, the file is {shown}", media.files[0])
