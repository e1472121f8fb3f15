"""The child of `flows/apart.py`: works on a unit's Samples one by one, and tells of each step through a pipe.

``python -m medloom.flows.apart_child ORDER START PIPE``: ORDER is a Work as JSON, START the number of the first Sample,
PIPE a file descriptor. Its lines: ``began N``, ``file "NAME"``, ``done FILE`` (an Outcome), ``memory N``,
``raised FILE``.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from medloom.flows.listing import read_partition
from medloom.flows.unit import Work, do_sample, held_to, origin_of, toolbox
from medloom.flows.unit_result import Result
from medloom.schemas.appearance import Appearance
from medloom.schemas.record import Record
from medloom.schemas.sample import Refusal
from medloom.schemas.view import View
from medloom.synthesis.brief import Brief
from medloom.synthesis.glance import Glance
from medloom.synthesis.origin import FileMark, Origin


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one Sample gave: what a `Result` gathers, and the files that were read for it."""

    records: list[Record]
    briefs: list[Brief]
    views: list[View]
    looks: list[Appearance]
    refused: list[Refusal]
    lost: dict[str, int]
    silent: int
    pictures: dict[str, bytes]
    marks: tuple[FileMark, ...]
    identity: tuple[tuple[str, str, int], ...] = ()
    glances: list[Glance] = []
    waiting: set[str] = set()


class TellingOrigin(Origin):
    """Tells the name of each file before it is opened."""

    tell: Callable[[str], None]

    def path(self, file: str) -> Path:
        self.tell(self.real(file))
        return super().path(file)

    def read(self, file: str) -> bytes:
        self.tell(self.real(file))
        return super().read(file)


class _Kept(dict[str, bytes]):
    def add(self, sha256: str, data: bytes) -> None:
        self[sha256] = data


def main(order: Path, start: int, pipe: int) -> None:
    """Works through the Samples; ends with 0 where it came to the last, or where one ran out of memory or raised."""
    work = msgspec.json.decode(order.read_bytes(), type=Work)
    with suppress(OSError):  # where memory runs out, this process goes before the build does
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    samples = read_partition(Path(work.samples))

    def say(line: str) -> None:
        os.write(pipe, f"{line}\n".encode())

    origin = TellingOrigin(**vars(origin_of(work.recipe)))
    origin.tell = lambda file: say(f"file {msgspec.json.encode(file).decode()}")
    tasks, context = toolbox(work.recipe)
    with held_to(work.allowance):
        for number, sample in enumerate(samples[start:], start):
            say(f"began {number}")
            kept = _Kept()
            result = Result(kept)
            origin.marks = {}
            signal.setitimer(signal.ITIMER_REAL, work.allowance.seconds)
            try:
                do_sample(sample, origin, work.recipe, tasks, context, result)
                path = order.with_name(f"{number}.msgpack")
                path.write_bytes(_outcome(result, kept, origin))
            except MemoryError:
                say(f"memory {number}")
                return
            except Exception as error:
                say(f"raised {_pickled(error, order.with_name('raised')).name}")
                return
            say(f"done {path.name}")


def _outcome(result: Result, kept: _Kept, origin: Origin) -> bytes:
    return msgspec.msgpack.encode(
        Outcome(
            records=result.records,
            briefs=result.briefs,
            views=result.views,
            looks=result.looks,
            refused=result.refused,
            lost=dict(result.lost),
            silent=result.silent,
            pictures=kept,
            marks=tuple(origin.marks.values()),
            identity=tuple((*what, count) for what, count in sorted(result.identity.items())),
            glances=result.glances,
            waiting=result.waiting,
        )
    )


def _pickled(error: Exception, path: Path) -> Path:
    import pickle
    import traceback

    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # an exception that only its own process understands
        data = pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
