"""Clips in a table: labels, patient, split and licence of each, and the events of a second table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from medloom.converters.base import Converter, Feature
from medloom.converters.formats import csv_labels
from medloom.converters.formats.by_number import by_number
from medloom.converters.formats.csv_labels import features, labelled
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.picture_table import PictureRow
from medloom.converters.formats.table import Table
from medloom.converters.refused import refused
from medloom.converters.video.clip import VIDEO
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Event, Media, Refusal, Sample

ANIMATED = (".gif", ".apng")
CINE = (".dcm", ".dicom")


class Events(BaseModel):
    """A table of events. `clip`, over its columns, is the clip's path as in the first table. `start` and `end` are
    columns in `unit`: seconds, frames (a frame lasts 1/rate), or clock times (``hh:mm:ss.ms``); without `end` an event
    lasts no time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    table: str
    clip: str
    name: str
    start: str
    end: str | None = None
    unit: Literal["seconds", "frames", "clock"] = "seconds"
    rate: float | None = None
    kind: Literal["phase", "event", "triplet", "tool"] = "event"


class Params(csv_labels.Params):
    """As for `csv_labels`; `picture` leads to a clip. `frames_per_second` is a column, or a number, for folders of
    frames. A row that leads to a still picture is a Sample of that picture. Labels may be left out.
    """

    events: Events | None = None
    frames_per_second: float | str | None = None

    @model_validator(mode="after")
    def _names_a_column(self) -> Params:
        return self  # a clip without labels is still a clip


class Clips(Converter):
    """Tables of clips: video containers, animated GIF, cine DICOM, and folders of frames in the order of the numbers
    in their names.

    What the table says of a clip is said of the whole clip. Events that name a clip which isn't there are refused.
    """

    Params = Params
    version = "2"

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        rate = params.frames_per_second
        events: dict[str, list[Event]] = {}
        lost: list[Refusal] = []
        if params.events is not None:
            try:
                events, lost = _events(root, params.events)
            except BadInput as bad:
                yield refused(params.events.table, bad, params.events.table)

        def shown(rows: list[PictureRow]) -> dict[str, Any]:
            return {"media": (_media(root, rows, rate),), "events": tuple(events.pop(rows[0].path, ()))}

        yield from labelled(root, card, params, shown, (rate,) if isinstance(rate, str) else (), folders=True)
        yield from lost
        for path in sorted(events):
            left = BadInput("missing_file", f"{len(events[path])} events name a clip that no usable row names", path)
            yield refused(path, left, path, part=True)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"clips", *features(card, params)}
        if params.events is not None:
            found.add("events")
        return frozenset(found)


def _media(root: Path, rows: list[PictureRow], rate: float | str | None) -> Media:
    path = rows[0].path
    ending = Path(path).suffix.lower()
    if not (root / path).is_dir():
        if ending in (*VIDEO, *ANIMATED, *CINE):
            return Media(kind="clip", files=(path,))
        if ending in RASTERS:
            return Media(files=(path,))
    frames = tuple(sorted(files_under(root, path, RASTERS), key=by_number))
    if not frames:
        raise BadInput("not_a_clip", f"{path!r} is neither a clip nor a folder of frames", path)
    return Media(kind="clip", files=frames, rate=_rate(rows, rate) if isinstance(rate, str) else rate)


def _rate(rows: list[PictureRow], column: str) -> float:
    cells = {row.values[column] for row in rows}
    if len(cells) > 1:
        raise BadInput("conflicting_rows", f"rows of one clip state {sorted(cells)} in {column!r}", rows[0].table)
    try:
        rate = float(*cells)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        raise BadInput("no_frame_time", f"{rows[0].values[column]!r} in {column!r} is no frame rate", rows[0].table)
    return rate


def _events(root: Path, asked: Events) -> tuple[dict[str, list[Event]], list[Refusal]]:
    table = Table(root, asked.table)
    table.require(*fields_of(asked.clip), asked.name, asked.start, *([asked.end] if asked.end else []))
    found: dict[str, list[Event]] = {}
    lost: list[Refusal] = []
    for number, row in table.rows():
        pointer = f"{asked.table}#row={number}"
        try:
            if isinstance(row, BadInput):
                raise row
            start = _seconds(row[asked.start], asked)
            end = _seconds(row[asked.end], asked) if asked.end else start
            if not row[asked.name] or end < start:
                raise BadInput("bad_event", f"{row[asked.name]!r} from {start} to {end} s", asked.table)
        except BadInput as bad:
            lost.append(refused(pointer, bad, asked.table, part=True))
            continue
        event = Event(name=row[asked.name], start_s=start, end_s=end, pointer=pointer, kind=asked.kind)
        found.setdefault(fill(asked.clip, row).removeprefix("./"), []).append(event)
    ordered = {
        path: sorted(events, key=lambda one: (one.start_s, one.end_s, one.name)) for path, events in found.items()
    }
    return ordered, lost


def _seconds(text: str, asked: Events) -> float:
    try:
        if asked.unit == "clock":
            parts = [float(part) for part in text.replace(",", ".").split(":")]
            value = sum(part * 60.0**power for power, part in enumerate(reversed(parts)))
        else:
            value = float(text)
        if asked.unit == "frames":
            if not asked.rate:
                raise BadInput("bad_event", "events in frames need the card's `rate`", asked.table)
            value /= asked.rate
    except ValueError:
        raise BadInput("bad_event", f"{text!r} is no time", asked.table) from None
    if not 0 <= value < 1e7:
        raise BadInput("bad_event", f"{text!r} is no time", asked.table)
    return value
