"""Content digests: the only source of ids and of seeds."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import TypeVar

import msgspec

T = TypeVar("T")

_encode = msgspec.json.Encoder(order="deterministic").encode


def digest(*parts: object, size: int = 16) -> str:
    """Hex BLAKE2b of the parts as canonical JSON; `size` bytes (at most 64). Equal parts, equal digest."""
    return hashlib.blake2b(_encode(parts), digest_size=size).hexdigest()


def seed(*parts: object) -> int:
    """A 64-bit seed that depends on the content of `parts` alone, never on time, order or process."""
    return int.from_bytes(hashlib.blake2b(_encode(parts), digest_size=8).digest(), "big")


def pick(count: int, *parts: object) -> int:
    """An index in ``range(count)``, uniform over the content of `parts`."""
    return seed(*parts) % count


def shuffled(items: Iterable[T], *parts: object) -> list[T]:
    """The items in an order that depends only on `parts` and on the items' own position."""
    rows = [(seed(*parts, index), index, item) for index, item in enumerate(items)]
    return [item for _, _, item in sorted(rows, key=lambda row: row[:2])]


def pseudonym(source: str, patient: str, key: bytes | None) -> str:
    """The digest that stands for a patient: plain BLAKE2b where ids are pseudonyms, HMAC-SHA-256 with a key."""
    if key is None:
        return digest("patient", source, patient, size=8)
    return hmac.new(key, _encode(("patient", source, patient)), hashlib.sha256).hexdigest()[:16]
