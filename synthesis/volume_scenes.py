"""A volume becomes Scenes: named slices in radiological display, with sections of its 3D structures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import components
from medloom.converters.pixels.picture import from_array
from medloom.converters.pixels.volume import (
    PlaneGeometry,
    Volume,
    label_map_of,
    plane_axis,
    read_nifti,
    require_same_grid,
    slice_plane,
)
from medloom.converters.pixels.window import Window, apply_window, choose_window
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Fact
from medloom.schemas.sample import Media, Region
from medloom.schemas.view import Derivation, Plane
from medloom.synthesis.facts import region_fact
from medloom.synthesis.picture_scene import Canvas, instance_of, stored_to_patient
from medloom.synthesis.scene import Instance, Point, Scene, WholeVolume
from medloom.synthesis.scenes import Made, Stage, refusal, view_of
from medloom.synthesis.slices import choose_slices
from medloom.synthesis.structures import Structure, crops_of_values, structures_of


@dataclass(frozen=True)
class Scan:
    """A volume that was read, with what its masks show; `lost` are the source names of which a mask was refused."""

    media: Media
    sha256: str
    volume: Volume
    window: Window
    structures: list[Structure]
    lost: frozenset[str]
    landmarks: list[tuple[str, Fact, tuple[float, float, float]]]
    mask_pointer: str | None


def volume_scenes(media: Media, stage: Stage, made: Made) -> Iterator[Scene]:
    """Scenes of the slices that the catalog's policy names. Raises BadInput where the volume can't be read."""
    scan = _read(media, stage, made)
    for plane, index in choose_slices(scan.volume, scan.structures, stage.origin.views, stage.origin.vocabulary):
        yield _scene(scan, plane, index, stage, made)


def _read(media: Media, stage: Stage, made: Made) -> Scan:
    origin = stage.origin
    volume = read_nifti(origin.path(media.files[0]), media.frame)
    acquisition = stage.acquisition
    preset = origin.preset
    window = choose_window(acquisition.modality, acquisition.body_part, acquisition.window, preset, volume.data)
    lost: set[str] = set()
    masks = list(_masks(media, volume, stage, made, lost))
    rule = origin.card.min_area
    structures = structures_of(
        masks, volume.data.shape, volume.voxel_mm3, rule, 26 if origin.card.connectivity == "full" else 6
    )
    pointer = next((region.pointer for region in stage.sample.regions if region.media == media.key), None)
    return Scan(
        media=media,
        sha256=origin.marks[media.files[0]].sha256,
        volume=volume,
        window=window,
        structures=structures,
        lost=frozenset(lost),
        landmarks=list(_landmarks(media, volume, stage, made)),
        mask_pointer=pointer,
    )


def _masks(
    media: Media, volume: Volume, stage: Stage, made: Made, lost: set[str]
) -> Iterator[tuple[str, Fact, NDArray[np.bool_], tuple[slice, slice, slice]]]:
    for region in stage.sample.regions:
        if region.media != media.key:
            continue
        try:
            yield from _of_region(region, volume, stage)
        except BadInput as bad:
            lost.update([region.name] if region.name is not None else [name.name for name in region.names])
            made.refused.append(refusal(stage.sample, bad, region.file))


def _of_region(
    region: Region, volume: Volume, stage: Stage
) -> Iterator[tuple[str, Fact, NDArray[np.bool_], tuple[slice, slice, slice]]]:
    if region.file is None or region.kind not in ("mask", "label_map"):
        raise BadInput("region_not_for_volume", f"a {region.kind} can't mark a volume", region.file)
    labels = _grid(region.file, volume, stage)
    if region.kind == "mask":
        assert region.name is not None
        named = {1: region.name} if region.value is None else {region.value: region.name}
        labels = (labels != 0).astype(np.uint8) if region.value is None else labels
    else:
        named = {name.value: name.name for name in region.names if name.value is not None}
        _refuse_unnamed(labels, named, region.file)
    wanted = {value: concept for value, name in named.items() if (concept := stage.naming.concept(name)) is not None}
    for value, (mask, where) in crops_of_values(labels, wanted).items():
        pointer = region.pointer if region.kind == "mask" else f"{region.pointer};value={value}"
        yield wanted[value], region_fact(wanted[value], region.file, pointer, named[value]), mask, where


def _grid(file: str, volume: Volume, stage: Stage) -> NDArray[np.integer]:
    """The label map's integers on the volume's own grid. Raises BadInput where it lies on another."""
    labels = read_nifti(stage.origin.path(file))
    try:
        require_same_grid(volume, labels)
    except BadInput as bad:
        raise BadInput(bad.reason, bad.detail, file) from bad
    return label_map_of(labels)


def _refuse_unnamed(labels: NDArray[np.integer], named: dict[int, str], file: str) -> None:
    values = {int(value) for value in np.unique(labels)} - {0} - set(named)
    if values:
        raise BadInput("unnamed_value", f"values {sorted(values)} have no name in the card's label map", file)


def _landmarks(
    media: Media, volume: Volume, stage: Stage, made: Made
) -> Iterator[tuple[str, Fact, tuple[float, float, float]]]:
    for mapped in stage.sample.landmark_maps:
        if mapped.media != media.key:
            continue
        try:
            labels = _grid(mapped.file, volume, stage)
        except BadInput as bad:
            made.refused.append(refusal(stage.sample, bad, mapped.file))
            continue
        named = {name.value: name.name for name in mapped.names}
        voxels = np.argwhere(labels != 0)
        seen = [int(labels[tuple(voxel)]) for voxel in voxels]
        for voxel, value in zip(voxels, seen, strict=True):
            concept = stage.naming.concept(named[value]) if value in named else None
            if concept is None or seen.count(value) > 1:
                continue  # a value on several voxels is a blob, not a point
            fact = region_fact(concept, mapped.file, f"{mapped.file}#value={value}", named[value])
            i, j, k = (float(edge) for edge in voxel)
            yield concept, msgspec.structs.replace(fact, predicate="landmark"), (i, j, k)


def _scene(scan: Scan, plane: Plane, index: int, stage: Stage, made: Made) -> Scene:
    pixels, geometry = slice_plane(scan.volume.data, scan.volume.affine, plane, index)
    prepared = from_array(
        apply_window(pixels, scan.window.center, scan.window.width, scan.window.function), stage.origin.pictures
    )
    spacing = geometry.spacing_mm if scan.volume.has_spacing else None
    placed = scan.volume.oriented
    derivation = Derivation(
        plane=plane if placed else None,
        slice_index=index,
        frame=scan.media.frame,
        window=(scan.window.center, scan.window.width),
        window_how=scan.window.how,
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        reencoded=prepared.format,
    )
    view = view_of(
        stage,
        scan.media,
        prepared,
        scan.sha256,
        derivation,
        None if spacing is None else (spacing[0] / prepared.scale_y, spacing[1] / prepared.scale_x),
        geometry.orientation if placed else None,
        stored_to_patient(geometry.to_patient, prepared) if placed and spacing is not None else None,
    )
    made.pictures[prepared.sha256] = prepared.data
    canvas = Canvas.of(prepared, spacing)
    complete = stage.naming.all_of(name for name in stage.sample.complete_regions if name not in scan.lost)
    instances = [one for structure in scan.structures for one in _sections(structure, scan, plane, index, canvas, stage)]
    pointer = scan.mask_pointer
    return Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        labels=stage.labels,
        judged=stage.judged,
        instances=tuple(sorted(instances, key=lambda one: (one.box[1], one.box[0], one.concept, one.box))),
        complete=complete if pointer else frozenset(),
        points=tuple(_points(scan, geometry, canvas)),
        volumes=tuple(_volumes(scan.structures)),
        region_fact=None if pointer is None else region_fact("", pointer.split("#", 1)[0], pointer, None, "absent"),
    )


def _sections(
    structure: Structure, scan: Scan, plane: Plane, index: int, canvas: Canvas, stage: Stage
) -> Iterator[Instance]:
    """The 2D components of a structure in one slice, each told which 3D component it is a section of."""
    axis, native = plane_axis(scan.volume.affine, scan.volume.data.shape, plane, index)
    where = structure.where[axis]
    if not where.start <= native < where.stop:
        return
    cut, _ = slice_plane(structure.whole(), scan.volume.affine, plane, index)
    areas = structure.areas(axis)
    rule = stage.origin.card.min_area
    for number in (int(value) for value in np.unique(cut) if value):
        largest = int(areas[number - 1].argmax()) == native
        volume = None if structure.voxel_mm3 is None else float(structure.sizes[number - 1] * structure.voxel_mm3)
        parts = components(cut == number, 8 if stage.origin.card.connectivity == "full" else 4, rule.px)
        for part in parts:
            if canvas.spacing_mm and part.area_px * canvas.spacing_mm[0] * canvas.spacing_mm[1] < rule.mm2:
                continue
            pointer = f"{structure.fact.pointer};component={number};slice={plane}:{index}"
            fact = msgspec.structs.replace(structure.fact, pointer=pointer)
            corner = (int(part.box[0]), int(part.box[1]))
            made = instance_of(part.mask, corner, structure.concept, fact, canvas)
            if made is not None:
                yield _of_component(made, number, largest and len(parts) == 1, volume)


def _of_component(instance: Instance, number: int, largest: bool, mm3: float | None) -> Instance:
    from dataclasses import replace

    return replace(instance, component=number, largest_section=largest, volume_mm3=mm3)


def _volumes(structures: Iterable[Structure]) -> Iterator[WholeVolume]:
    for structure in structures:
        if structure.voxel_mm3 is not None:
            yield WholeVolume(structure.concept, float(structure.sizes.sum() * structure.voxel_mm3), structure.fact)


def _points(scan: Scan, geometry: PlaneGeometry, canvas: Canvas) -> Iterator[Point]:
    """Landmarks whose voxel lies in this slice, in stored pixels."""
    if not scan.volume.oriented:
        return
    step = np.asarray(geometry.to_patient, dtype=np.float64)
    for concept, fact, voxel in scan.landmarks:
        patient = scan.volume.affine @ np.array([*voxel, 1.0])
        solved, *_ = np.linalg.lstsq(step[:, :2], patient[:3] - step[:, 2], rcond=None)
        if np.linalg.norm(step[:, :2] @ solved + step[:, 2] - patient[:3]) > 1e-3:
            continue
        x, y = (solved + 0.5) * np.array(canvas.scale)
        ras = (float(patient[0]), float(patient[1]), float(patient[2]))
        yield Point(concept, (float(x), float(y)), fact, ras)
