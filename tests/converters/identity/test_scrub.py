"""What the scrubber finds of identifiers planted by hand, and what it leaves of medical text that looks like them."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.identity.identifier_patterns import KINDS
from medloom.converters.identity.scrub import scrub
from medloom.schemas.marked_yaml import read_yaml

PAGE = Path(__file__).resolve().parents[3] / "docs" / "deidentification.md"
NOTES = read_yaml(Path(__file__).with_name("notes.yaml").read_text("utf-8")).data
HELD_OUT = read_yaml(Path(__file__).with_name("notes_held_out.yaml").read_text("utf-8")).data
FRESH = read_yaml(Path(__file__).with_name("notes_fresh.yaml").read_text("utf-8")).data
PLANTED = re.compile(r"\{([A-Z]+):([^{}]*)\}")
TITLES = {"dr", "professor", "mr", "mrs", "ms", "prof", "nurse", "md", "rn", "the"}
PLAIN = "Patient {NAME:Jonathan Briggs} was seen on {DATE:3/14/2019}."


def plain(note):
    """The note without its marks, and the planted identifiers as (start, end, kind)."""
    text, planted, at = "", [], 0
    for found in PLANTED.finditer(note):
        text += note[at : found.start()]
        planted.append((len(text), len(text) + len(found[2]), found[1]))
        text += found[2]
        at = found.end()
    return text + note[at:], planted


def left_of(identifier, scrubbed):
    """The identifier's own words that still stand in the scrubbed text."""
    words = [word for word in re.findall(r"[\w@]+", identifier) if word.casefold() not in TITLES and len(word) > 1]
    return [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", scrubbed)]


def measured(notes):
    """By kind: planted and found; then how many other words were lost, and beside how many placeholders."""
    planted, found, stray, made = Counter(), Counter(), 0, 0
    for note in notes["identifying"]:
        text, marks = plain(note)
        scrubbed = scrub(text)
        made += len(scrubbed.kinds)
        rest = PLANTED.sub("\0", note)
        # Words of the note that were not planted must all be there still.
        kept = [word for word in re.findall(r"[\w]+", rest) if word.casefold() not in TITLES]
        stray += sum(not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", scrubbed.text) for word in set(kept))
        for start, end, kind in marks:
            planted[kind] += 1
            found[kind] += not left_of(text[start:end], scrubbed.text)
    return planted, found, stray, made


def test_the_sets_are_big_enough_and_know_every_kind():
    planted = Counter(kind for note in NOTES["identifying"] for _, _, kind in plain(note)[1])
    assert sum(planted.values()) >= 150
    assert set(planted) == set(KINDS)
    assert len(NOTES["surviving"]) >= 150


@pytest.mark.parametrize("note", NOTES["identifying"], ids=range(len(NOTES["identifying"])))
def test_what_is_planted_goes(note):
    text, marks = plain(note)
    scrubbed = scrub(text).text
    missed = {text[start:end]: left for start, end, _ in marks if (left := left_of(text[start:end], scrubbed))}
    assert not missed, scrubbed


@pytest.mark.parametrize("note", NOTES["surviving"], ids=range(len(NOTES["surviving"])))
def test_what_looks_like_an_identifier_stays(note):
    assert scrub(note).text == note


def table():
    """Markdown: kind, planted and found in each set; then what was lost of look-alikes."""
    lines = ["| kind | first set | found | second set | found | third set | found |", "|---|---|---|---|---|---|---|"]
    counts = [measured(notes) for notes in (NOTES, HELD_OUT, FRESH)]
    rows = [(kind, [(one[0][kind], one[1][kind]) for one in counts]) for kind in KINDS]
    rows.append(("all", [(sum(one[0].values()), sum(one[1].values())) for one in counts]))
    lines += [
        f"| {kind} | " + " | ".join(f"{there} | {found}" for there, found in pairs) + " |" for kind, pairs in rows
    ]
    alike = [*NOTES["surviving"], *HELD_OUT["surviving"]]
    touched = sum(scrub(note).text != note for note in alike)
    stray, made = sum(one[2] for one in counts), sum(one[3] for one in counts)
    said = f"Of {len(alike)} sentences that only look like it, {touched} were touched; {stray} other words were lost"
    lines += ["", f"{said} beside {made} placeholders."]
    return "\n".join(lines)


def test_the_manuals_table_is_what_was_measured():
    found = table()
    page = PAGE.read_text("utf-8")
    block = re.compile(r"(<!-- scrubbed -->\n).*?(<!-- end -->)", re.DOTALL)
    if os.environ.get("MEDLOOM_WRITE_DOCS"):
        page = block.sub(lambda old: f"{old[1]}{found}\n{old[2]}", page)
        PAGE.write_text(page, "utf-8")
    assert found in page, found


def test_figures():
    planted, found, stray, _ = measured(NOTES)
    assert sum(found.values()) / sum(planted.values()) >= 0.95, found
    assert stray <= 5


def test_nothing_is_found_in_what_was_scrubbed():
    for note in NOTES["identifying"]:
        once = scrub(plain(note)[0])
        assert scrub(once.text).text == once.text


def test_kinds_are_counted_and_text_without_capitals_or_figures_is_not_looked_at():
    assert scrub(plain(PLAIN)[0]).kinds == ("NAME", "DATE")
    assert scrub("no acute abnormality").kinds == ()


@given(st.text(max_size=200))
def test_any_text_is_scrubbed_and_stays_so(text):
    once = scrub(text)
    assert len(once.kinds) >= once.text.count("[NAME]") - text.count("[NAME]")
    assert scrub(once.text).text.count("[DATE]") >= once.text.count("[DATE]")


@pytest.mark.parametrize(
    "hard", ["A. " * 4000, "Aa, " * 4000, "1-" * 8000, "Dr. " * 3000, "Von de la " * 2000, "9" * 20000]
)
def test_no_text_takes_long(hard):
    began = time.process_time()
    scrub(hard)
    assert time.process_time() - began < 5
