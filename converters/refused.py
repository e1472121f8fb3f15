"""Refusals: what a converter yields where an input can't be used."""

from __future__ import annotations

from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal


def refused(unit: str, bad: BadInput, file: str | None = None, part: bool = False) -> Refusal:
    """The quarantine row of a BadInput that was met while listing; `file` is said where the error names none.

    `part` says that only a region or a label was lost, and that the Sample itself goes on.

    Bytes of a file name that are no UTF-8 are written as escapes, since the row itself is stored as UTF-8.
    """
    found = bad.file or file
    return Refusal(
        unit=_written(unit),
        reason=bad.reason,
        detail=_written(bad.detail),
        file=None if found is None else _written(found),
        stage="list",
        part=part,
    )


def _written(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
