"""A picture file becomes one Scene: stored bytes, and its regions as instances in stored pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.header import probe
from medloom.converters.pixels.mask import (
    binary,
    bounding_box,
    colour_mask,
    components,
    polygon_to_mask,
    rle_decode,
    rle_encode,
)
from medloom.converters.pixels.measure import centroid
from medloom.converters.pixels.picture import Prepared, from_array, prepare
from medloom.converters.pixels.raster import decode, decode_indices
from medloom.converters.pixels.resize import resize_mask
from medloom.converters.pixels.window import Window
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Fact
from medloom.schemas.sample import Media, Region
from medloom.schemas.view import Derivation, View
from medloom.synthesis.facts import region_fact
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.scenes import Made, Stage, refusal, view_of

DICOM_SUFFIXES = ("", ".dcm", ".dicom", ".dic", ".ima")
Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Canvas:
    """The grid that regions are drawn on: native displayed size, and stored pixels per native pixel."""

    width: int
    height: int
    stored: tuple[int, int]
    scale: tuple[float, float]
    spacing_mm: tuple[float, float] | None
    orientation: int = 1

    @classmethod
    def of(cls, prepared: Prepared, spacing_mm: tuple[float, float] | None, orientation: int = 1) -> Canvas:
        return cls(
            prepared.native_width,
            prepared.native_height,
            (prepared.width, prepared.height),
            (prepared.scale_x, prepared.scale_y),
            spacing_mm,
            orientation,
        )


def picture_scene(media: Media, stage: Stage, made: Made) -> Scene:
    """The Scene of a 2D file. Raises BadInput where the picture itself can't be used; bad regions are refused alone."""
    data = stage.origin.read(media.files[0])
    sha256 = stage.origin.marks[media.files[0]].sha256
    if _is_dicom(data, media.files[0]):
        prepared, view, orientation = _from_dicom(data, sha256, media, stage)
    else:
        prepared, view, orientation = _from_raster(data, sha256, media, stage)
    if not view.passthrough:
        made.pictures[prepared.sha256] = prepared.data
    native_mm = _unscaled(view.spacing_mm, prepared)
    canvas = Canvas.of(prepared, native_mm, orientation)
    instances, lost = _instances(media, stage, made, canvas)
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


def _is_dicom(data: bytes, file: str) -> bool:
    """By the preamble; a file without one only where its name and its first bytes are no picture's."""
    if data[128:132] == b"DICM":
        return True
    if PurePosixPath(file).suffix.lower() not in DICOM_SUFFIXES:
        return False
    try:
        probe(data)
    except BadInput as bad:
        return bad.reason == "not_a_picture"
    return False


def _from_raster(data: bytes, sha256: str, media: Media, stage: Stage) -> tuple[Prepared, View, int]:
    stated = stage.acquisition.window
    window = None if stated is None else Window(*stated, how="stated")
    prepared = prepare(data, stage.origin.pictures, window, sha256)
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
    return (
        prepared,
        view_of(stage, media, prepared, sha256, derivation, spacing, stage.acquisition.orientation, None),
        orientation,
    )


def _from_dicom(data: bytes, sha256: str, media: Media, stage: Stage) -> tuple[Prepared, View, int]:
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
    return prepared, view, 1


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


def _instances(media: Media, stage: Stage, made: Made, canvas: Canvas) -> tuple[tuple[Instance, ...], set[str]]:
    """Instances in reading order, and the source names of which a region was lost."""
    found: list[Instance] = []
    lost: set[str] = set()
    ambiguous = canvas.orientation != 1 and (media.size is None or media.size[0] == media.size[1])
    for region in stage.sample.regions:
        if region.media != media.key:
            continue
        names = [name.name for name in region.names] if region.name is None else [region.name]
        if region.name is not None and stage.naming.concept(region.name) is None:
            continue
        try:
            if ambiguous:
                raise BadInput("ambiguous_orientation", f"EXIF orientation {canvas.orientation} and no stated size")
            found.extend(_of_region(region, media, stage, canvas))
        except BadInput as bad:
            lost.update(names)
            made.refused.append(refusal(stage.sample, bad, region.file or region.pointer.split("#", 1)[0], part=True))
    return tuple(sorted(found, key=lambda one: (one.box[1], one.box[0], one.concept, one.box))), lost


def _of_region(region: Region, media: Media, stage: Stage, canvas: Canvas) -> list[Instance]:
    if region.kind == "box":
        assert region.box is not None and region.name is not None
        concept = stage.naming.concept(region.name)
        assert concept is not None
        fact = region_fact(concept, region.pointer.split("#", 1)[0], region.pointer, region.name)
        return [_box_instance(_upright(region.box, media, canvas), concept, fact, canvas)]
    rule = stage.origin.card.min_area
    connectivity = 8 if stage.origin.card.connectivity == "full" else 4
    make = partial(
        _mask_instances,
        canvas=canvas,
        rule_px=rule.px,
        rule_mm2=rule.mm2,
        connectivity=connectivity,
        objects=stage.origin.card.components == "objects",
    )
    found: list[Instance] = []
    for name, mask, detail in _masks(region, stage, canvas):
        concept = stage.naming.concept(name)
        if concept is None:
            continue
        pointer = f"{region.pointer}{detail}"
        fact = region_fact(concept, region.file or region.pointer.split("#", 1)[0], pointer, name)
        found.extend(make(mask, concept, fact, whole=region.instance))
    return found


