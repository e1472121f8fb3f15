"""The report as one HTML page that needs nothing else: no network, no file beside it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from medloom.flows import wording
from medloom.flows.figures import CorpusFigures, open_books
from medloom.flows.naming import modality_name
from medloom.flows.plain_text import plain_text
from medloom.flows.report.chart import HEIGHT, LEFT, WIDTH, histogram_chart, segments
from medloom.flows.report.contact_sheet import contact_sheets
from medloom.flows.report.funnel import funnel_groups
from medloom.flows.report.letter_test import letter_test
from medloom.flows.report.tally import SPLITS, crossing, tallies

QUARANTINE_ROWS, CLASH_ROWS, BALANCE_ROWS, EXAMPLES = 400, 60, 60, 12


def render_report(figures: CorpusFigures) -> str:
    """The whole page. The same figures give the same text; `figures.run` is all of it that a clock has touched.

    Everything that comes from a source is escaped, and a Content-Security-Policy names the digests of the page's own
    style and script, so that a browser runs nothing else and fetches nothing.
    """
    return (
        environment()
        .get_template("page.html")
        .render(
            f=figures,
            **own_parts("report.css"),
            groups=funnel_groups(figures.funnel),
            tables=tallies(figures),
            crossing=crossing(figures),
            charts=[histogram_chart(histogram) for histogram in figures.histograms],
            letter_test=letter_test(figures.letters),
            contact=contact_sheets(figures),
            wrong=open_books(figures),
            phantoms={source.source for source in figures.sources if source.phantom},
            phantom_records=sum(source.records for source in figures.sources if source.phantom),
            chart={"width": WIDTH, "height": HEIGHT, "left": LEFT},
            splits=SPLITS,
            limits={
                "quarantine": QUARANTINE_ROWS,
                "clashes": CLASH_ROWS,
                "balance": BALANCE_ROWS,
                "examples": EXAMPLES,
            },
        )
    )


def part_of(name: str) -> str:
    """A file of this folder: a template, a style or a script."""
    return files("medloom.flows.report").joinpath(name).read_text(encoding="utf-8")


def own_parts(*styles: str) -> dict[str, Any]:
    """Style and script of a page, and the digests by which its Content-Security-Policy lets them run."""
    style, script = "".join(map(part_of, styles)), part_of("report.js")
    return {
        "style": Markup(style),
        "script": Markup(script),
        "style_digest": digest_of(style),
        "script_digest": digest_of(script),
    }


def digest_of(text: str) -> str:
    """As a Content-Security-Policy states it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(value: Any) -> Any:
    """Applied to every value before it is escaped: strangers' text loses what can't be shown."""
    return plain_text(value, 4000) if type(value) is str else value


def environment() -> Environment:
    """Templates of this folder; everything is escaped, and freed of what can't be shown."""
    made = Environment(
        loader=FunctionLoader(part_of),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    made.filters |= {
        "whole": wording.whole,
        "decimal": wording.decimal,
        "size": wording.size,
        "duration": wording.duration,
        "cut": plain_text,
        "modality": modality_name,
        "as_chart": histogram_chart,
    }
    made.globals |= {"share": wording.share, "segments": segments}
    return made
