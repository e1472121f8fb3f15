"""Source cards: where they lie, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from medloom.flows.card_problems import card_problems
from medloom.flows.explain import Place, explain
from medloom.flows.problem import Problem, nearest_or_all, problem, render_problems
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import SourceUse
from medloom.schemas.errors import CatalogError
from medloom.schemas.marked_yaml import Mark, MarkedYaml, read_yaml


@dataclass(frozen=True)
class CardFile:
    """A card as it was read: the model (None where it isn't one), its file and its problems."""

    card: SourceCard | None
    file: Path
    problems: tuple[Problem, ...]


def load_card(card: str | Path, near: Path | None = None) -> SourceCard:
    """The card in a file, or the card of that name (`find_card`). Raises CatalogError with every mistake in it."""
    path = card if isinstance(card, Path) else find_card(card, near)
    if path is None:
        raise CatalogError(f"no source card {card!r} — {nearest_or_all(str(card), card_names(near))}")
    found = read_card(path)
    if found.card is None or any(one.severity == "error" for one in found.problems):
        raise CatalogError(render_problems(found.problems))
    return found.card


def find_card(name: str, near: Path | None = None) -> Path | None:
    """The file of a card: in the folder ``sources`` beside the catalog (in `near`), else among medloom's own."""
    for folder in _folders(near):
        path = folder / f"{name}.yaml"
        if path.parent == folder and path.is_file():
            return path
    return None


def card_names(near: Path | None = None) -> list[str]:
    """Names of all cards that a catalog in the folder `near` can use, sorted."""
    return sorted({path.stem for folder in _folders(near) for path in folder.glob("*.yaml")})


def _folders(near: Path | None) -> list[Path]:
    own = Path(str(files("medloom.catalogs.sources")))
    return [own] if near is None else [near / "sources", own]


def read_card(path: Path, use: SourceUse | None = None, used_at: Place | None = None) -> CardFile:
    """Reads a card and finds every mistake in it.

    The parameters of a catalog's `use`, written at `used_at`, win over the card's own: the card comes back with both.
    Raises CatalogError where the file can't be read.
    """
    text = read_text(path)
    here = Place(str(path), text)
    if problems := yaml_problems(here):
        return CardFile(None, path, tuple(problems))
    try:
        card = SourceCard.model_validate(text.data)
    except ValidationError as error:
        return CardFile(None, path, tuple(explain(error, SourceCard, lambda _: here)))
    theirs = use.params if use is not None else {}
    card = card.model_copy(update={"params": {**card.params, **theirs}})
    return CardFile(card, path, tuple(card_problems(card, here, tuple(theirs), used_at or here)))


def read_text(path: Path) -> MarkedYaml:
    """The YAML of a file. Raises CatalogError where it can't be read as UTF-8 text."""
    try:
        return read_yaml(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CatalogError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise CatalogError(f"{path} can't be read: {error.strerror}") from None


def yaml_problems(here: Place) -> list[Problem]:
    """The faults of the YAML itself; that it is no mapping is one of them."""
    text = here.text
    if not text.faults and not isinstance(text.data, dict):
        return [problem(here.file, Mark(1, 1), (), "the file is no mapping", "write `key: value` lines")]
    return [problem(here.file, fault.mark, (), fault.what, fault.suggestion) for fault in text.faults]
