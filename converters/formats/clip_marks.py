"""What is marked in a clip frame by frame: phases and tools in tables (Cholec80), triplets in JSON (CholecT45, T50)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from medloom.converters.base import Params
from medloom.converters.formats.table import Table
from medloom.converters.formats.unpacked import plain_name
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Event, Region

Kind = Literal["phase", "event", "triplet", "tool"]


class FrameTable(Params):
    """`file` is a template over the clip's name. Column `frame` is a frame's number, of `rate` in a second. `column`
    holds one name a row (a phase), or each of `columns` says 1 where it is there (tools); a row stands for the time up
    to the next one.
    """

    file: str
    frame: str = "Frame"
    rate: float = Field(gt=0)
    column: str | None = None
    columns: tuple[str, ...] = ()
    kind: Kind = "phase"

    @model_validator(mode="after")
    def _says_what_is_marked(self) -> FrameTable:
        if (self.column is None) == (not self.columns):
            raise ValueError("a frame table has either `column` or `columns`")
        return self


class TripletFile(Params):
    """`file` is a JSON of CholecT50: for each frame a list of [triplet, instrument, score, x, y, width, height, verb,
    target, ...], of which boxes are shares of the frame; names below ``categories``. `rate` wins over the file's
    ``fps``. `boxes` gives instruments as regions of frames of this (width, height).
    """

    file: str
    rate: float | None = Field(default=None, gt=0)
    boxes: tuple[int, int] | None = None


def table_events(root: Path, rule: FrameTable, file: str) -> Iterator[Event | BadInput]:
    """One Event for each stretch in which a name stands in all rows. Raises BadInput as `Table` does."""
    table = Table(root, file, "\t" if plain_name(file).lower().endswith((".txt", ".tsv")) else None)
    names = (rule.column,) if rule.column is not None else rule.columns
    table.require(rule.frame, *names)
    rows: list[tuple[int, int, frozenset[str]]] = []
    for number, row in table.rows():
        if isinstance(row, BadInput):
            yield row
            continue
        try:
            frame = int(row[rule.frame])
        except ValueError:
            yield BadInput("bad_row", f"row {number}: {row[rule.frame]!r} is no frame", file)
            continue
        told = {row[name] if rule.column is not None else name for name in names if row[name] not in ("", "0")}
        rows.append((frame, number, frozenset(told)))
    rows.sort()
    yield from _stretches(rows, rule.rate, rule.kind, f"{file}#row=")


def _stretches(rows: list[tuple[int, int, frozenset[str]]], rate: float, kind: Kind, where: str) -> Iterator[Event]:
    """Rows of (frame, where it stands, names); each lasts up to the next, the last as long as the one before it."""
    open_since: dict[str, tuple[int, int]] = {}
    steps = [later - frame for (frame, _, _), (later, _, _) in pairwise(rows)]
    last = (rows[-1][0] + (steps[-1] if steps else 1)) if rows else 0
    found: list[Event] = []
    for frame, number, names in [*rows, (last, -1, frozenset())]:
        for name in [name for name in open_since if name not in names]:
            start, first = open_since.pop(name)
            found.append(
                Event(name=name, start_s=start / rate, end_s=frame / rate, kind=kind, pointer=f"{where}{first}")
            )
        for name in names - open_since.keys():
            open_since[name] = (frame, number)
    yield from sorted(found, key=lambda event: (event.start_s, event.end_s, event.name))


def triplet_marks(root: Path, rule: TripletFile, file: str) -> Iterator[Event | Region | BadInput]:
    """Events of triplets and phases, and, where asked for, the box of each instrument.

    Raises BadInput ``not_triplets`` where it is no such JSON.
    """
    try:
        content: Any = json.loads(inside(root, file).read_bytes())
        names = {key: content["categories"].get(key, {}) for key in ("triplet", "instrument", "phase")}
        frames = {int(frame): rows for frame, rows in content["annotations"].items()}
        rate = float(rule.rate or content.get("fps") or 1)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput("not_triplets", f"{type(error).__name__}: {error}", file) from None
    marked: dict[Kind, list[tuple[int, int, frozenset[str]]]] = {"triplet": [], "phase": []}
    for frame, rows in sorted(frames.items()):
        triplets, phases = set(), set()
        for number, row in enumerate(rows):
            try:
                triplet, instrument, phase = int(row[0]), int(row[1]), int(row[14])
                box = tuple(float(edge) for edge in row[3:7])
            except (ValueError, TypeError, IndexError):
                yield BadInput("bad_row", f"frame {frame}, entry {number}: {row!r:.80}", file)
                continue
            if str(triplet) in names["triplet"]:
                triplets.add(str(names["triplet"][str(triplet)]))
            if str(phase) in names["phase"]:
                phases.add(str(names["phase"][str(phase)]))
            name = names["instrument"].get(str(instrument))
            if rule.boxes is not None and name is not None and min(box) >= 0 and box[2] > 0 and box[3] > 0:
                yield _region(str(name), frame, number, box, rule.boxes, file)
        marked["triplet"].append((frame, frame, frozenset(triplets)))
        marked["phase"].append((frame, frame, frozenset(phases)))
    for kind, stretches in marked.items():
        yield from _stretches(stretches, rate, kind, f"{file}#{kind},frame=")


def _region(
    name: str, frame: int, number: int, box: tuple[float, ...], size: tuple[int, int], file: str
) -> Region | BadInput:
    x, y, width, height = box
    w, h = size
    edges = (x * w, y * h, min(1.0, x + width) * w, min(1.0, y + height) * h)
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        return BadInput("box_outside", f"frame {frame}, entry {number}: {box}", file)
    return Region(
        kind="box", name=name, box=edges, frame=frame, instance=True,
        pointer=f"{file}#annotations={frame},entry={number}",
    )  # fmt: skip
