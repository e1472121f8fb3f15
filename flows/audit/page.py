"""The audit as one HTML page that needs nothing else, in the dress of a build's report."""

from __future__ import annotations

import cv2
import polars as pl

from medloom.converters.pixels.raster import decode
from medloom.flows.audit.findings import Finding
from medloom.flows.audit.pictures import Finder, Seen, small_copy
from medloom.flows.audit.run import Audit
from medloom.flows.report.render_report import environment, own_parts
from medloom.schemas.errors import BadInput

WORDS = {"bad": "bad", "look": "look", "fine": "fine", "skipped": "not judged"}
SHOWN = 60


def render_audit(found: Audit, items: pl.DataFrame, seen: Seen, finder: Finder) -> str:
    """The whole page; what comes from the corpus is escaped, pictures are small copies inside of it."""
    return (
        environment()
        .get_template("audit.html")
        .render(
            a=found,
            **own_parts("report.css", "audit.css"),
            words=WORDS,
            pictures=_pictures(found, seen, finder),
            bar=_bar,
        )
    )


def _pictures(found: Audit, seen: Seen, finder: Finder) -> dict[str, str]:
    """Small copies of the examples' pictures, by name, as data URIs."""
    shown: dict[str, str] = {}
    for finding in found.findings:
        for example in finding.examples:
            name = example.picture
            if not name or name in shown or name in seen.broken or len(shown) >= SHOWN:
                continue
            if name in seen.shown:
                shown[name] = seen.shown[name]
            elif path := finder.find(name):
                try:
                    shown[name] = small_copy(decode(path.read_bytes()))
                except (BadInput, OSError, cv2.error):
                    continue
    return shown


def _bar(finding: Finding) -> dict[str, float] | None:
    """Where value and bound lie on a line from 0 to 1000; None where they are no shares."""
    if finding.value is None or not 0 <= finding.value <= 1:
        return None
    return {"value": round(1000 * finding.value, 1), "bound": round(1000 * min(1.0, finding.bound or 0.0), 1)}
