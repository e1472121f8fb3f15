"""The page as a reader meets it: opened from disk in a real browser."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import cv2
import msgspec
import numpy as np
import pytest

from medloom.flows.figures import Example
from medloom.flows.report.render_report import render_report
from medloom.schemas.record import Place


@pytest.fixture(scope="module")
def opened(browser, figures, tmp_path_factory):
    """The page, and what the browser complained of or asked for while it was used."""
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(render_report(figures), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light")
    heard = {"console": [], "errors": [], "requests": []}
    page.on("console", lambda message: heard["console"].append(message.text))
    page.on("pageerror", lambda error: heard["errors"].append(str(error)))
    page.on("request", lambda request: heard["requests"].append(request.url))
    page.goto(path.as_uri())
    yield page, heard, path
    page.close()
    outside = [url for url in heard["requests"] if not url.startswith("data:") and url != path.as_uri()]
    assert (heard["console"], heard["errors"], outside) == ([], [], [])


def visible(page, selector):
    return [each for each in page.query_selector_all(selector) if each.is_visible()]


def test_it_opens_without_a_word_and_without_the_network(opened):
    page, heard, path = opened
    assert page.title() == "Drawn clinic and blood smears 1.2.0 · medloom report"
    assert page.inner_text(".numbers").split("\n")[:4] == ["pictures", "516", "records", "1,800"]
    assert heard["console"] == [] and heard["errors"] == []
    assert [url for url in heard["requests"] if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_of_a_stranger_runs(opened, evil):
    page, _, _ = opened
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0
    assert page.locator("[onerror]").count() == 0
    page.click("#tab-sheet-6")
    assert evil in page.inner_text("#sheet-6 .options")


class Listener(BaseHTTPRequestHandler):
    """Notes what is asked of it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_the_policy_stops_what_escaping_would_let_through(browser, figures, tmp_path):
    """Defence in depth: a script and a picture written into the page by hand do not run and are not fetched."""
    text = render_report(figures)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text).group()
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for name, page_text in (("guarded", text), ("unguarded", text.replace(policy, ""))):
            hole = f"<script>window.hacked = 3</script><img src='{address}/{name}.png' onerror='window.hacked = 4'>"
            path = tmp_path / f"{name}.html"
            path.write_text(page_text.replace("<main", hole + "<main", 1), encoding="utf-8")
            page = browser.new_page()
            page.goto(path.as_uri())
            page.wait_for_load_state("networkidle")
            assert (page.evaluate("window.hacked") is None) == (name == "guarded")
            page.close()
        server.shutdown()
    assert Listener.asked == ["/unguarded.png"]


def test_tabs_show_one_panel_at_a_time(opened):
    page, _, _ = opened
    for name in ("task", "split", "crossing", "source"):
        page.click(f"#tab-by-{name}")
        assert [each.get_attribute("id") for each in visible(page, "#holds .panel")] == [f"by-{name}"]
        assert page.get_attribute(f"#tab-by-{name}", "aria-selected") == "true"
    page.press("#tab-by-source", "ArrowRight")
    assert [each.get_attribute("id") for each in visible(page, "#holds .panel")] == ["by-task"]


def test_a_picture_of_the_strip_opens_its_sheet(opened):
    page, _, _ = opened
    page.click("[data-open=sheet-3]")
    assert [each.get_attribute("id") for each in visible(page, ".sheet")] == ["sheet-3"]


def test_tables_sort_by_number_and_by_word(opened):
    page, _, _ = opened
    names = "#holds .ledger tbody th .name"
    page.click("#holds .ledger thead th:nth-child(3) button")
    assert page.locator(names).all_inner_texts() == ["blood_cells", "chest_films", "phantom_clinic"]
    page.click("#holds .ledger thead th:nth-child(3) button")
    assert page.locator(names).all_inner_texts() == ["phantom_clinic", "chest_films", "blood_cells"]
    page.click("#holds .ledger thead th:nth-child(1) button")
    assert page.locator(names).all_inner_texts() == ["phantom_clinic", "chest_films", "blood_cells"]
    assert page.get_attribute("#holds .ledger thead th:nth-child(1)", "aria-sort") == "descending"


def test_finding_narrows_records_and_quarantine(opened):
    page, _, _ = opened
    page.fill("#card-find", "radiograph-nowhere")
    assert page.inner_text("#card-count").startswith("0 of 7")
    page.fill("#card-find", "Where are the lungs")
    assert len(visible(page, ".card")) == 1 and page.inner_text("#card-count").startswith("1 of 7")
    page.fill("#card-find", "")
    page.select_option("#card-split", "test")
    assert {each.get_attribute("data-split") for each in visible(page, ".card")} == {"test"}
    page.select_option("#card-split", "")
    page.fill("#quarantine input", "outside_picture")
    assert len(visible(page, "#quarantine-rows tbody tr")) == 3
    page.fill("#quarantine input", "")
    assert len(visible(page, "#quarantine-rows tbody tr")) == 6


