"""A slide becomes Scenes: the tiles with most tissue, of the level that the catalog's policy names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medloom.converters.identity.dicom_profile import DECLARED
from medloom.converters.pixels.header import has_preamble
from medloom.converters.pixels.picture import from_array
from medloom.converters.pixels.tiff_file import is_tiff
from medloom.converters.pixels.tiles import Pyramid, Tile, choose_tiles
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media
from medloom.schemas.view import Derivation
from medloom.synthesis.burned_in import without_text
from medloom.synthesis.scene import Scene
from medloom.synthesis.scenes import Made, Stage, refusal, view_of


def slide_scenes(media: Media, stage: Stage, made: Made) -> Iterator[Scene]:
    """Scenes of a slide's tiles. A view's `crop` is in pixels of the largest level, its spacing mm of the specimen.

    Regions that were drawn on the slide are refused: tiles don't carry them yet. Raises BadInput where the slide
    can't be read.
    """
    slide = open_slide(media, [stage.origin.path(file) for file in media.files])
    for region in stage.sample.regions:
        if region.media == media.key:
            told = BadInput("region_not_for_slide", f"a {region.kind} can't mark a slide", region.file)
            made.refused.append(refusal(stage.sample, told, region.file, part=True))
    for tile in choose_tiles(slide, stage.origin.views.tiles):
        yield _scene(slide, tile, media, stage, made)


def open_slide(media: Media, paths: list[Path]) -> Pyramid:
    """The pyramid in these files: DICOM slide microscopy, one file for each level, or one TIFF.

    Raises BadInput ``unsupported_slide``, and what the readers raise.
    """
    with paths[0].open("rb") as handle:
        head = handle.read(132)
    if has_preamble(head):
        from medloom.converters.pixels.dicom_slide import DicomSlide

        return DicomSlide(paths)
    if is_tiff(head):
        from medloom.converters.pixels.tiff_slide import TiffSlide

        return TiffSlide(paths[0], media.member, media.frame)
    raise BadInput("unsupported_slide", f"{media.files[0]} is neither a DICOM slide nor a TIFF", media.files[0])


def _scene(slide: Pyramid, tile: Tile, media: Media, stage: Stage, made: Made) -> Scene:
    level = slide.levels[tile.level]
    prepared = from_array(np.ascontiguousarray(slide.read(tile.level, tile.box)), stage.origin.pictures)
    base = slide.levels[0]
    across, down = level.width / base.width * prepared.scale_x, level.height / base.height * prepared.scale_y
    spacing = None
    if level.microns is not None:
        spacing = level.microns[1] / 1000 / prepared.scale_y, level.microns[0] / 1000 / prepared.scale_x
    derivation = Derivation(
        member=media.member,
        scale=None if across == down == 1 else (across, down),
        crop=tile.on_base(slide.levels),
        reencoded=prepared.format,
    )
    sha256 = stage.origin.marks[media.files[0]].sha256
    view = view_of(stage, media, prepared, sha256, derivation, spacing, None, None)
    if DECLARED in (*slide.notes, *stage.sample.notes):  # a slide's SOP class begins as those of captures do
        prepared, view = without_text(prepared, view, stage, made, dicom=True, notes=slide.notes)
    made.pictures[prepared.sha256] = prepared.data
    return Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        labels=stage.labels,
        judged=stage.judged,
        labels_of_patient=stage.origin.card.labels_of == "patient",
    )
