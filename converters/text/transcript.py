"""Transcripts: what is said in a clip, cue by cue, from SubRip, WebVTT and JSON files."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from medloom.schemas.errors import BadInput

# SubRip writes 00:00:01,500; WebVTT 00:00:01.500 or 00:01.500 (https://www.w3.org/TR/webvtt1/#webvtt-timestamp).
_TIMING = re.compile(r"\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s+-->\s+((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})(?:\s.*)?")
_TAGS = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


class Cue(msgspec.Struct, frozen=True):
    """One cue: `start_s` and `end_s` in seconds of the clip, and what is said. `number` counts from 0 in its file."""

    number: int
    start_s: float
    end_s: float
    body: str


def cues(data: bytes, suffix: str) -> Iterator[Cue | BadInput]:
    """The cues of a file that ends in `suffix` (.srt, .vtt, .json), and in the place of one that can't be used, why.

    JSON is a list of objects with start, end and text, or an object that holds one below ``segments``, as Whisper
    writes it. Markup is left out. Raises BadInput ``not_a_transcript``, ``not_utf8``.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("not_utf8", str(error)) from None
    if suffix.lower() == ".json":
        yield from _of_json(text)
        return
    if suffix.lower() == ".vtt" and not text.lstrip().startswith("WEBVTT"):
        raise BadInput("not_a_transcript", "a WebVTT file begins with WEBVTT")
    number = 0
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((index for index, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None:  # the header, a note, a style
            continue
        timing = _TIMING.fullmatch(lines[at])
        if timing is None:
            yield BadInput("bad_cue", f"cue {number}: {lines[at]!r:.60} is no pair of times")
        else:
            yield _cue(number, _seconds(timing[1]), _seconds(timing[2]), " ".join(lines[at + 1 :]))
        number += 1
    if number == 0:
        raise BadInput("not_a_transcript", "it holds no cue")


def _of_json(text: str) -> Iterator[Cue | BadInput]:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("not_a_transcript", f"{type(error).__name__}: {error}") from None
    entries = content.get("segments") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        raise BadInput("not_a_transcript", "neither a list of cues nor an object with `segments`")
    for number, entry in enumerate(entries):
        try:
            start, end = float(entry["start"]), float(entry["end"])
            yield _cue(number, start, end, str(entry["text"]))
        except (KeyError, TypeError, ValueError):
            yield BadInput("bad_cue", f"cue {number} lacks start, end or text")


def _cue(number: int, start: float, end: float, body: str) -> Cue | BadInput:
    said = " ".join(html.unescape(_TAGS.sub("", body)).split())
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
        return BadInput("bad_cue", f"cue {number} lasts from {start} to {end} s")
    return Cue(number, start, end, said) if said else BadInput("bad_cue", f"cue {number} says nothing")


def _seconds(stamp: str) -> float:
    parts = [float(part) for part in stamp.replace(",", ".").split(":")]
    return sum(part * 60.0**power for power, part in enumerate(reversed(parts)))
