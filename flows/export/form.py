"""Form: what every export has in common. It takes rows, writes pictures once, and says what it left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from medloom.flows.load import Item, Row
from medloom.schemas.record import MEDIA_TAGS, Config
from medloom.schemas.view import View

NO_BYTES = "no bytes in an index-only corpus: medloom rejoin"
FOLDERS = {"picture": "images", "clip": "videos"}
ENDINGS = {"jpeg": "jpg", "tiff": "tif"}


class LeftOut(Exception):
    """A record that the form can't hold; the message is the reason, the same for all of its kind."""


@dataclass(frozen=True)
class Options:
    """What an export is told: `model` names a convention of coordinates, `processor` the image processor of a model."""

    model: str | None = None
    processor: str | None = None


class Media:
    """The export's pictures and clips: one file each, named by its SHA-256, written when first asked for."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.count = 0

    def name(self, view: View, data: bytes | None) -> str:
        """The file's path in the export. Raises LeftOut where the form can't show it, or the corpus lacks its bytes."""
        if view.kind not in FOLDERS:
            raise LeftOut(f"a whole {view.kind}, which the form can't show")
        if data is None:
            raise LeftOut(NO_BYTES)
        ending = ENDINGS.get(view.format, view.format)
        return f"{FOLDERS[view.kind]}/{view.sha256[:2]}/{view.sha256}.{ending}"

    def write(self, name: str, data: bytes | None) -> None:
        """Writes the file, unless it is there."""
        path = self.out / name
        if data is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self.count += 1


class Form:
    """One export format. `configs` are those that it can hold; `add` takes a row, `close` ends what was begun.

    `written` counts records by split; `left_out` those that it can't hold, by reason: none is lost without a word.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    configs: ClassVar[tuple[Config, ...]]
    models: ClassVar[tuple[str, ...]] = ()

    def __init__(self, out: Path, options: Options) -> None:
        self.out = out
        self.options = options
        self.media = Media(out)
        self.written: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Writes the row's records, or counts them as left out."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the files."""


class LineForm(Form):
    """A form with one JSON object for each record: `line` makes it. `array` puts them into one list a file."""

    array: ClassVar[bool] = False

    def __init__(self, out: Path, options: Options) -> None:
        super().__init__(out, options)
        self._files: dict[str, IO[str]] = {}

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        """The record as an object; `paths` are the files of what it shows. Raises LeftOut."""
        raise NotImplementedError

    def add(self, row: Row) -> None:
        from medloom.flows.load import items_of

        for item in items_of(row):
            try:
                paths = [self.media.name(view, data) for view, data in zip(item.views, item.media, strict=True)]
                made = self.line(item, paths)
            except LeftOut as reason:
                self.left_out[str(reason)] += 1
                continue
            for path, data in zip(paths, item.media, strict=True):
                self.media.write(path, data)
            self._write(row.split, made)
            self.written[row.split] += 1

    def _write(self, split: str, made: dict[str, Any]) -> None:
        first = split not in self._files
        if first:
            self._files[split] = (self.out / f"{split}.{'json' if self.array else 'jsonl'}").open("w", encoding="utf-8")
        file = self._files[split]
        if self.array:
            file.write("[\n" if first else ",\n")
        file.write(json.dumps(made, ensure_ascii=False))
        if not self.array:
            file.write("\n")

    def close(self) -> None:
        for file in self._files.values():
            if self.array:
                file.write("\n]\n")
            file.close()


def without_tags(text: str) -> str:
    """A user turn without the tags of what it shows."""
    for tag in MEDIA_TAGS.values():
        text = text.replace(f"{tag}\n", "").replace(tag, "")
    return text.strip()


def question_of(item: Item) -> str:
    """What the user asks, without tags. Raises LeftOut for a conversation of several turns."""
    if len(item.record.turns) != 2:
        raise LeftOut("a conversation of several turns")
    return without_tags(item.record.turns[0].text)


def picture_of(item: Item, number: int) -> bytes:
    """The stored bytes of a picture that the record shows, for forms that hold it inside. Raises LeftOut."""
    view, data = item.views[number], item.media[number]
    if view.kind != "picture":
        raise LeftOut(f"a whole {view.kind}, which the form can't show")
    if data is None:
        raise LeftOut(NO_BYTES)
    return data
