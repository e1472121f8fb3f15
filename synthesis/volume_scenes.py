"""A volume becomes Scenes: named slices in radiological display, with sections of its 3D structures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import boxes3d_of_labels, components
from medloom.converters.pixels.picture import from_array
from medloom.converters.pixels.plane import PlaneGeometry, displayed, native_axes
from medloom.converters.pixels.volume import Volume
from medloom.converters.pixels.window import apply_window, choose_window
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Fact
from medloom.schemas.sample import MaskName, Media, Region
from medloom.schemas.view import Derivation, Plane
from medloom.synthesis.array_scene import array_labels, exact
from medloom.synthesis.burned_in import without_text
from medloom.synthesis.dicom_regions import dicom_regions
from medloom.synthesis.facts import region_fact
from medloom.synthesis.partial import Partial
from medloom.synthesis.picture_regions import Canvas, instance_of
from medloom.synthesis.scan import Scan
from medloom.synthesis.scene import Change, Instance, Point, Scene, WholeVolume
from medloom.synthesis.scenes import Made, Stage, refusal, view_of
from medloom.synthesis.slices import choose_slices
from medloom.synthesis.structures import Marked, Structure, crop_of, structures_of
from medloom.synthesis.volume_grid import beyond_mask, labels_on, same_grid_labels, shown_volume
from medloom.synthesis.whole_volume import keep_volume, montages


def volume_scenes(media: Media, stage: Stage, made: Made) -> Iterator[Scene]:
    """Scenes of the slices that the catalog's policy names. Raises BadInput where the volume can't be read."""
    if media.role is not None and stage.acquisition.sequence is None and stage.acquisition.modality == "mr":
        stage = replace(stage, acquisition=msgspec.structs.replace(stage.acquisition, sequence=media.role))
    scan = _read(media, stage, made)
    policy, vocabulary = stage.origin.views, stage.origin.vocabulary
    chosen = made.slices.get(media.onto or "")
    if chosen is None:
        chosen = choose_slices(scan.volume, [*scan.changes, *scan.structures], policy, vocabulary)
    made.slices[media.key] = chosen
    hidden = False
    for scene in montages(scan, chosen, stage, made) if policy.policy == "montage" else _scenes(scan, stage, made):
        hidden = hidden or bool(scene.view.derivation.masked)
        yield scene
    if policy.keep_whole:
        keep_volume(scan, hidden, stage, made)


def _scenes(scan: Scan, stage: Stage, made: Made) -> Iterator[Scene]:
    for plane, index in made.slices[scan.media.key]:
        yield _scene(scan, plane, index, stage, made)


def _read(media: Media, stage: Stage, made: Made) -> Scan:
    origin = stage.origin
    volume = shown_volume(media, stage)
    acquisition = stage.acquisition
    needed = None if acquisition.modality == "ct" else volume.values()
    stated = acquisition.window or volume.window
    window = choose_window(acquisition.modality, acquisition.body_part, stated, origin.preset, needed)
    if window.width <= 1:
        window = exact(window)
    lost: set[str] = set()
    own = [region for region in stage.sample.regions if region.media == media.key]
    partial, partial_changes = Partial(volume.shape), Partial(volume.shape)
    structures, changes = (
        structures_of(
            _masks([one for one in own if (one.since is not None) == later], volume, stage, made, lost, missing),
            volume.shape,
            _voxel_mm3(volume) if volume.spaced and not volume.flat else None,
            origin.card.min_area,
            26 if origin.card.connectivity == "full" else 6,
            missing,
        )
        for later, missing in ((False, partial), (True, partial_changes))
    )
    return Scan(
        media=media,
        sha256=origin.marks[media.files[0]].sha256,
        volume=volume,
        window=window,
        structures=structures,
        lost=frozenset(lost),
        landmarks=list(_landmarks(media, volume, stage, made)),
        mask_pointer=next((region.pointer for region in own if region.since is None), None),
        changes=changes,
        since=_since(own, stage, lost),
        proofs=dict(_proofs(own, stage)),
        partial=partial,
        partial_changes=partial_changes,
    )


def _proofs(own: list[Region], stage: Stage) -> Iterator[tuple[str, Fact]]:
    """The annotation of each concept that has a file of its own, for where it shows nothing."""
    for region in own:
        concept = None if region.name is None or region.since is not None else stage.naming.concept(region.name)
        if concept is not None:
            file = region.pointer.split("#", 1)[0]
            yield concept, region_fact(concept, file, region.pointer, region.name, "absent")


def _since(own: list[Region], stage: Stage, lost: set[str]) -> Change | None:
    """What the volume is compared with; everything that changed is marked where the card says that regions are."""
    marked = [region for region in own if region.since is not None and region.name not in (None, *lost)]
    if not marked or marked[0].since is None:
        return None
    facts = [
        region_fact(concept, region.pointer.split("#", 1)[0], region.pointer, region.name, "absent")
        for region in marked
        if region.name is not None and (concept := stage.naming.concept(region.name)) is not None
    ]
    return Change(marked[0].since, tuple(facts) if stage.origin.card.exhaustive.regions else ())


def _voxel_mm3(volume: Volume) -> float:
    return float(abs(np.linalg.det(volume.affine[:3, :3])))


def _masks(
    regions: list[Region], volume: Volume, stage: Stage, made: Made, lost: set[str], partial: Partial
) -> Iterator[Marked]:
    for region in regions:
        try:
            if region.kind in ("dicom_seg", "rtstruct"):
                yield from dicom_regions(region, volume, stage, made, lost)
            else:
                yield from _of_region(region, volume, stage)
                beyond = beyond_mask(region, volume, stage)
                for name in (region.name, *(name.name for name in region.names)) if beyond is not None else ():
                    if name is not None and (concept := stage.naming.concept(name)) is not None:
                        partial.add(concept, beyond or ())
        except BadInput as bad:
            lost.update([region.name] if region.name is not None else [name.name for name in region.names])
            made.refused.append(refusal(stage.sample, bad, region.file, part=True))


def _of_region(region: Region, volume: Volume, stage: Stage) -> Iterator[Marked]:
    if region.file is None or region.kind not in ("mask", "label_map"):
        raise BadInput("region_not_for_volume", f"a {region.kind} can't mark a volume", region.file)
    labels = labels_on(region, volume, stage) if region.member is None else array_labels(region, volume, stage.origin)
    if region.kind == "mask":
        assert region.name is not None
        named: tuple[MaskName, ...] = (MaskName(name=region.name, value=1 if region.value is None else region.value),)
        labels = (labels != 0).astype(np.uint8) if region.value is None else labels
    else:
        named = region.names
    boxes = boxes3d_of_labels(labels)
    if region.kind == "label_map":
        _refuse_unnamed(labels, set(boxes).difference(*(name.values for name in named)), region.file)
    for concept, name in _united(named, stage):
        crop = crop_of(labels, boxes, name.values)
        if crop is None:
            continue
        pointer = region.pointer if region.kind == "mask" else f"{region.pointer};{name.told}"
        yield Marked(concept, region_fact(concept, region.file, pointer, name.name), *crop, region.instance)


def _united(named: Iterable[MaskName], stage: Stage) -> list[tuple[str, MaskName]]:
    """Each concept with what marks it: values of one name are one mask, and so are all names of one finding, which are
    parts of it. Other names of one concept stay apart, as vertebrae do that touch.
    """
    found: dict[tuple[str, str | None], list[MaskName]] = {}
    for name in sorted(named, key=lambda name: name.values):
        concept = stage.naming.concept(name.name)
        if concept is not None:
            finding = stage.origin.vocabulary[concept].kind == "finding"
            found.setdefault((concept, None if finding else name.name), []).append(name)
    united = []
    for (concept, _), names in found.items():
        value, *also = sorted({value for name in names for value in name.values})
        told = ", ".join(dict.fromkeys(name.name for name in names))
        united.append((concept, MaskName(name=told, value=value, also=tuple(also))))
    return united


def _refuse_unnamed(labels: NDArray[Any], unnamed: set[int], file: str) -> None:
    """`unnamed` are the values above 0 without a name; below 0 none has one."""
    if labels.dtype.kind == "i" and labels.min() < 0:
        unnamed = unnamed | {int(value) for value in np.unique(labels[labels < 0])}
    if unnamed:
        raise BadInput("unnamed_value", f"values {sorted(unnamed)} have no name in the card's label map", file)


def _landmarks(
    media: Media, volume: Volume, stage: Stage, made: Made
) -> Iterator[tuple[str, Fact, tuple[float, float, float]]]:
    for mapped in stage.sample.landmark_maps:
        if mapped.media != media.key:
            continue
        try:
            labels = same_grid_labels(mapped.file, volume, stage)
        except BadInput as bad:
            made.refused.append(refusal(stage.sample, bad, mapped.file, part=True))
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
    pixels, geometry = scan.volume.slice(plane, index)
    prepared = from_array(
        apply_window(pixels, scan.window.center, scan.window.width, scan.window.function), stage.origin.pictures
    )
    spacing = geometry.spacing_mm if scan.volume.spaced else None
    placed = scan.volume.oriented
    stored = geometry.resized(prepared.width, prepared.height)
    derivation = Derivation(
        plane=plane if placed else None,
        slice_index=index,
        frame=scan.media.frame,
        member=scan.media.member,
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
        stored.spacing_mm if scan.volume.spaced else None,
        stored.orientation,
        stored.to_patient,
    )
    if scan.media.kind == "series":
        prepared, view = without_text(prepared, view, stage, made, dicom=True, notes=scan.volume.notes)
    made.pictures[prepared.sha256] = prepared.data
    canvas = Canvas.of(prepared, spacing)
    complete = stage.naming.all_of(name for name in stage.sample.complete_regions if name not in scan.lost)
    axis = native_axes(scan.volume.affine, plane)[0][0]
    unsure, unsure_changes = (
        set(partial.at(axis, geometry.native_index)) for partial in (scan.partial, scan.partial_changes)
    )
    instances, changes = (
        [one for structure in those for one in _sections(structure, scan, geometry, canvas, stage, missing)]
        for those, missing in ((scan.structures, unsure), (scan.changes, unsure_changes))
    )
    since = scan.since and replace(
        scan.since, judged=tuple(fact for fact in scan.since.judged if fact.concept not in unsure_changes)
    )
    pointer = scan.mask_pointer
    return Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        labels=stage.labels,
        judged=stage.judged,
        instances=in_reading_order(instances),
        changes=in_reading_order(changes),
        since=since,
        complete=complete - unsure if pointer else frozenset(),
        labels_of_patient=stage.origin.card.labels_of == "patient",
        points=tuple(_points(scan, geometry, canvas)),
        volumes=tuple(_volumes(scan.structures)),
        partial=scan.partial.concepts,
        proofs=scan.proofs,
        region_fact=None if pointer is None else region_fact("", pointer.split("#", 1)[0], pointer, None, "absent"),
    )


def in_reading_order(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    return tuple(sorted(instances, key=lambda one: (one.box[1], one.box[0], one.concept, one.box)))


def _sections(
    structure: Structure, scan: Scan, geometry: PlaneGeometry, canvas: Canvas, stage: Stage, unsure: set[str]
) -> Iterator[Instance]:
    """The 2D components of a structure in one slice, each told which 3D component it is a section of.

    Where one is cut into several, none of them is a whole object. A concept joins `unsure` where a component is cut but
    too small to be shown.
    """
    plane, index = geometry.plane, geometry.index
    axis = native_axes(scan.volume.affine, plane)[0][0]
    where = structure.where[axis]
    if not where.start <= geometry.native_index < where.stop:
        return
    cut, (left, top) = _displayed_cut(structure, scan, geometry, axis)
    areas = structure.areas(axis)
    rule = stage.origin.card.min_area
    objects = stage.origin.card.components == "objects"
    connectivity = 8 if stage.origin.card.connectivity == "full" else 4
    for number in (int(value) for value in np.flatnonzero(np.bincount(cut.ravel())) if value):
        largest = int(areas[number - 1].argmax()) == geometry.native_index
        volume = None if structure.voxel_mm3 is None else float(structure.sizes[number - 1] * structure.voxel_mm3)
        pointer = f"{structure.fact.pointer};component={number};slice={plane}:{index}"
        fact = msgspec.structs.replace(structure.fact, pointer=pointer)
        parts = [(cut == number, (0, 0))] if structure.instance else _parts(cut == number, connectivity, rule.px)
        shown = False
        for part, (x, y) in parts:
            area = np.count_nonzero(part)
            if canvas.spacing_mm and area * canvas.spacing_mm[0] * canvas.spacing_mm[1] < rule.mm2:
                continue
            made = instance_of(part, (left + x, top + y), structure.concept, fact, canvas)
            if made is not None:
                shown, alone = True, len(parts) == 1
                yield replace(
                    made, component=number, largest_section=largest and alone, volume_mm3=volume,
                    whole_object=alone and (objects or structure.instance),
                )  # fmt: skip
        if not shown:
            unsure.add(structure.concept)


def _parts(mask: NDArray[np.bool_], connectivity: int, px: int) -> list[tuple[NDArray[np.bool_], tuple[int, int]]]:
    """The connected parts of at least `px` pixels, each with its left and top."""
    return [(part.mask, (int(part.box[0]), int(part.box[1]))) for part in components(mask, connectivity, px)]


def _displayed_cut(
    structure: Structure, scan: Scan, geometry: PlaneGeometry, axis: int
) -> tuple[NDArray[Any], tuple[int, int]]:
    """The component numbers of a structure in one slice as it is displayed, cropped, and the crop's left and top."""
    affine, plane = scan.volume.affine, geometry.plane
    axes, flipped = native_axes(affine, plane)
    right, down = axes[1:]
    across, along = structure.where[right], structure.where[down]
    left = structure.shape[right] - across.stop if flipped[1] else across.start
    top = structure.shape[down] - along.stop if flipped[2] else along.start
    return displayed(structure.cut(axis, geometry.native_index), affine, plane), (left, top)


def _volumes(structures: Iterable[Structure]) -> Iterator[WholeVolume]:
    for structure in structures:
        if structure.voxel_mm3 is not None:
            yield WholeVolume(structure.concept, float(structure.sizes.sum() * structure.voxel_mm3), structure.fact)


def _points(scan: Scan, geometry: PlaneGeometry, canvas: Canvas) -> Iterator[Point]:
    """Landmarks whose voxel lies in this slice, in stored pixels."""
    axis = native_axes(scan.volume.affine, geometry.plane)[0][0]
    for concept, fact, voxel in scan.landmarks:
        if voxel[axis] != geometry.native_index:
            continue
        x, y = geometry.point_of(voxel)
        r, a, s = (float(value) for value in (scan.volume.affine @ np.array([*voxel, 1.0]))[:3])
        xy = (x * canvas.scale[0], y * canvas.scale[1])
        yield Point(concept, xy, fact, (r, a, s) if scan.volume.oriented else None)
