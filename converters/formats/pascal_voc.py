"""Pascal VOC: an XML file of boxes for each picture (http://host.robots.ox.ac.uk/pascal/VOC/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from xml.etree.ElementTree import ParseError

from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.checked_box import checked_box, once, to_xyxy
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.picture_size import size_to_check
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class Params(base.Params):
    """`annotations` and `pictures` are folders below the root; `name_from` says whether the picture is the one that
    the XML names or the one that is called as the XML is. `missing` says what a picture without XML is: an input that
    can't be used, one that nobody marked, or one in which there is nothing to mark.

    `one_based`: corners count from 1 and name the last pixel inside, as VOC defines them; else they count from 0 and
    are half-open. `tolerance` is how far, in pixels, a box may leave its picture and be clipped instead of refused.
    """

    annotations: str = "Annotations"
    pictures: str = "JPEGImages"
    name_from: Literal["content", "file"] = "content"
    missing: Literal["refuse", "unmarked", "none"] = "refuse"
    one_based: bool = True
    tolerance: float = Field(default=1.0, ge=0)


class PascalVoc(Converter):
    """Annotations/*.xml beside JPEGImages/. The key is the XML's path below its folder, without the suffix.

    A box that can't be used is a Refusal of its own (``key#object=n``, from 0); its picture stays, without a claim
    that its name is complete. Corners that are the same as written are a click, not a box: ``box_degenerate``.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.annotations, (".xml",))
            split = PublishedSplit(root, card)
            pictures = list(files_under(root, params.pictures, RASTERS))
        except BadInput as bad:
            yield refused(bad.file or ".", bad)
            return
        by_stem: dict[str, str] = {}
        for picture in pictures:
            by_stem.setdefault(str(PurePosixPath(picture).relative_to(params.pictures or ".").with_suffix("")), picture)
        used: set[str] = set()
        for file in files:
            key = str(PurePosixPath(file).relative_to(params.annotations or ".").with_suffix(""))
            try:
                content = _parse(inside(root, file))
                path = by_stem.get(key, "") if params.name_from == "file" else _named(content, key, params, by_stem)
                if not path:
                    raise BadInput("missing_file", f"no picture is called {key!r}", file)
                inside(root, path)
                if path in used:
                    raise BadInput("duplicate_key", f"another XML speaks of {path!r}", file)
                used.add(path)
                patient, published = card.patient_of(key, path), split.of(key, path)
            except BadInput as bad:
                yield refused(key, bad, file)
                used.add(by_stem.get(key, ""))  # its annotation is lost, which is not to say that there is none
                continue
            size = _size(content)
            near = size or size_to_check(root, path)
            regions: list[Region] = []
            seen: set[Region] = set()
            lost: set[str] = set()
            for number, entry in enumerate(content.iterfind("object")):
                name = (entry.findtext("name") or "").strip()
                try:
                    regions.append(once(_region(entry, name, near, f"{file}#object={number}", params), seen))
                except BadInput as bad:
                    if bad.reason != "duplicate_region":
                        lost.add(name)
                    yield refused(f"{key}#object={number}", bad, file, part=True)
            yield Sample(
                key=key,
                patient=patient,
                split=published,
                media=(Media(files=(path,), size=size),),
                regions=tuple(regions),
                complete_regions=() if "" in lost else complete_regions(card, None, lost),
            )
        for picture in pictures:
            if picture not in used:
                yield _without_xml(picture, card, params, split)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("boxes",))


def _without_xml(picture: str, card: SourceCard, params: Params, split: PublishedSplit) -> Sample | Refusal:
    key = str(PurePosixPath(picture).relative_to(params.pictures or ".").with_suffix(""))
    try:
        if params.missing == "refuse":
            raise BadInput("missing_annotation", "no XML speaks of this picture", picture)
        return Sample(
            key=key,
            patient=card.patient_of(key, picture),
            split=split.of(key, picture),
            media=(Media(files=(picture,)),),
            complete_regions=complete_regions(card) if params.missing == "none" else (),
        )
    except BadInput as bad:
        return refused(key, bad, picture)


def _parse(path: Path) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse

    try:
        content: Element | None = parse(path).getroot()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadInput("not_xml", f"{type(error).__name__}: {error}") from None
    if content is None or content.tag != "annotation":
        raise BadInput("not_voc", "the XML has no <annotation> at its root")
    return content


def _named(content: Element, key: str, params: Params, by_stem: dict[str, str]) -> str:
    """The picture that the XML names: in the folder that matches its own, or else directly in `pictures`."""
    name = (content.findtext("filename") or "").strip()
    if not name:
        raise BadInput("not_voc", "the XML names no <filename>")
    path = f"{params.pictures.strip('/')}/{name}" if params.pictures else name
    beside = str(PurePosixPath(key).parent / name)
    found = by_stem.get(str(PurePosixPath(beside).with_suffix("")), "")
    if PurePosixPath(found).name == name or (found and not PurePosixPath(name).suffix):
        return found
    return path if PurePosixPath(name).suffix else by_stem.get(name, path)


def _size(content: Element) -> tuple[int, int] | None:
    try:
        width, height = (int(content.findtext(f"size/{side}") or "") for side in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _region(entry: Element, name: str, size: tuple[int, int] | None, pointer: str, params: Params) -> Region:
    if not name:
        raise BadInput("bad_annotation", "the object has no name")
    try:
        x0, y0, x1, y1 = (float(entry.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise BadInput("bad_annotation", "the object has no four corners") from None
    if x0 == x1 or y0 == y1:
        raise BadInput("box_degenerate", f"corners ({x0:g}, {y0:g}) and ({x1:g}, {y1:g}) span nothing")
    shift = 1.0 if params.one_based else 0.0
    corners = to_xyxy((x0 - shift, y0 - shift, x1 - shift, y1 - shift), "xyxy", inclusive=params.one_based)
    box = checked_box(corners, size, params.tolerance)
    return Region(kind="box", pointer=pointer, name=name, box=box, instance=True)
