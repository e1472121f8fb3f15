"""`reports`: a report for each radiograph, as a table and as XML in the manner of the OpenI collection."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.sax.saxutils import escape

from medloom.converters.phantom.reports import SECTIONS
from medloom.converters.phantom.truth import PatientTruth, VisitTruth

FOLDER = "reports"


def write_report_folder(root: Path, patients: list[PatientTruth]) -> None:
    """Writes ``reports.csv`` (a column for each section) and ``xml/PATIENT_VISIT.xml``."""
    (root / FOLDER / "xml").mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "patient", "visit", "day", "image", *(name.lower() for name in SECTIONS)])
    for patient in patients:
        for visit in patient.visits:
            sections = dict(line.split(": ", 1) for line in visit.report.splitlines())
            key = Path(visit.report_xml).stem
            rows.writerow([key, patient.key, visit.key, visit.day, visit.film, *(sections[name] for name in SECTIONS)])
            (root / visit.report_xml).write_text(_xml(key, visit, sections), "utf-8", newline="\n")
    (root / FOLDER / "reports.csv").write_bytes(text.getvalue().encode())


def _xml(key: str, visit: VisitTruth, sections: dict[str, str]) -> str:
    """The elements that readers of OpenI's files look for: id, sections, and the picture that the report is about."""
    order = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
    lines = [f'            <AbstractText Label="{name}">{escape(sections[name])}</AbstractText>' for name in order]
    body = "\n".join(lines)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<eCitation>
   <meta type="rr"/>
   <uId id="{key}"/>
   <docSource>medloom phantom, not real data</docSource>
   <licenseType>open-access</licenseType>
   <licenseURL>https://creativecommons.org/publicdomain/zero/1.0/</licenseURL>
   <articleType>XR</articleType>
   <title>Phantom chest radiographs</title>
   <MedlineCitation>
      <Article>
         <Abstract>
{body}
         </Abstract>
         <Language>eng</Language>
      </Article>
   </MedlineCitation>
   <parentImage id="{Path(visit.film).stem}">
      <caption>{visit.view} radiograph of the chest</caption>
      <url>{visit.film}</url>
   </parentImage>
</eCitation>
"""
