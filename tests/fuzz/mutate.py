"""Mutate: what could be wrong with a file, drawn from a seed: the same seed, number and bytes give the same mutant."""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

ODD = (
    0, 1, 2, 7, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
HUGE = (2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
NUMBERS = (
    "-1",
    "0",
    "1e999",
    "-1e-999",
    "NaN",
    "Infinity",
    "99999999999999999999",
    "0x10",
    "1" * 5000,
    "",
    "null",
    "٣",
)
PIECES = (
    "\0", "﻿", "\ud800", "[" * 3000, "{" * 3000, '"', "'", ",", "\r", "\n" * 99, "../" * 9 + "etc/passwd",
    "/etc/passwd",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<a>" * 3000, "&lol;", "%s%n", "é" * 999, "\\u0000", "\t", "=1+1", "C:\\a", "~/a",
)  # fmt: skip


def mutant(data: bytes, form: str, seed: object) -> bytes:
    """`data` with one to four things wrong with it. `form` is what the bytes are: some faults must keep its check sums.

    Half of the mutants of a packed form are packed anew, so that what is inside is reached.
    """
    draw = random.Random(repr(seed))
    inner = draw.random() < 0.6
    if form == "gz" and inner:
        return gzip.compress(_bytes(gzip.decompress(data), draw), 1, mtime=0)
    if form == "png" and inner:
        return _png(data, draw)
    if form == "dicom" and inner:
        return _dicom(data, draw)
    if form == "text":
        return _text(data, draw)
    return _bytes(data, draw)


def _dicom(data: bytes, draw: random.Random) -> bytes:
    """Elements at any depth are dropped, or get another value under the same tag and VR; all lengths stay true."""
    from pydicom import dcmread
    from pydicom.dataelem import RawDataElement

    class _Raw(RawDataElement):
        is_undefined_length = property(lambda self: self.length == 0xFFFFFFFF)  # which the writer asks for

    def below(dataset: Any) -> Iterator[tuple[Any, Any]]:
        for tag in list(dataset.keys()):
            yield dataset, tag
            if dataset.get_item(tag).VR == "SQ":
                for item in dataset[tag].value or ():
                    yield from below(item)

    out = io.BytesIO()
    try:
        whole = dcmread(io.BytesIO(data), force=True)
        found = list(below(whole))
        for _ in range(draw.choice((1, 1, 2, 4))):
            dataset, tag = draw.choice(found)
            element = dataset.get_item(tag) if tag in dataset else None
            if element is None or draw.random() < 0.2:
                dataset.pop(tag, None)
            elif element.VR != "SQ":
                value = _value(element, draw)
                value += b"\0" * (len(value) % 2)
                size = 0xFFFFFFFF if getattr(element, "is_undefined_length", False) else len(value)
                implicit, little = whole.original_encoding
                dataset._dict[tag] = _Raw(tag, element.VR, size, value, 0, implicit, little)
        whole.save_as(out, enforce_file_format=False)
    except Exception:  # some can't be written again
        return _bytes(data, draw)
    return out.getvalue()


def _value(element: Any, draw: random.Random) -> bytes:
    """Bytes for an element: odd numbers, one or several, words, or its own bytes with something wrong."""
    own = element.value if isinstance(element.value, bytes) else str(element.value).encode("utf-8", "replace")
    how = draw.choice(("numbers", "text", "text", "bytes", "empty", "twice"))
    if how == "numbers":
        several = range(draw.choice((1, 1, 2, 3)))
        return b"".join((draw.choice(ODD) & 0xFFFF).to_bytes(2, "little") for _ in several)
    if how == "text":
        return "\\".join(draw.choice(NUMBERS) for _ in range(draw.choice((1, 1, 2, 6)))).encode()[:4000]
    if how == "twice":
        return own + b"\\" + own
    return _bytes(own, draw) if how == "bytes" and own else b""


def _bytes(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice((_flip, _flip, _field, _field, _field, _cut, _drop, _double, _insert, _swap, _fill))(found, draw)
    return bytes(found)


def _near_the_front(size: int, draw: random.Random) -> int:
    """Mostly in the header, where a byte decides most."""
    return draw.randrange(max(1, min(size, draw.choice((64, 400, 2000, size)))))


def _flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 1, 3, 20))):
        if data:
            data[_near_the_front(len(data), draw)] ^= 1 << draw.randrange(8)


