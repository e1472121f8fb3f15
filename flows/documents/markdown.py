"""Strangers' text within Markdown: it stays text, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

from medloom.flows.plain_text import plain_text

# Backslash escapes of CommonMark 2.4; what HTML or the Hub's mathematics would take is written as a reference.
_MARKS = re.compile(r"([\\`*_{}\[\]#|~])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "@": "&#64;"}


def words(text: str, limit: int = 2000) -> str:
    """One line of running text."""
    line = " ".join(plain_text(text, limit).split())
    marked = _MARKS.sub(r"\\\1", line)
    return "".join(_ENTITIES.get(mark, mark) for mark in marked)


def code(text: str) -> str:
    """A code span, also within a table's cell."""
    line = " ".join(plain_text(text, 200).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`" if line else ""


def link(text: str, address: str) -> str:
    """A link where `address` is a plain web address; else the text alone."""
    parts = urlsplit(address.strip()) if address.isascii() and address.isprintable() else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        return words(text)
    safe = quote(address.strip(), safe=":/?#@!&=+,;%~-._")
    return f"[{words(text)}]({safe})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; columns whose head starts with ``#`` stand to the right."""
    marks = ["---:" if name.startswith("#") else "---" for name in head]
    lines = [[name.removeprefix("#") for name in head], marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
