"""Contact sheets: a bounded choice of real records, their pictures and all that the page shows of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from medloom.flows.figures import CorpusFigures, Example
from medloom.flows.naming import record_type
from medloom.flows.plain_text import plain_text
from medloom.flows.report.overlay import Overlay, overlay
from medloom.flows.report.thumbnail import thumbnail
from medloom.flows.wording import decimal
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.record import Fact, Option, Record, Turn
from medloom.schemas.view import View

MAX_CARDS = 60
PICTURE_BUDGET = 4_200_000
"""Characters of data URIs on the whole page: it stays below 6 MB."""
PER_CARD, TEXT, FACTS = 4, 900, 8
_IMAGE = re.compile(r"[ \t]*<(?:image|volume|video)>[ \t]*\n?")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A thumbnail or a mask as data URI: it stands in the page once, under `id`, however many cards show it."""

    id: str
    uri: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One view on a card; `stored` and `mask` are ids of what stands in the page.

    Where it may not or can't be shown, `withheld` says why and nothing is drawn.
    """

    width: int
    height: int
    caption: str
    stored: str | None
    mask: str | None
    withheld: str | None
    overlay: Overlay | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    text: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows of one record, cut to a bounded length."""

    record: Record
    phantom: bool
    type_name: str
    pictures: tuple[Picture, ...]
    more_pictures: int
    lines: tuple[Line, ...]
    texts: tuple[str, ...]
    options: tuple[Option, ...]
    answer: str | None
    measurements: tuple[str, ...]
    reason: str | None
    facts: tuple[Fact, ...]
    more_facts: int
    index_only: bool


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of one task."""

    task: str
    type_name: str
    cards: tuple[Card, ...]


class ContactSheets(msgspec.Struct, frozen=True, kw_only=True):
    """`offered` counts the examples that there were to choose from."""

    sheets: tuple[Sheet, ...]
    stored: tuple[Stored, ...]
    offered: int

    @property
    def shown(self) -> int:
        return sum(len(sheet.cards) for sheet in self.sheets)


def contact_sheets(figures: CorpusFigures) -> ContactSheets:
    """At most MAX_CARDS of `figures.examples` within PICTURE_BUDGET: in turn from each task, in the order given.

    Pixels of a source whose bytes may not be redistributed are not shown, nor is the text of one that may only be
    pointed at: the report is published with the corpus.
    """
    phantoms = {source.source for source in figures.sources if source.phantom}
    stored: dict[str, Stored] = {}
    spent = 0
    cards: dict[str, list[Card]] = {task: [] for task in sorted({each.record.task for each in figures.examples})}
    for example in in_turn(figures.examples)[:MAX_CARDS]:
        new, pictures = _pictures(example, figures.concepts, stored)
        price = sum(len(each.uri) for each in new)
        if spent + price > PICTURE_BUDGET:
            continue
        spent += price
        stored.update({each.id: each for each in new})
        cards[example.record.task].append(_card(example, pictures, example.record.source in phantoms))
    sheets = [
        Sheet(task=task, type_name=record_type(of_task[0].record.type), cards=tuple(of_task))
        for task, of_task in cards.items()
        if of_task
    ]
    return ContactSheets(sheets=tuple(sheets), stored=tuple(stored.values()), offered=len(figures.examples))


def in_turn(examples: tuple[Example, ...]) -> list[Example]:
    """One of each task, then a second of each, and so on; within a task the order is kept."""
    rank: dict[str, int] = {}
    keyed = []
    for number, example in enumerate(examples):
        task = example.record.task
        rank[task] = rank.get(task, -1) + 1
        keyed.append((rank[task], task, number))
    return [examples[number] for _, _, number in sorted(keyed)]


def _pictures(
    example: Example, names: Mapping[str, str], known: Mapping[str, Stored]
) -> tuple[list[Stored], tuple[Picture, ...]]:
    """Thumbnails that the page doesn't have yet, and the example's pictures."""
    record = example.record
    new: dict[str, Stored] = {}
    pictures = []
    for index, view in enumerate(example.views[:PER_CARD]):
        found, withheld = _thumbnail(example, index, view, {**known, **new})
        over = None if found is None else overlay(record, index, view, names)
        mask = None if over is None or over.mask is None else Stored(id=f"m-{digest(over.mask, size=8)}", uri=over.mask)
        new |= {each.id: each for each in (found, mask) if each is not None and each.id not in known}
        pictures.append(
            Picture(
                width=view.width,
                height=view.height,
                caption=view_caption(view),
                withheld=withheld,
                overlay=over,
                stored=None if found is None else found.id,
                mask=None if mask is None else mask.id,
            )
        )
    return list(new.values()), tuple(pictures)


def _thumbnail(
    example: Example, index: int, view: View, known: Mapping[str, Stored]
) -> tuple[Stored | None, str | None]:
    """The thumbnail, or why there is none."""
    if example.record.redistribute != "bytes" or example.record.access == "credentialed":
        return None, "the source's pixels may not be redistributed"
    if view.kind != "picture":
        return None, f"kept whole: {view.frames} {'slices' if view.kind == 'volume' else 'frames'}"
    key = f"p-{digest(view.sha256, size=8)}"
    if key in known:
        return known[key], None
    try:
        data = example.pictures[index] if index < len(example.pictures) else b""
        return Stored(id=key, uri=thumbnail(data, view).uri), None
    except BadInput as error:
        return None, str(error)


def view_caption(view: View) -> str:
    """How the view came to be, in a few words: ``axial slice 34 · window 40/400 · 0.8 × 0.8 mm``."""
    made = view.derivation
    words = []
    if made.plane is not None:
        words.append(f"{made.plane} slice {made.slice_index}" if made.slice_index is not None else made.plane)
    if made.montage:
        words.append(f"slices {', '.join(map(str, made.montage))}")
    if made.frame is not None:
        words.append(f"frame {made.frame}")
    if made.time_s is not None:
        words.append(f"{decimal(made.time_s)} s")
    words.append(f"{view.width} × {view.height} px")
    if view.spacing_mm is not None:
        words.append(f"{decimal(view.spacing_mm[0], 3)} × {decimal(view.spacing_mm[1], 3)} mm")
    if made.window is not None:
        words.append(f"window {decimal(made.window[0], 1)}/{decimal(made.window[1], 1)}")
    return " · ".join(words)


def _card(example: Example, pictures: tuple[Picture, ...], phantom: bool) -> Card:
    record = example.record
    closed = record.redistribute == "index" or record.access == "credentialed"
    said = [Line(role=turn.role, text=plain_text(_question(record, turn), TEXT)) for turn in record.turns]
    return Card(
        record=record,
        phantom=phantom,
        type_name=record_type(record.type),
        pictures=pictures,
        more_pictures=len(example.views) - len(pictures),
        lines=() if closed else tuple(said[:8]),
        texts=() if closed else tuple(plain_text(text, TEXT) for text in record.texts[:6]),
        options=() if closed else record.options[:12],
        answer=None if closed else _answer(record, said),
        measurements=() if closed else tuple(_measurements(record)),
        reason=None if closed or record.reason is None else plain_text(record.reason, TEXT),
        facts=() if closed else record.evidence[:FACTS],
        more_facts=max(0, len(record.evidence) - FACTS),
        index_only=closed,
    )


def _question(record: Record, turn: Turn) -> str:
    """The turn without the marks of its media and without the lines that the card lists as options."""
    listed = {f"{option.key}{stop} {option.text}" for option in record.options for stop in (".", ")", ":")}
    lines = _IMAGE.sub("", turn.text).strip().split("\n")
    return "\n".join(line for line in lines if turn.role != "user" or line.strip() not in listed).rstrip()


def _answer(record: Record, said: list[Line]) -> str | None:
    """The scored form of the answer, where it says more than the last turn does."""
    answer = record.answer
    if answer is None:
        return None
    parts = [plain_text(answer.text, TEXT)]
    if answer.number is not None and answer.text != decimal(answer.number, 4):
        parts.append(f"= {decimal(answer.number, 4)}{' ' + plain_text(answer.unit) if answer.unit else ''}")
    if answer.keys:
        parts.append("keys " + ", ".join(plain_text(key, 40) for key in answer.keys))
    if answer.variants:
        parts.append("also: " + "; ".join(plain_text(variant, 120) for variant in answer.variants[:6]))
    repeats = bool(said) and said[-1].role == "assistant" and said[-1].text == parts[0]
    return None if repeats and len(parts) == 1 else " · ".join(parts)


def _measurements(record: Record) -> list[str]:
    return [
        f"{plain_text(each.name, 80)} {decimal(each.value, 4)} {each.unit} ({plain_text(each.method, 120)})"
        for each in record.measurements[:8]
    ]
