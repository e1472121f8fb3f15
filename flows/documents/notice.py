"""NOTICE: whose data is in the corpus, under which licences, and what these ask to carry along."""

from __future__ import annotations

from medloom.flows.figures import CorpusFigures, LicenceRow
from medloom.flows.plain_text import plain_text
from medloom.schemas.licence import LicenceError, known, licence_ids
from medloom.schemas.licence_table import Licence

CHANGED = (
    "Changed: pictures may be windowed, resized or re-encoded, their metadata removed; the texts are made from the "
    "annotations and are not the authors' own."
)


def render_notice(figures: CorpusFigures) -> str:
    """Plain text: each source with title, address, licences and their links, citation, changes and own notice."""
    lines = [
        f"{figures.title or figures.corpus} {figures.version}",
        f"Released under {figures.release_licence}. It contains data of others:",
    ]
    for source in dict.fromkeys(row.source for row in figures.licences):
        lines += ["", "-" * 78, *_source([row for row in figures.licences if row.source == source])]
    return plain_text("\n".join(lines) + "\n")


def _source(rows: list[LicenceRow]) -> list[str]:
    first = rows[0]
    terms = {term.id: term for row in rows for term in _terms(row.licence)}
    lines = [_line(f"{first.title} ({first.source})")]
    if first.phantom:
        lines.append("Phantom, not real data.")
    if first.homepage:
        lines.append(_line(first.homepage))
    lines += [_line(f"Licence: {row.licence} ({row.records:,} records)") for row in rows]
    lines += [f"  {term.id}: {term.name}" + (f" <{term.url}>" if term.url else "") for term in terms.values()]
    lines.append(_line(f"Cite: {first.citation}"))
    if any(term.attribution or term.notice for term in terms.values()):
        lines.append(CHANGED)
    for notice in dict.fromkeys(row.notice for row in rows if row.notice):
        lines += ["", *(f"  {line}".rstrip() for line in notice.strip().splitlines())]
    return lines


def _line(text: str) -> str:
    return " ".join(text.split())


def _terms(licence: str) -> list[Licence]:
    try:
        return [row for key in licence_ids(licence) if (row := known(key)) is not None]
    except LicenceError:
        return []