def test_boxes_are_where_the_record_says(opened, figures):
    page, _, _ = opened
    example = next(each for each in figures.examples if each.record.task == "grounding.box")
    page.click("#tab-sheet-3")
    shown = page.eval_on_selector_all(
        "#sheet-3 .view",
        """views => views.map(view => ({
            frame: (({x, y, width, height}) => ({x, y, width, height}))(view.getBoundingClientRect()),
            boxes: [...view.querySelectorAll("rect.box")].map(box => {
                const r = box.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }),
        }))""",
    )[0]
    view, frame = example.views[0], shown["frame"]
    scale = min(frame["width"] / view.width, frame["height"] / view.height)
    left = frame["x"] + (frame["width"] - view.width * scale) / 2
    top = frame["y"] + (frame["height"] - view.height * scale) / 2
    for place, box in zip(example.record.places, shown["boxes"], strict=True):
        wanted = [left + place.box[0] * scale, top + place.box[1] * scale]
        wanted += [left + place.box[2] * scale, top + place.box[3] * scale]
        assert box == pytest.approx(wanted, abs=0.6)


@pytest.mark.parametrize("size", [(320, 240), (1700, 1100), (240, 900)])
def test_what_is_drawn_lies_on_what_is_seen(browser, figures, drawing, tmp_path, size):
    """A white square in a black picture: on the screen its outline is the box, its inside takes the mask's colour."""
    width, height = size
    square = np.zeros((height, width), bool)
    square[height // 4 : height // 2, width // 3 : width // 2 + width // 4] = True
    view, data = drawing.stored("chest_films", (square * 255).astype(np.uint8), "square")
    base = figures.examples[2].record
    plain = msgspec.structs.replace(base, id="a", task="plain", views=(view.id,), places=())
    boxed = msgspec.structs.replace(
        base,
        id="b",
        task="boxed",
        views=(view.id,),
        places=(Place(concept="square", box=drawing.box_of(square), fact=0),),
    )
    masked = msgspec.structs.replace(
        base,
        id="c",
        task="masked",
        views=(view.id,),
        places=(Place(concept="square", rle=drawing.rle_of(square), fact=0),),
    )
    examples = tuple(Example(record=record, views=(view,), pictures=(data,)) for record in (plain, boxed, masked))
    path = tmp_path / "squares.html"
    path.write_text(render_report(msgspec.structs.replace(figures, examples=examples)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="dark")  # no white corners
    page.goto(path.as_uri())
    seen = {}
    for number, task in enumerate(("boxed", "masked", "plain"), start=1):
        page.click(f"#tab-sheet-{number}")
        page.eval_on_selector_all(".word", "words => words.forEach(word => word.remove())")
        shot = page.locator(f"#sheet-{number} .view").screenshot()
        seen[task] = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR).astype(int)
    page.close()
    white = drawing.box_of(seen["plain"].min(axis=2) > 128)
    changed = np.abs(seen["boxed"] - seen["plain"]).max(axis=2) > 60
    x1, y1, x2, y2 = drawing.box_of(changed)
    outline = (x1 + 2, y1 + 2, x2 - 2, y2 - 2)  # the casing reaches 2 CSS pixels beyond the box
    assert outline == pytest.approx(white, abs=1.6)
    tinted = np.abs(seen["masked"] - seen["plain"]).max(axis=2) > 40
    assert drawing.box_of(tinted) == pytest.approx(white, abs=1.6)


def test_overlays_can_be_put_away(opened):
    page, _, _ = opened
    page.click("#tab-sheet-2")
    assert page.locator("#sheet-2 .drawn").first.is_visible()
    page.uncheck("#show-drawn")
    assert not page.locator("#sheet-2 .drawn").first.is_visible()
    page.check("#show-drawn")


def test_dark_and_light_both_follow_the_reader(opened):
    page, _, _ = opened
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.click("#theme")
    assert page.evaluate(ground) == light
    page.emulate_media(color_scheme="light")
    page.click("#theme")
    assert page.evaluate(ground) == dark
    page.click("#theme")


def test_a_narrow_screen_needs_no_sideways_scrolling(opened):
    page, _, _ = opened
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1400, "height": 900})


def test_print_shows_every_panel(opened):
    page, _, _ = opened
    page.emulate_media(media="print")
    assert len(visible(page, ".sheet")) == 7 and len(visible(page, "#holds .panel")) == 7
    assert not visible(page, "[role=tablist]")
    page.emulate_media(media="screen")


def test_it_reads_without_script(browser, figures, tmp_path):
    path = tmp_path / "plain.html"
    path.write_text(render_report(figures), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".card").count() == 7
    assert page.locator(".card").last.is_visible() and not page.locator("#card-controls").is_visible()
    context.close()