def _field(data: bytearray, draw: random.Random) -> None:
    """A number of 8 to 64 bits becomes an odd or a huge one: a length bomb, where it was a length."""
    width = draw.choice((1, 2, 2, 4, 4, 8))
    value = draw.choice(HUGE if width == 8 else ODD) % 2 ** (8 * width)
    at = _near_the_front(len(data), draw)
    if width > 1 and draw.random() < 0.7:
        at -= at % 2
    data[at : at + width] = value.to_bytes(width, draw.choice(("little", "big")))


def _cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data) + 1) :]


def _drop(data: bytearray, draw: random.Random) -> None:
    at = _near_the_front(len(data), draw)
    del data[at : at + draw.choice((1, 2, 8, 100, 5000))]


def _double(data: bytearray, draw: random.Random) -> None:
    at = _near_the_front(len(data), draw)
    data[at:at] = data[at : at + draw.choice((1, 4, 64, 2000))] * draw.choice((1, 1, 9))


def _insert(data: bytearray, draw: random.Random) -> None:
    at = _near_the_front(len(data), draw)
    data[at:at] = draw.randbytes(draw.choice((1, 2, 4, 64, 1000)))


def _swap(data: bytearray, draw: random.Random) -> None:
    size = draw.choice((2, 8, 64, 512))
    a, b = _near_the_front(len(data), draw), draw.randrange(max(1, len(data)))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def _fill(data: bytearray, draw: random.Random) -> None:
    at, size = _near_the_front(len(data), draw), draw.choice((4, 32, 700))
    data[at : at + size] = bytes([draw.choice((0, 0xFF, 0x20, 0x41))]) * len(data[at : at + size])


def _png(data: bytes, draw: random.Random) -> bytes:
    """Chunks are changed, doubled, dropped or moved, and get their check sums again; so do pixels when unpacked."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    for _ in range(draw.choice((1, 1, 2))):
        number = draw.randrange(len(chunks))
        kind, body = chunks[number]
        how = draw.choice(("body", "body", "pixels", "kind", "double", "drop", "move"))
        if how == "body":
            chunks[number] = (kind, _bytes(body, draw))
        elif how == "pixels":
            whole = b"".join(part for name, part in chunks if name == b"IDAT")
            packed = zlib.compress(_bytes(_unpacked(whole), draw), 1)
            chunks = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
            chunks.insert(max(1, len(chunks) - 1), (b"IDAT", packed))
        elif how == "kind":
            chunks[number] = (draw.choice((b"IDAT", b"tRNS", b"PLTE", b"acTL", b"eXIf", b"iCCP", b"zTXt", kind)), body)
        elif how == "double":
            chunks.insert(number, (kind, body))
        elif how == "move":
            chunks.insert(draw.randrange(len(chunks)), chunks.pop(number))
        elif len(chunks) > 1:
            chunks.pop(number)
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 1 << 22)
    except zlib.error:
        return data


def _text(data: bytes, draw: random.Random) -> bytes:
    """Numbers, quotes and names become others; else bytes, as of any file."""
    if draw.random() < 0.3:
        return _bytes(data, draw)
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(draw.choice((1, 1, 2, 5))):
        how = draw.choice(("number", "number", "piece", "piece", "word", "line", "lines"))
        if how == "number" and (found := list(re.finditer(r"-?\d+(\.\d+)?", text))):
            one = draw.choice(found)
            text = text[: one.start()] + draw.choice(NUMBERS) + text[one.end() :]
        elif how == "word" and (found := list(re.finditer(r"\w+", text))):
            one, other = draw.choice(found), draw.choice(found)
            text = text[: one.start()] + other[0] + text[one.end() :]
        elif how == "line":
            lines = text.splitlines(keepends=True)
            lines.insert(draw.randrange(len(lines) + 1), draw.choice([*lines, "\n"]))
            text = "".join(lines)
        elif how == "lines":
            lines = text.splitlines(keepends=True)
            draw.shuffle(lines)
            text = "".join(lines)
        else:
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(PIECES) + text[at + draw.choice((0, 0, 1, 5)) :]
    return text.encode("utf-8", "surrogatepass" if draw.random() < 0.5 else "replace")
