"""Problem: one mistake in a catalog or a card, where it stands and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from medloom.schemas.marked_yaml import Mark

COMMAND_LINE = "--source"
"""The `file` of a problem that stands on the command line."""
_SECRET_NAME = re.compile(r"(?i)token|secret|passw|api_?key|credential|private_key|authorization")
_SECRETS = (
    (re.compile(r"(:/{1,2})[^/\s@'\"]+@"), r"\1***@"),
    (re.compile(r"(?i)\b([\w-]*(?:token|secret|passw\w*|api_?key|signature|sig|access_?key)=)[^&\s'\"]+"), r"\1***"),
    (re.compile(r"\b(?:hf_|ghp_|gho_|github_pat_|glpat-|sk-|xox[abp]-|AKIA|ASIA)[A-Za-z0-9_-]{12,}"), "***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), "***"),
)


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake. `line` and `column` count from 1; `where` is the key's path (``sources[0].use``).

    A `note` is worth knowing and stops nothing. No text of it carries a secret: passwords in URLs and tokens are
    masked as it is made.
    """

    file: str
    line: int
    column: int
    where: str
    what: str
    suggestion: str = ""
    severity: Literal["error", "note"] = "error"

    def __post_init__(self) -> None:
        for name in ("where", "what", "suggestion"):
            object.__setattr__(self, name, mask_secrets(getattr(self, name)))


def problem(
    file: str,
    mark: Mark,
    loc: Iterable[str | int],
    what: str,
    suggestion: str = "",
    severity: Literal["error", "note"] = "error",
) -> Problem:
    """A Problem at a mark of a file."""
    return Problem(file, mark.line, mark.column, dotted(loc), what, suggestion, severity)


def render_problems(problems: Iterable[Problem]) -> str:
    """One line for each: ``file:line:column: error: what — what to do``, with the file as seen from here."""
    return "\n".join(_line(one) for one in problems)


def _line(one: Problem) -> str:
    place = one.file if one.file == COMMAND_LINE else f"{_seen_from_here(one.file)}:{one.line}:{one.column}"
    return f"{place}: {one.severity}: {one.what}" + (f" — {one.suggestion}" if one.suggestion else "")


def _seen_from_here(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def dotted(loc: Iterable[str | int]) -> str:
    """``("sources", 0, "use")`` as ``sources[0].use``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean 'tasks'?``, or nothing where no known word is near."""
    names = sorted(set(known))
    folded = {name.casefold(): name for name in reversed(names)}
    near = get_close_matches(word.casefold(), folded, 1, cutoff=0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else ""


def nearest_or_all(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or else all of them."""
    names = sorted(set(known))
    return nearest(word, names) or (f"known: {', '.join(names)}" if names else "none is known")


def shown(value: Any, loc: Iterable[str | int] = ()) -> str:
    """A value as a message may show it: short, and masked where its key or its text tells that it is secret."""
    if any(isinstance(part, str) and _SECRET_NAME.search(part) for part in loc):
        return "***"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = mask_secrets(repr(value))
    return text if len(text) <= 60 else text[:57] + "..."


def mask_secrets(text: str) -> str:
    """The text without passwords in URLs, tokens and signatures."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
