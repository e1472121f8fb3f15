"""Tables of a BIDS data set: participants, sessions, and what the values of a discrete segmentation mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from medloom.converters.formats.table import Table
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Visit

MISSING = ("n/a", "N/A", "")


class Participants:
    """``participants.tsv``: rows by subject, without ``sub-``, with the pointer to each. Empty where there is none.

    Raises BadInput as `Table` does, and ``missing_column``, ``duplicate_key``.
    """

    file = "participants.tsv"

    def __init__(self, root: Path) -> None:
        self._rows: dict[str, tuple[dict[str, str], str]] = {}
        if not (root / self.file).exists():
            return
        table = Table(root, self.file, "\t")
        table.require("participant_id")
        for number, row in table.rows():
            if isinstance(row, BadInput):
                raise row
            subject = row["participant_id"].removeprefix("sub-")
            if subject in self._rows:
                raise BadInput("duplicate_key", f"two rows of participant {subject!r}", self.file)
            cells = {name: "" if value in MISSING else value for name, value in row.items()}
            self._rows[subject] = (cells, f"{self.file}#row={number}")

    def of(self, subject: str) -> tuple[Mapping[str, str], str] | None:
        """(cells, "" for n/a; pointer to the row), or None."""
        return self._rows.get(subject)


def visits(root: Path, subject: str, sessions: list[str]) -> dict[str, Visit]:
    """The visits of one subject by session, dated where ``sub-X_sessions.tsv`` has ``acq_time`` for all of them.

    Days count from the first. Raises BadInput as `Table` does, and ``bad_visit``.
    """
    file = f"sub-{subject}/sub-{subject}_sessions.tsv"
    dates: dict[str, datetime] = {}
    if (root / file).exists():
        table = Table(root, file, "\t")
        table.require("session_id")
        for _, row in table.rows():
            if isinstance(row, BadInput):
                raise row
            said = row.get("acq_time", "")
            if said in MISSING:
                continue
            try:
                dates[row["session_id"].removeprefix("ses-")] = datetime.fromisoformat(said).replace(tzinfo=None)
            except ValueError:
                raise BadInput("bad_visit", f"{said!r} is no date and time of ISO 8601", file) from None
    if not sessions or any(session not in dates for session in sessions):
        return {session: Visit(key=session) for session in sessions}
    first = min(dates[session] for session in sessions)
    return {
        session: Visit(key=session, day=round((dates[session] - first).total_seconds() / 86400, 3))
        for session in sessions
    }


def segment_names(root: Path, file: str) -> dict[int, str]:
    """Names by value of a ``dseg.tsv`` (columns ``index`` and ``name``). Raises BadInput ``bad_lookup``."""
    table = Table(root, file, "\t")
    table.require("index", "name")
    found: dict[int, str] = {}
    for number, row in table.rows():
        if isinstance(row, BadInput):
            raise row
        try:
            value = int(row["index"])
        except ValueError:
            raise BadInput("bad_lookup", f"row {number}: {row['index']!r} is no whole number", file) from None
        if found.setdefault(value, row["name"]) != row["name"]:
            raise BadInput("bad_lookup", f"two names of value {value}", file)
    return {value: name for value, name in found.items() if value and name not in MISSING}
