"""Small trees in native layouts, and cards to read them by."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample


def png(width: int, height: int, grey: int = 0) -> bytes:
    """A whole 8-bit grey PNG, written by hand so that no codec of ours makes its own test data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([grey]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Writes files given as path=content; None makes a PNG of 40 × 30."""

    def write(files: dict[str, bytes | str | None]) -> Path:
        for name, content in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = png(40, 30) if content is None else content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
        return tmp_path / "root"

    return write


@pytest.fixture
def make_card() -> Callable[..., SourceCard]:
    """A card with what every card must have."""

    def make(converter: str, params: dict[str, Any] | None = None, **fields: Any) -> SourceCard:
        given: dict[str, Any] = {
            "source": "made_up", "title": "Made up", "licence": "CC0-1.0", "citation": "none", "modality": "xray",
            "patient": "unknown", "verified": "layout", "converter": converter, "params": params or {}, **fields,
        }  # fmt: skip
        return SourceCard.model_validate(given)

    return make


@pytest.fixture
def read() -> Callable[[Path, SourceCard], tuple[list[Sample], list[Refusal]]]:
    """Samples and refusals of a source, each in order."""

    def run(root: Path, card: SourceCard) -> tuple[list[Sample], list[Refusal]]:
        found = list(load_converter(card.converter).samples(root, card))
        return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]

    return run
