"""Fixture: the small dataset that a converter is tried on, its source card, and what its author says is in it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from medloom.schemas.card import SourceCard
from medloom.schemas.errors import CatalogError

MOST_BYTES = 256 * 2**20
"""A fixture is copied several times; one that is bigger is no fixture."""


@dataclass(frozen=True)
class Fixture:
    """`converter` by name, the source card and its file, the dataset's folder, and the file of stated truth."""

    converter: str
    card: SourceCard
    card_file: Path
    root: Path
    truth: Path | None = None


def fixtures_of(name: str, fixture: Path | None, card: Path | None, scratch: Path) -> list[Fixture]:
    """The fixtures of a converter: those that are named, or that lie in its package, or that medloom has for its own.

    In a package they are ``fixture/`` and ``sources/*.yaml`` beside the code, with ``truth.yaml`` where there is one;
    ``fixture/<source>/`` where there are several cards. Raises CatalogError where none is found.
    """
    from medloom.converters.registry import load_converter

    converter = load_converter(name)
    if fixture is not None:
        cards = [card] if card is not None else _cards(fixture.absolute().parent / "sources", name)
        if len(cards) != 1:
            raise CatalogError(f"{len(cards)} cards for {name!r} beside {fixture}: name one with --card")
        return [_whole(name, fixture, cards[0])]
    if type(converter).__module__.startswith("medloom."):
        return list(_own(name, card, scratch))
    for folder in _folders(type(converter)):
        cards = [card] if card is not None else _cards(folder / "sources", name)
        if cards and (folder / "fixture").is_dir():
            several = [folder / "fixture" / one.stem for one in cards]
            roots = several if all(root.is_dir() for root in several) else [folder / "fixture"] * len(cards)
            return [_whole(name, root, one) for root, one in zip(roots, cards, strict=True)]
    raise CatalogError(f"no fixture/ and sources/*.yaml beside the code of {name!r}: give --fixture and --card")


def _whole(name: str, root: Path, card_file: Path) -> Fixture:
    from medloom.flows.cards import load_card

    if not root.is_dir():
        raise CatalogError(f"{root} is no folder: --fixture is a small dataset in the layout that {name!r} reads")
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise CatalogError(f"{root} holds {size >> 20} MB: a fixture is a few small files")
    card = load_card(card_file)
    if card.converter != name:
        raise CatalogError(f"{card_file} is a card for the converter {card.converter!r}, not for {name!r}")
    truth = root.absolute().parent / "truth.yaml"
    return Fixture(name, card, card_file, root.absolute(), truth if truth.is_file() else None)


def _cards(folder: Path, name: str) -> list[Path]:
    """The card files in a folder that name this converter."""
    from medloom.flows.cards import read_text

    found = []
    for path in sorted(folder.glob("*.yaml")):
        data: Any = read_text(path).data
        if isinstance(data, dict) and data.get("converter") == name:
            found.append(path)
    return found


def _folders(kind: type) -> Iterator[Path]:
    """The folder of a class's module, and those above it that still belong to its package."""
    package = kind.__module__.split(".")[0]
    top = getattr(sys.modules.get(package), "__file__", None)
    folder = Path(inspect.getfile(kind)).absolute().parent
    if top is None or Path(top).name != "__init__.py":
        yield folder
        return
    end = Path(top).absolute().parent
    while folder != end.parent and folder != folder.parent:
        yield folder
        folder = folder.parent


def _own(name: str, card: Path | None, scratch: Path) -> Iterator[Fixture]:
    """medloom's own sources that are there without a download: phantoms, and what ships in packages."""
    from medloom.flows.cards import read_text

    places: dict[str, str] = {}
    for catalog in sorted(Path(str(files("medloom.catalogs"))).glob("*.yaml")):
        for use in read_text(catalog).data.get("sources", []):
            places.setdefault(use["use"], str(use.get("path", "")))
    cards = [card] if card is not None else _cards(Path(str(files("medloom.catalogs.sources"))), name)
    found = [one for one in cards if places.get(one.stem, "").startswith(("phantom:", "package:"))]
    if not found:
        raise CatalogError(f"no small dataset for {name!r} comes with medloom: give --fixture and --card")
    for one in found:
        yield _whole(name, _root(places[one.stem], scratch), one)


def _root(place: str, scratch: Path) -> Path:
    from medloom.flows.roots import existing_root
    from medloom.schemas.catalog import SourceUse

    if place.startswith("phantom:"):
        from medloom.converters.phantom.clinic import write_clinic

        clinic = scratch / "clinic"
        if not clinic.is_dir():
            write_clinic(clinic, seed=7, patients=3)
        return clinic / place.partition("/")[2]
    root = existing_root(SourceUse(use="x", path=place), SourceCard.model_construct(get=""), Path())
    assert root is not None
    return root
