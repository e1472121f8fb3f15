from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import cv2
import msgspec
import numpy as np
import pytest

from medloom.flows.figures import Example
from medloom.flows.report.render_report import render_report

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Tree(HTMLParser):
    """Notes every element with its attributes, all text, and tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.text, self.wrong = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def tree(text):
    parser = Tree()
    parser.feed(text)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def page(figures):
    return render_report(figures)


def test_the_same_figures_give_the_same_page(figures, page):
    again = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(figures, examples=())), type=type(figures))
    again = msgspec.structs.replace(again, examples=figures.examples)
    assert render_report(again) == page


def test_elements_are_closed_in_order_and_ids_are_unique(page):
    read = tree(page)
    assert read.wrong == [] and read.open == []
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere_within_the_page(page):
    read = tree(page)
    ids = {attributes.get("id") for _, attributes in read.elements}
    links = [each for _, at in read.elements for name, each in at.items() if name in ("href", "src", "xlink:href")]
    assert links
    assert all(each.startswith("data:") or (each.startswith("#") and each[1:] in ids) for each in links)
    assert not re.search(r"url\(|@import", page)


def test_no_style_attribute_and_no_handler_needs_the_policy_to_be_weaker(page):
    named = {name for _, attributes in tree(page).elements for name in attributes}
    assert "style" not in named and not [name for name in named if name.startswith("on")]


def test_the_policy_names_the_pages_own_style_and_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        text = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_a_strangers_words_stay_words(page, evil):
    read = tree(page)
    assert sum(tag == "script" for tag, _ in read.elements) == 1
    assert not [tag for tag, _ in read.elements if tag == "img"]
    assert evil in " ".join(read.text)
    assert "\u202e" not in page and "\x00" not in page
    page.encode("utf-8")


def test_phantoms_are_marked_wherever_they_stand(page):
    read = tree(page)
    text = " ".join(read.text)
    assert "phantom, not real data" in text and "1 of 3 sources is made by a program" in text
    cards = [at["class"] for tag, at in read.elements if tag == "article"]
    assert sorted(cards) == ["card"] * 5 + ["card is-phantom"] * 2
    rows = re.findall(r'<th scope="row">\s*<span class="name">phantom_clinic</span>(.{0,60})', page, re.S)
    assert len(rows) >= 4 and all("phantom" in row for row in rows)


def test_books_that_do_not_close_are_shown_at_the_top(figures):
    broken = msgspec.structs.replace(figures, records=figures.records + 1)
    text = render_report(broken)
    assert "The books do not close" in text and "the cells sum to 1800 records, not 1801" in text
    assert "The books do not close" not in render_report(figures)


def test_an_empty_corpus_has_a_report_too(figures):
    empty = msgspec.structs.replace(
        figures, pictures=0, records=0, patients=0, funnel=(), sources=(), cells=(), histograms=(), balance=(),
        letters=(), licences=(), quarantine=(), quarantine_counts=(), splits=(), clashes=(), examples=(), checks=(),
        concepts={}, deidentification=(), notes=(), versions=(), run=None,
    )  # fmt: skip
    read = tree(render_report(empty))
    assert read.wrong == [] and "Nothing was dropped." in " ".join(read.text)


def test_the_worst_corpus_stays_below_six_megabytes(figures, drawing):
    """Sixty pictures of pure noise with two hundred boxes and a mask each, long words, ten thousand refusals."""
    rng = np.random.default_rng(3)
    base = figures.examples[0].record
    long = "unpronounceable " * 400
    examples = []
    for number in range(90):
        noise = rng.integers(0, 256, (400, 400, 3), np.uint8)
        view, data = drawing.stored("phantom_clinic", noise, f"noise_{number}", "jpeg")
        speckle = cv2.resize(rng.integers(0, 2, (100, 100), np.uint8), (400, 400), interpolation=cv2.INTER_NEAREST)
        first = msgspec.structs.replace(base.places[0], rle=drawing.rle_of(speckle > 0), box=None)
        boxes = [msgspec.structs.replace(first, rle=None, box=(x, x, x + 9.5, x + 8.25)) for x in range(200)]
        record = msgspec.structs.replace(
            base, id=f"{number:032x}", task=f"task.{number % 7}", views=(view.id,), places=(first, *boxes), reason=long,
            turns=drawing.asked(long, long), texts=(long,) * 9, evidence=(drawing.fact(long, long, long, long),) * 40,
        )  # fmt: skip
        examples.append(Example(record=record, views=(view,), pictures=(data,)))
    rows = tuple(msgspec.structs.replace(figures.quarantine[0], detail=long, file=long) for _ in range(10_000))
    counts = (msgspec.structs.replace(figures.quarantine_counts[0], count=10_000),)
    text = render_report(
        msgspec.structs.replace(figures, examples=tuple(examples), quarantine=rows, quarantine_counts=counts)
    )
    assert 3_000_000 < len(text.encode()) < 6_000_000
    assert "9,600 more are in" in text
