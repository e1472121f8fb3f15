"""Detection: COCO instances, and RefCOCO's referring expressions over them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medloom.flows.export.form import Form, LeftOut, Options, without_tags
from medloom.flows.load import Row
from medloom.schemas.record import Place, Record
from medloom.schemas.view import View

Key = tuple[str, str, tuple[float, ...]]
"""(picture, concept, box): one object, however many records speak of it."""


class Coco(Form):
    """``instances_<split>.json``: images, categories, annotations with xywh boxes and run-length masks.

    Each object stands once. ``iscrowd`` is 0; `area` is that of the mask, else of the box; ids count from 1. The
    tables of a split are held until it ends: some 300 bytes an object.
    """

    name = "coco"
    title = "COCO instances"
    configs = ("grounding", "reasoning")

    def __init__(self, out: Path, options: Options) -> None:
        super().__init__(out, options)
        self._splits: dict[str, _Tables] = {}

    def add(self, row: Row) -> None:
        tables = self._splits.setdefault(row.split, _Tables())
        for record in row.records:
            try:
                found = list(self._objects(record, row, tables))
            except LeftOut as reason:
                self.left_out[str(reason)] += 1
                continue
            if not found:
                self.left_out["no box"] += 1
                continue
            self.written[row.split] += 1
            self._spoken(record, found, tables)

    def _objects(self, record: Record, row: Row, tables: _Tables) -> Iterator[dict[str, Any]]:
        by_id = {view.id: (view, data) for view, data in zip(row.views, row.media, strict=True)}
        for place in record.places:
            if place.box is None:
                continue
            view, data = by_id[record.views[place.view]]
            path = self.media.name(view, data)
            self.media.write(path, data)
            yield tables.annotation(place, tables.image(view, path))

    def _spoken(self, record: Record, found: list[dict[str, Any]], tables: _Tables) -> None:
        """What the record says of the objects; COCO has no room for it."""

    def close(self) -> None:
        for split, tables in self._splits.items():
            _write(self.out / f"instances_{split}.json", tables.instances())


class RefCoco(Coco):
    """COCO instances and ``refs_<split>.json``: ref_id, ann_id, image_id, category_id and sentences, as in RefCOCO.

    The fields are those of RefCOCO's ``refs(unc).p``, written as JSON: medloom writes no pickle. A sentence is the
    question of a record that points to exactly one object.
    """

    name = "refcoco"
    title = "RefCOCO"

    def _spoken(self, record: Record, found: list[dict[str, Any]], tables: _Tables) -> None:
        answers = [place for place in record.places if place.role == "answer"]
        if len(found) != 1 or len(answers) != 1:
            self.left_out["not one object"] += 1
            return
        tables.refer(found[0], record)

    def close(self) -> None:
        super().close()
        for split, tables in self._splits.items():
            _write(self.out / f"refs_{split}.json", tables.referred(split))


class _Tables:
    """The tables of one split while they grow."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.annotations: dict[Key, dict[str, Any]] = {}
        self.categories: dict[str, int] = {}
        self.refs: dict[int, list[tuple[str, str]]] = {}

    def image(self, view: View, path: str) -> dict[str, Any]:
        """The image's entry."""
        known = self.images.get(view.id)
        if known is None:
            known = {
                "id": len(self.images) + 1, "file_name": path, "width": view.width, "height": view.height,
                "view": view.id, "source": view.source,
            }  # fmt: skip
            self.images[view.id] = known
        return known

    def annotation(self, place: Place, image: dict[str, Any]) -> dict[str, Any]:
        """The object's entry; a mask that comes later than the box is added to it."""
        assert place.box is not None
        key = (image["view"], place.concept, place.box)
        known = self.annotations.get(key)
        if known is None:
            x0, y0, x1, y1 = place.box
            category = self.categories.setdefault(place.concept, len(self.categories) + 1)
            known = {
                "id": len(self.annotations) + 1, "image_id": image["id"], "category_id": category,
                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0,
                "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
            }  # fmt: skip
            self.annotations[key] = known
        if place.rle is not None and isinstance(known["segmentation"], list):
            from medloom.converters.pixels.mask import rle_decode

            known["segmentation"] = {"size": list(place.rle.size), "counts": place.rle.counts}
            known["area"] = float(rle_decode(place.rle).sum())
        return known

    def refer(self, annotation: dict[str, Any], record: Record) -> None:
        """Another sentence about the object."""
        self.refs.setdefault(annotation["id"], []).append((without_tags(record.turns[0].text), record.id))

    def instances(self) -> dict[str, Any]:
        """COCO's object."""
        from medloom.synthesis.vocabulary import load_vocabulary

        names = load_vocabulary()
        return {
            "info": {"description": "written by medloom"},
            "images": list(self.images.values()),
            "annotations": list(self.annotations.values()),
            "categories": [
                {"id": number, "name": names[concept].name if concept in names else concept, "concept": concept}
                for concept, number in self.categories.items()
            ],
        }

    def referred(self, split: str) -> list[dict[str, Any]]:
        """RefCOCO's list, sentences numbered through."""
        by_id = {entry["id"]: entry for entry in self.annotations.values()}
        files = {entry["id"]: entry["file_name"] for entry in self.images.values()}
        refs, number = [], 0
        for at, (ann_id, said) in enumerate(self.refs.items(), start=1):
            entry = by_id[ann_id]
            sentences = []
            for text, record in said:
                number += 1
                tokens = re.findall(r"\w+", text.lower())
                sentences.append({"sent_id": number, "sent": text, "raw": text, "tokens": tokens, "record": record})
            refs.append(
                {
                    "ref_id": at, "ann_id": ann_id, "image_id": entry["image_id"], "category_id": entry["category_id"],
                    "file_name": files[entry["image_id"]], "split": split,
                    "sent_ids": [one["sent_id"] for one in sentences], "sentences": sentences,
                }
            )  # fmt: skip
        return refs


def _write(path: Path, what: Any) -> None:
    path.write_text(json.dumps(what, ensure_ascii=False) + "\n", encoding="utf-8")
