"""What goes wrong, and what the reader can do about it."""

from __future__ import annotations


class MedloomError(Exception):
    """Base of all errors that medloom raises on purpose; its text is for the user, not for a traceback."""


class BadInput(MedloomError):
    """One input that cannot be used: it is quarantined and counted, and the build goes on.

    `reason` is a short snake_case code that the report counts by (``truncated``, ``outside_picture``);
    `detail` says what was found and what was expected; `file` is relative to the source's root.
    """

    def __init__(self, reason: str, detail: str, file: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}" + (f" ({file})" if file else ""))
        self.reason = reason
        self.detail = detail
        self.file = file

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str, str | None]]:
        return (BadInput, (self.reason, self.detail, self.file))


class CatalogError(MedloomError):
    """The catalog, or a card that it names, is wrong: nothing was built."""


class BuildError(MedloomError):
    """A build cannot go on: what it needs is gone, or too much of a source was refused."""
