"""Conventions: the coordinates of Qwen-VL 2, 2.5 and 3, InternVL and Florence-2.

Where a convention is in whole numbers, what is read back lies within half a step of the stored pixel: half a pixel of
the resized picture, or 1/2000 of a side where sides are a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from medloom.flows.export.geometry import Convention, Coordinates, Thing
from medloom.schemas.errors import CatalogError
from medloom.schemas.view import View

QWEN25_MOST = 12_845_056
"""Pixels of the largest picture that Qwen2.5-VL-Instruct's own preprocessor_config.json lets through (16384 · 28²)."""


class Thousandths(Convention):
    """0 to 1000 of each side, whole numbers, JSON: Qwen3-VL."""

    name = "qwen3"

    def scaled(self, at: Coordinates, view: View) -> list[int] | list[float]:
        return [_part(number, 1000, side) for number, side in zip(at, _sides(at, view), strict=True)]


class Qwen2Tokens(Thousandths):
    """0 to 1000 between special tokens: Qwen2-VL."""

    name = "qwen2"
    json = False

    def several(self, things: Sequence[tuple[Thing, View]]) -> str:
        return "".join(
            ("" if thing.label is None else f"<|object_ref_start|>{thing.label}<|object_ref_end|>")
            + self.inline(thing, view)
            for thing, view in things
        )

    def inline(self, thing: Thing, view: View) -> str:
        numbers = self.scaled(thing.at, view)
        corners = ",".join(f"({numbers[i]},{numbers[i + 1]})" for i in range(0, len(numbers), 2))
        return f"<|box_start|>{corners}<|box_end|>"

    def nothing(self, text: str) -> str:
        return _without_list(text)


class InternVL(Thousandths):
    """``<ref>liver</ref><box>[[x1, y1, x2, y2]]</box>``, 0 to 1000; all boxes of one name in one list."""

    name = "internvl"
    json = False

    def several(self, things: Sequence[tuple[Thing, View]]) -> str:
        named: dict[str | None, list[str]] = {}
        for thing, view in things:
            named.setdefault(thing.label, []).append(str(self.scaled(thing.at, view)))
        return ", ".join(
            ("" if label is None else f"<ref>{label}</ref>") + f"<box>[{', '.join(boxes)}]</box>"
            for label, boxes in named.items()
        )

    def inline(self, thing: Thing, view: View) -> str:
        return f"<box>[{self.scaled(thing.at, view)}]</box>"

    def nothing(self, text: str) -> str:
        return _without_list(text)


class Florence(Convention):
    """``liver<loc_12><loc_40><loc_300><loc_420>``: a thousand bins a side, counted from 0, by floor: Florence-2."""

    name = "florence"
    json = False

    def scaled(self, at: Coordinates, view: View) -> list[int] | list[float]:
        return [min(999, math.floor(number * 1000 / side)) for number, side in zip(at, _sides(at, view), strict=True)]

    def several(self, things: Sequence[tuple[Thing, View]]) -> str:
        return "".join((thing.label or "") + self.inline(thing, view) for thing, view in things)

    def inline(self, thing: Thing, view: View) -> str:
        return "".join(f"<loc_{number}>" for number in self.scaled(thing.at, view))

    def nothing(self, text: str) -> str:
        return _without_list(text)


class Resized(Convention):
    """Whole pixels of the picture as the model gets it, JSON: Qwen2.5-VL. The size is its own processor's to say."""

    name = "qwen2.5"

    def __init__(self, processor: str | None = None) -> None:
        self.size = resized_by(processor)

    def scaled(self, at: Coordinates, view: View) -> list[int] | list[float]:
        width, height = self.size(view.width, view.height)
        sides = (width, height) * (len(at) // 2)
        native = _sides(at, view)
        return [_part(number, side, of) for number, side, of in zip(at, sides, native, strict=True)]


def resized_by(processor: str | None) -> Any:
    """(width, height) → (width, height) of the picture after the model's own image processor of `transformers`.

    `processor` is a folder with a preprocessor_config.json, or a model's name on the Hub; None is Qwen2.5-VL-Instruct's
    own setting. Raises CatalogError where transformers isn't installed or the processor doesn't resize so.
    """
    try:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
    except ImportError as error:
        raise CatalogError(
            f"pixels of the resized picture are computed by transformers ({error}): pip install 'medloom[export]'"
        ) from None
    if processor is None:
        made: Any = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=QWEN25_MOST)
    else:
        where = str(Path(processor).expanduser()) if Path(processor).expanduser().is_dir() else processor
        try:
            made = Qwen2VLImageProcessorPil.from_pretrained(where)
        except (OSError, ValueError) as error:
            raise CatalogError(f"no image processor could be read from {processor}: {error}") from None
    factor = made.patch_size * made.merge_size
    least, most = made.size["shortest_edge"], made.size["longest_edge"]

    @lru_cache(maxsize=4096)
    def size(width: int, height: int) -> tuple[int, int]:
        down, right = smart_resize(height, width, factor=factor, min_pixels=least, max_pixels=most)
        return int(right), int(down)

    return size


def _sides(at: Coordinates, view: View) -> tuple[int, ...]:
    return (view.width, view.height) * (len(at) // 2)


def _part(number: float, whole: int, side: int) -> int:
    return min(whole, max(0, round(number * whole / side)))


def _without_list(text: str) -> str:
    """The text without the empty list at its end; ``none`` where there is nothing else."""
    return text.rstrip().removesuffix("[]").rstrip() or "none"