def _masks(region: Region, stage: Stage, canvas: Canvas) -> list[tuple[str, Mask, str]]:
    """(source name, native H×W mask, pointer detail) of everything that a mask region shows."""
    height, width = canvas.height, canvas.width
    if region.kind == "polygon":
        assert region.polygons is not None and region.name is not None
        return [(region.name, polygon_to_mask(region.polygons, height, width), "")]
    if region.kind == "rle":
        assert region.rle is not None and region.name is not None
        if region.rle.size != (height, width):
            raise BadInput("grid_mismatch", f"RLE of {region.rle.size}, picture of {(height, width)} (height, width)")
        return [(region.name, rle_decode(region.rle), "")]
    assert region.file is not None
    data = stage.origin.read(region.file)
    pixels = decode(data) if region.kind == "colour_mask" else decode_indices(data)
    if pixels.shape[:2] != (height, width):
        raise BadInput("grid_mismatch", f"mask of {pixels.shape[:2]}, picture of {(height, width)}", region.file)
    if region.kind == "mask":
        assert region.name is not None
        grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        return [(region.name, binary(grey, value=region.value), "")]
    if region.kind == "colour_mask":
        rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        return [
            (name.name, colour_mask(rgb, [name.colour]), f";colour={name.colour}")
            for name in region.names
            if name.colour is not None
        ]
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
    return [(name.name, grey == name.value, f";value={name.value}") for name in region.names if name.value]


def _upright(box: Box, media: Media, canvas: Canvas) -> Box:
    """The box in displayed pixels: turned with the picture where it was drawn on the file's raw pixels."""
    shown = (canvas.width, canvas.height)
    if canvas.orientation < 5 or media.size is None or media.size == shown:
        return box
    raw_width, raw_height = canvas.height, canvas.width
    x0, y0, x1, y1 = box
    flip_x, flip_y = canvas.orientation in (6, 7), canvas.orientation in (7, 8)
    across = (raw_height - y1, raw_height - y0) if flip_x else (y0, y1)
    down = (raw_width - x1, raw_width - x0) if flip_y else (x0, x1)
    return across[0], down[0], across[1], down[1]


def _box_instance(box: Box, concept: str, fact: Fact, canvas: Canvas) -> Instance:
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        raise BadInput("box_degenerate", f"{concept} box {box}")
    if x0 < 0 or y0 < 0 or x1 > canvas.width or y1 > canvas.height:
        raise BadInput("box_outside", f"{concept} box {box} in a picture of {canvas.width}×{canvas.height}")
    sx, sy = canvas.scale
    scaled = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
    area = (x1 - x0) * (y1 - y0) / (canvas.width * canvas.height)
    return Instance(
        concept=concept,
        box=scaled,
        centroid=((scaled[0] + scaled[2]) / 2, (scaled[1] + scaled[3]) / 2),
        area_fraction=area,
        fact=fact,
    )


def _mask_instances(
    mask: Mask,
    concept: str,
    fact: Fact,
    *,
    canvas: Canvas,
    rule_px: int,
    rule_mm2: float,
    connectivity: int,
    whole: bool,
    objects: bool,
) -> list[Instance]:
    """Instances of one mask: the mask itself where it is one object, else its components above the area rule."""
    import msgspec

    if not mask.any():
        return []
    pixel_mm2 = None if canvas.spacing_mm is None else canvas.spacing_mm[0] * canvas.spacing_mm[1]
    parts: list[tuple[Mask, tuple[int, int]]] = []
    if whole:
        box = bounding_box(mask)
        assert box is not None
        x0, y0, x1, y1 = (int(edge) for edge in box)
        parts.append((mask[y0:y1, x0:x1], (x0, y0)))
    else:
        parts.extend(
            (part.mask, (int(part.box[0]), int(part.box[1]))) for part in components(mask, connectivity, rule_px)
        )
    found = []
    for number, (part, corner) in enumerate(parts):
        if pixel_mm2 is not None and part.sum() * pixel_mm2 < rule_mm2:
            continue
        numbered = fact if whole else msgspec.structs.replace(fact, pointer=f"{fact.pointer};component={number}")
        made = instance_of(part, corner, concept, numbered, canvas)
        if made is not None:
            found.append(replace(made, whole_object=whole or objects))
    return found


def instance_of(part: Mask, corner: tuple[int, int], concept: str, fact: Fact, canvas: Canvas) -> Instance | None:
    """The Instance of a native mask crop whose top-left pixel is `corner`; None where resizing leaves no pixel."""
    height, width = part.shape
    x0, y0 = corner
    stored = np.zeros((canvas.height, canvas.width), np.uint8, order="F")  # the order that run-length encoding reads
    stored[y0 : y0 + height, x0 : x0 + width] = part
    if canvas.scale != (1.0, 1.0):
        stored = resize_mask(stored, *canvas.stored)
    box = bounding_box(stored)
    if box is None:
        return None
    x, y = centroid(part)
    return Instance(
        concept=concept,
        box=box,
        centroid=((x + x0) * canvas.scale[0], (y + y0) * canvas.scale[1]),
        area_fraction=float(np.count_nonzero(part) / (canvas.width * canvas.height)),
        fact=fact,
        rle=rle_encode(stored),
        native_mask=part,
        native_spacing_mm=canvas.spacing_mm,
    )
