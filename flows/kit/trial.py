"""Trial: a converter at work on its fixture, in child processes under guard; what it did is then judged by checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from medloom.flows.kit.damage import HOWS, Damage
from medloom.flows.kit.fixture import Fixture
from medloom.flows.kit.watched import Look, Order, Seen
from medloom.flows.store import sha256_of
from medloom.schemas.errors import BuildError
from medloom.schemas.sample import Sample

MOST_DAMAGED = 12
"""At most so many files are damaged: some of every folder and suffix."""
MOST_GROWN = 8
SECONDS = 300
"""A child that takes longer is said to hang."""


class NotHere(Exception):
    """The fixture has nothing that a check could look at; the text says what."""


class Note(str):
    """Something that is worth knowing and fails nothing."""

    __slots__ = ()


@dataclass(frozen=True)
class Trial:
    """What a converter did: `first` with its pictures shown; `second` in another process, on a copy in another place
    with folders read backwards and another hash seed; `grown` where media had been made big; `damaged` once for each
    damage. `written` are files that were changed, made or removed under the root."""

    fixture: Fixture
    root: Path
    first: Seen
    second: Seen
    grown: Seen
    damaged: tuple[tuple[Damage, Seen], ...]
    written: tuple[str, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.first.samples


def try_out(fixture: Fixture, scratch: Path) -> Trial:
    """Lets the converter list its fixture in every way that the checks look at.

    `scratch` is an empty folder. Raises BuildError where a child dies or hangs.
    """
    root, other, grown = (scratch / name for name in ("roots/first", "roots/elsewhere/second", "roots/grown"))
    for copy in (root, other, grown):
        shutil.copytree(fixture.root, copy, copy_function=shutil.copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = _tree(root)
    damages = [Damage(file, how) for file in _spread(sorted(before)) for how in HOWS]
    looks = (
        Look(root=str(root), show=True),  # pays for what is imported: what the next one reads is the converter's own
        Look(root=str(grown), grow=MOST_GROWN),
        *(Look(root=str(root), damage=damage, show=True) for damage in damages),
    )
    with ThreadPoolExecutor(2) as pool:
        backwards = pool.submit(_watched, fixture, (Look(root=str(other), backwards=True),), scratch / "b", 1)
        first, big, *damaged = _watched(fixture, looks, scratch / "a", 0)
        (second,) = backwards.result()
    return Trial(
        fixture=fixture,
        root=root,
        first=first,
        second=second,
        grown=big,
        damaged=tuple(zip(damages, damaged, strict=True)),
        written=tuple(sorted({file for file, _ in _tree(other).items() ^ _tree(fixture.root).items()})),
    )


def _watched(fixture: Fixture, looks: tuple[Look, ...], folder: Path, seed: int) -> list[Seen]:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    order = folder / "order.json"
    card: dict[str, Any] = fixture.card.model_dump(mode="json")
    order.write_bytes(
        msgspec.json.encode(Order(converter=fixture.converter, card=card, looks=looks, scratch=str(scratch)))
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": str(seed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(scratch),
    }
    command = [sys.executable, "-m", "medloom.flows.kit.watched", str(order)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, cwd=scratch, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"the converter {fixture.converter!r} was not done after {SECONDS} s: does it hang?") from None
    if done.returncode != 0:
        end = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise BuildError(f"the converter {fixture.converter!r} ended its process (exit code {done.returncode})\n{end}")
    return [
        msgspec.msgpack.decode((folder / f"order-{number}.msgpack").read_bytes(), type=Seen)
        for number in range(len(looks))
    ]


def _tree(root: Path) -> dict[str, str]:
    """Digest of every file under the root, by its path."""
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in files}


def _spread(files: list[str]) -> list[str]:
    """At most `MOST_DAMAGED` files: the first of every folder and suffix, then the second ones, and so on."""
    kinds: dict[tuple[str, str], int] = {}
    ranked = []
    for file in files:
        kind = (file.rpartition("/")[0], "".join(Path(file).suffixes[-2:]).lower())
        kinds[kind] = kinds.get(kind, -1) + 1
        ranked.append((kinds[kind], file))
    return sorted(file for _, file in sorted(ranked)[:MOST_DAMAGED])


def media_files(sample: Sample) -> list[str]:
    """The files of a Sample's media."""
    return [file for media in sample.media for file in media.files]
