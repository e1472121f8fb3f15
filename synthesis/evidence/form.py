"""Form: an answer parsed under the schema of its prompt, or what is wrong with it."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

MOST = 200_000
"""Characters beyond which an answer isn't read: no prompt asks for a book."""
_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)


class BadForm(ValueError):
    """An answer that is no JSON, or not of its schema."""


def parsed(text: str, schema: str) -> dict[str, Any]:
    """The answer's fields; a fence around it is taken off. Raises BadForm with what is wrong, for the retry."""
    if len(text) > MOST:
        raise BadForm(f"{len(text):,} characters")
    bare = text.strip()
    fenced = _FENCE.match(bare)
    try:
        found = json.loads(fenced[1] if fenced else bare, parse_constant=_no_number)
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        raise BadForm(f"no JSON: {error}") from error
    problem = next(_validator(schema).iter_errors(found), None)
    if problem is not None:
        where = "".join(f"[{part!r}]" for part in problem.absolute_path)
        raise BadForm(f"{where or 'the answer'}: {problem.message[:200]}")
    assert isinstance(found, dict)
    return {name: _trimmed(value) for name, value in found.items()}


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r"[ \t]+", " ", value).strip()
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    if isinstance(value, dict):
        return {name: _trimmed(one) for name, one in value.items()}
    return value


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@cache
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))
