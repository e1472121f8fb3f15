"""Suite: a file of expectations, checked before any work is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from medloom.schemas.errors import CatalogError
from medloom.schemas.record import Config

OWN = {
    "expect_column_values_to_lie_in_picture",
    "expect_column_values_to_answer_among_options",
    "expect_column_values_to_show_their_media",
}


class Suite(BaseModel):
    """Expectations on one kind of row. `expectations` are one-key mappings of a great-expectations name to its
    arguments; an argument ``$name`` stands for what the build knows (`Known`).

    `rows`: one for each record, each view, or each group that must stay in one split (`medloom.quality.narrow`).
    `configs` keeps it to some configs. `least` is the number of values in a column below
    which nothing is asked of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    suite: str = Field(pattern=r"^[a-z0-9_]+$")
    rows: Literal["records", "views", "groups"]
    configs: tuple[Config, ...] = ()
    least: int = Field(default=1, ge=1)
    expectations: tuple[dict[str, dict[str, Any]], ...] = Field(min_length=1)

    @field_validator("expectations")
    @classmethod
    def _one_each(cls, value: tuple[dict[str, dict[str, Any]], ...]) -> tuple[dict[str, dict[str, Any]], ...]:
        for entry in value:
            if len(entry) != 1 or not next(iter(entry)).startswith("expect_"):
                raise ValueError(f"{sorted(entry)}: each expectation is one name, expect_..., with its arguments")
        return value

    def filled(self, known: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, arguments) of every expectation. Raises CatalogError for a ``$name`` that is not known."""
        for entry in self.expectations:
            for name, arguments in entry.items():
                yield name, {key: self._value(value, known) for key, value in arguments.items()}

    def _value(self, value: Any, known: Mapping[str, Any]) -> Any:
        if not (isinstance(value, str) and value.startswith("$")):
            return value
        if value[1:] not in known:
            raise CatalogError(f"suite {self.suite}: {value} is not known; there are ${', $'.join(sorted(known))}")
        return known[value[1:]]


def own_suites() -> tuple[Suite, ...]:
    """The suites that every corpus is held to."""
    folder = files("medloom.quality.suites")
    named = sorted(item.name for item in folder.iterdir() if item.name.endswith(".yaml"))
    return tuple(_parsed(folder.joinpath(name).read_text("utf-8"), name) for name in named)


def read_suite(path: Path) -> Suite:
    """A suite of one's own. Raises CatalogError where the file isn't there or isn't a suite."""
    try:
        return _parsed(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise CatalogError(f"suite {path}: {error.strerror}") from None


def _parsed(text: str, name: str) -> Suite:
    try:
        return Suite.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise CatalogError(f"suite {name}: {error}") from None
