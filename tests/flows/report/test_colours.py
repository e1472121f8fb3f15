"""Contrast of text on its ground, as WCAG 2.2 (1.4.3) defines it, in both themes."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("medloom.flows.report").joinpath("report.css").read_text(encoding="utf-8")
THEMES = {
    "light": re.search(r":root \{(.*?)\}", CSS, re.S).group(1),
    "dark": re.search(r':root\[data-theme="dark"\] \{(.*?)\}', CSS, re.S).group(1),
    "dark by the system": re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', CSS, re.S).group(1),
}
TEXT = [
    (ink, ground)
    for ink in ("ink", "soft", "weft", "warp", "good", "bad", "phantom", "dropped")
    for ground in ("page", "sheet")
] + [("phantom", "phantom-well"), ("ink", "phantom-well"), ("ink", "well"), ("page", "ink")]  # fmt: skip
MARKS = [(mark, "page") for mark in ("train", "validation", "test", "kept", "dropped", "column", "unsplit")]


def colours(theme):
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", THEMES[theme]))


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_has_four_and_a_half_to_one_and_marks_three(theme):
    found = colours(theme)
    weak = [(*pair, round(contrast(found[pair[0]], found[pair[1]]), 2)) for pair in TEXT
            if contrast(found[pair[0]], found[pair[1]]) < 4.5]  # fmt: skip
    assert weak == []
    assert [pair for pair in MARKS if contrast(found[pair[0]], found[pair[1]]) < 3.0] == []


def test_both_ways_to_the_dark_are_the_same():
    assert colours("dark") == colours("dark by the system")
