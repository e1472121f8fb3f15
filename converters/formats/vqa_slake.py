"""SLAKE (Liu et al., 2021): questions in English and Chinese, and a folder for each picture with boxes and mask.

``imgs/xmlab0/`` holds ``source.jpg``, ``detection.json`` (``[{"Liver": [x, y, width, height]}, ...]``) and
``mask.png``, whose values ``mask.txt`` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from medloom.converters.base import Feature
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.mask_rule import MaskFinder, MaskRule
from medloom.converters.formats.vqa_boxes import BoxFields, boxes_of
from medloom.converters.formats.vqa_params import Params as TableParams
from medloom.converters.formats.vqa_pointer import Fields
from medloom.converters.formats.vqa_reader import TableReader, boxed_size
from medloom.converters.formats.vqa_table import VqaTable
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal, Region, Sample

_NAMED = re.compile(
    r"\s*(?:(?P<value>\d+)\s*[:=,\t ]\s*(?P<name>\D.*?)|(?P<first>\D.*?)\s*[:=,\t ]\s*(?P<last>\d+))\s*"
)


class Params(TableParams):
    """Beside those of question files: the names of the files beside each picture; none where it is not to be read.

    `mask_names` is the file that names the mask's values, a line each ("Liver: 3" or "3 Liver"); `values` do so in the
    card instead. Where a picture has no such file, nobody has marked it.
    """

    detection: str | None = "detection.json"
    boxes: BoxFields = BoxFields(at="boxes", form="xywh")
    mask: str | None = "mask.png"
    mask_names: str | None = "mask.txt"
    values: dict[int, str] = Field(default_factory=dict)


class VqaSlake(VqaTable):
    """Questions as any question file's, and the regions that lie beside the picture.

    Where a box is lost, or nobody names the mask's values, nothing is claimed to be complete.
    """

    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            reader = TableReader(root, card, params)
        except BadInput as bad:
            yield refused(bad.file or params.tables[0], bad)
            return
        rule: MaskRule | None = None
        try:
            rule = _mask_rule(root, params)
        except BadInput as bad:
            yield refused(params.mask_names or "mask", bad, params.mask_names, part=True)
        masks = MaskFinder(root, () if rule is None else (rule,))
        for _, found in reader.samples():
            if isinstance(found, Refusal) or not found.media:
                yield found
                continue
            regions: list[Region] = []
            folder = found.media[0].files[0].rpartition("/")[0]
            marked = (
                []
                if rule is None
                else list(masks.regions(rule, {"folder": folder or "."}, found.key, found.media[0].key))
            )
            boxes = list(_boxes(root, folder, found, params))
            for item in (*boxes, *marked):
                if isinstance(item, Refusal):
                    yield item
                elif item is not None:
                    regions.append(item)
            complete: tuple[str, ...] = ()
            if not any(isinstance(item, Refusal) for item in boxes) and (rule is not None or params.mask is None):
                names = () if rule is None else rule.marked
                lost = names if any(not isinstance(item, Region) for item in marked) else ()
                complete = complete_regions(card, names if params.detection is None or None in boxes else None, lost)
            yield msgspec.structs.replace(found, regions=tuple(regions), complete_regions=complete)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = set(super().gives(card))
        found |= {"boxes"} if params.detection is not None else set()
        return frozenset(found | ({"masks"} if params.mask is not None else set()))


def _mask_rule(root: Path, params: Params) -> MaskRule | None:
    if params.mask is None:
        return None
    names = params.values or {}
    if not names and params.mask_names is not None:
        names = dict(_names(root, params.mask_names))
    if not names:
        raise BadInput("unnamed_value", "nobody names the values of the masks", params.mask_names)
    return MaskRule(file="{folder}/" + params.mask, names=names, missing="unmarked")


def _names(root: Path, file: str) -> Iterator[tuple[int, str]]:
    seen: dict[int, str] = {}
    for line in inside(root, file).read_text("utf-8-sig", errors="replace").splitlines():
        if not line.strip():
            continue
        found = _NAMED.fullmatch(line)
        if found is None:
            raise BadInput("bad_table", f"no name and value: {line!r:.80}", file)
        value, name = int(found["value"] or found["last"]), found["name"] or found["first"]
        if seen.setdefault(value, name) != name:
            raise BadInput("bad_table", f"{value} is {seen[value]!r} and {name!r}", file)
        if value and name.lower() != "background":
            yield value, name


def _boxes(root: Path, folder: str, sample: Sample, params: Params) -> Iterator[Region | Refusal | None]:
    """The boxes beside a picture; a Refusal for one that can't be used; None where nobody has marked any."""
    if params.detection is None:
        return
    file = f"{folder}/{params.detection}" if folder else params.detection
    try:
        content: Any = msgspec.json.decode(inside(root, file).read_bytes())
        entries = content if isinstance(content, list) else [content]
        size = boxed_size(inside(root, sample.media[0].files[0]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield refused(f"{sample.key}#{params.detection}", BadInput("not_json", str(error), file), part=True)
        return
    except BadInput as bad:
        if bad.reason != "missing_file":
            yield refused(f"{sample.key}#{params.detection}", bad, file, part=True)
        else:
            yield None
        return
    for number, entry in enumerate(entries):
        pointer = f"{file}#{number}"
        try:
            for named in boxes_of(Fields({"boxes": entry}), params.boxes, size):
                media = sample.media[0].key
                yield Region(kind="box", pointer=pointer, media=media, name=named.name, box=named.box, instance=True)
        except BadInput as bad:
            yield refused(pointer, bad, file, part=True)
