"""Where the pages of a Parquet file lie, read from its footer and offset index as a reader of one row does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple


class Page(NamedTuple):
    """A page of a column of a row group: where it lies, and the rows of the group that it holds, half-open."""

    column: str
    group: int
    offset: int
    size: int
    first: int
    behind: int


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        raw, at = _varint(data, at)
        return (raw >> 1) ^ -(raw & 1), at
    if kind == 7:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind == 8:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind in (9, 10):
        head = data[at]
        at += 1
        count, inner = head >> 4, head & 15
        if count == 15:
            count, at = _varint(data, at)
        items = []
        for _ in range(count):
            if inner in (1, 2):
                item, at = data[at] == 1, at + 1
            else:
                item, at = _value(data, at, inner)
            items.append(item)
        return items, at
    return thrift(data, at)


def thrift(data: bytes, at: int = 0) -> tuple[dict[int, Any], int]:
    """A struct of Thrift's compact protocol by field number, and where it ends."""
    found: dict[int, Any] = {}
    field = 0
    while (head := data[at]) != 0:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            raw, at = _varint(data, at)
            field = (raw >> 1) ^ -(raw & 1)
        found[field], at = _value(data, at, head & 15)
    return found, at + 1


def pages(read: Callable[[int, int], bytes], size: int) -> list[Page]:
    """Every page, by what `read(offset, length)` gives: the footer, then the offset indexes, which lie side by side."""
    length = struct.unpack("<I", read(size - 8, 4))[0]
    footer, _ = thrift(read(size - 8 - length, length))
    chunks = [(number, group[3], chunk) for number, group in enumerate(footer[4]) for chunk in group[1]]
    start = min(chunk[4] for _, _, chunk in chunks)
    end = max(chunk[4] + chunk[5] for _, _, chunk in chunks)
    indexes = read(start, end - start)
    found = []
    for group, rows, chunk in chunks:
        column = ".".join(part.decode() for part in chunk[3][3])
        located, _ = thrift(indexes, chunk[4] - start)
        firsts = [place.get(3, 0) for place in located[1]]
        for place, first, behind in zip(located[1], firsts, [*firsts[1:], rows], strict=True):
            found.append(Page(column, group, place[1], place[2], first, behind))
    return found
