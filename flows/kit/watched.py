"""Watched: the child process in which a converter lists, under guard, and in which its Samples are shown.

``python -m medloom.flows.kit.watched ORDER`` reads an `Order` and writes a `Seen` for each of its looks beside it.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from medloom.flows.kit.damage import Damage, damaged, pad
from medloom.flows.kit.guard import Guard, Touch
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample
from medloom.schemas.view import View


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One listing of a root; `backwards` gives every folder's entries in reverse.

    `show` also makes pictures: of all Samples, or of those that refer to the damaged file. `grow` first puts a hole
    behind the first so many media of the look before, in this root.
    """

    root: str
    backwards: bool = False
    damage: Damage | None = None
    show: bool = False
    grow: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do. `scratch` is the only folder in which the converter may write."""

    converter: str
    card: dict[str, Any]
    looks: tuple[Look, ...]
    scratch: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one Sample: its views, what was refused, and the traceback of what was raised."""

    key: str
    views: tuple[View, ...] = ()
    refused: tuple[Refusal, ...] = ()
    raised: str | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag_field=None):
    """What one listing did: its items in order, each a Sample or a Refusal as MessagePack.

    `raised` is the traceback of what escaped it; `odd` tells of an item that is neither; `read` are the bytes that
    were read, or None where this system does not count them; `touches` is what the guard blocked; `grown` are the
    media that were made big.
    """

    samples: tuple[Sample, ...]
    refused: tuple[Refusal, ...]
    odd: str | None
    raised: str | None
    read: int | None
    touches: tuple[Touch, ...]
    shown: tuple[Shown, ...] = ()
    grown: tuple[str, ...] = ()


MOST_SHOWN = 40
"""At most so many Samples are shown."""


def main(order_file: Path) -> None:
    """Does every look of the order."""
    order = msgspec.json.decode(order_file.read_bytes(), type=Order)
    from medloom.converters.registry import load_converter

    card = SourceCard.model_validate(order.card)
    converter = load_converter(order.converter)
    guard = Guard(order.scratch)
    media: list[str] = []
    for number, look in enumerate(order.looks):
        root = Path(look.root)
        grown = pad(root, media[: look.grow]) if look.grow else []
        with damaged(root, look.damage) if look.damage is not None else nullcontext():
            seen = _list(partial(converter.samples, root, card), guard, look.backwards)
            shown = tuple(_show(seen.samples, root, card, look.damage)) if look.show else ()
        seen = msgspec.structs.replace(seen, shown=shown, grown=tuple(grown))
        media = sorted({file for one in seen.samples for part in one.media for file in part.files})
        order_file.with_name(f"{order_file.stem}-{number}.msgpack").write_bytes(msgspec.msgpack.encode(seen))


def _list(samples: Callable[[], Iterator[Any]], guard: Guard, backwards: bool) -> Seen:
    found: list[Sample] = []
    refused: list[Refusal] = []
    odd = raised = None
    with _backwards() if backwards else nullcontext(), guard.on() as touches:
        before = _bytes_read()
        try:
            for item in samples():
                if fault := _fault(item):
                    odd = odd or fault
                else:
                    (found if isinstance(item, Sample) else refused).append(item)
        except Exception:
            raised = traceback.format_exc(limit=-4)
        after = _bytes_read()
    return Seen(
        samples=tuple(found),
        refused=tuple(refused),
        odd=odd,
        raised=raised,
        read=None if before is None or after is None else after - before,
        touches=tuple(touches),
    )


def _fault(item: Any) -> str | None:
    """Why an item is no Sample and no Refusal that can be stored: msgspec checks types only when it reads."""
    if not isinstance(item, Sample | Refusal):
        return f"yielded a {type(item).__name__}, which is neither a Sample nor a Refusal"
    try:
        back = msgspec.json.decode(msgspec.json.encode(item), type=type(item))
        msgspec.msgpack.encode(item)
    except (msgspec.MsgspecError, UnicodeEncodeError, TypeError, OverflowError, ValueError) as error:
        return f"{getattr(item, 'key', getattr(item, 'unit', ''))!r}: {error}"
    return None if back == item else f"{getattr(item, 'key', '')!r} is not the same when it is read again"


def _show(samples: tuple[Sample, ...], root: Path, card: SourceCard, damage: Damage | None) -> Iterator[Shown]:
    from medloom.synthesis.origin import Origin
    from medloom.synthesis.scenes import scenes_of
    from medloom.synthesis.vocabulary import load_vocabulary

    wanted = [one for one in samples if damage is None or damage.file in files_of(one)]
    step = max(1, len(wanted) // MOST_SHOWN)
    for sample in wanted[::step]:
        try:
            made = scenes_of(sample, Origin(card=card, root=root, vocabulary=load_vocabulary()))
            views = tuple(scene.view for scene in made.scenes)
            yield Shown(key=sample.key, views=(*views, *made.whole), refused=tuple(made.refused))
        except Exception:
            yield Shown(key=sample.key, raised=traceback.format_exc(limit=-4))


def files_of(sample: Sample) -> list[str]:
    """Every file that a Sample's media and regions refer to."""
    files = [file for media in sample.media for file in media.files]
    files += [region.file for region in sample.regions if region.file is not None]
    return files + [points.file for points in sample.landmark_maps]


def _bytes_read() -> int | None:
    """Bytes that this process has asked the system for."""
    try:
        return int(Path("/proc/self/io").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None


@contextmanager
def _backwards() -> Iterator[None]:
    """While it lasts, folders give their entries in reverse: file systems differ in their order, this one may not."""
    listdir, scandir = os.listdir, os.scandir

    class Reversed:
        def __init__(self, path: Any = ".") -> None:
            with scandir(path) as entries:
                self._entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __iter__(self) -> Iterator[Any]:
            return self._entries

        def __next__(self) -> Any:
            return next(self._entries)

        def __enter__(self) -> Reversed:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None:
            self._entries = iter(())

    setattr(os, "listdir", lambda path=".": sorted(listdir(path), reverse=True))  # noqa: B010 (nor may mypy mind)
    setattr(os, "scandir", Reversed)  # noqa: B010
    try:
        yield
    finally:
        os.listdir, os.scandir = listdir, scandir


if __name__ == "__main__":
    main(Path(sys.argv[1]))
