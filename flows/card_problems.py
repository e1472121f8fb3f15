"""The mistakes that a well-formed source card can still have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

from medloom.flows.explain import Place, explain
from medloom.flows.problem import Problem, nearest, nearest_or_all, problem
from medloom.schemas.card import SourceCard, WindowChoice
from medloom.schemas.errors import MedloomError
from medloom.schemas.licence import licence_fault
from medloom.schemas.marked_yaml import Path as Loc


def card_problems(card: SourceCard, here: Place, used: Collection[str], used_at: Place) -> Iterator[Problem]:
    """Every mistake in `card`, read at `here`. The parameters named in `used` were written at `used_at`."""
    yield from _name(card, here)
    yield from _licences(card, here)
    yield from _labels(card, here)
    yield from window_problems(card.window, here, ("window",))
    yield from _converter(card, here, used, used_at)


def _name(card: SourceCard, here: Place) -> Iterator[Problem]:
    file = Path(here.file)
    if file.stem != card.source:
        what = f"the card of {card.source!r} lies in {file.name}"
        yield _at(here, ("source",), what, f"rename the file to {card.source}.yaml")


def _licences(card: SourceCard, here: Place) -> Iterator[Problem]:
    stated: list[tuple[Loc, str]] = [(("licence",), card.licence)]
    stated.extend((("licences", words), licence) for words, licence in card.licences.items())
    for loc, licence in stated:
        # That nobody knows what a LicenseRef allows may be the truth; whoever would release it is told then.
        if (fault := licence_fault(licence)) is not None and not licence.casefold().startswith("licenseref-"):
            yield _at(here, loc, fault)


def _labels(card: SourceCard, here: Place) -> Iterator[Problem]:
    from medloom.synthesis.vocabulary import load_vocabulary

    vocabulary = load_vocabulary()
    for name, concept in card.labels.items():
        if concept is not None and concept not in vocabulary:
            what = f"the label {name!r} maps to {concept!r}, which is not in the vocabulary"
            hint = "add the concept to catalogs/vocab/, or write null where it is no class"
            yield _at(here, ("labels", name), what, nearest(concept, vocabulary.names) or hint)


def window_problems(window: WindowChoice | None, here: Place, loc: Loc) -> Iterator[Problem]:
    """A preset that nobody knows, or half a window."""
    if window is None:
        return
    if window.preset is not None:
        from medloom.converters.pixels.window import CT_PRESETS

        if window.preset not in CT_PRESETS:
            what = f"no window is called {window.preset!r}"
            yield _at(here, (*loc, "preset"), what, nearest_or_all(window.preset, CT_PRESETS))
    elif window.center is None or window.width is None:
        yield _at(here, loc, "a window has a center and a width, or a preset", "write {center: 40, width: 400} say")


def _converter(card: SourceCard, here: Place, used: Collection[str], used_at: Place) -> Iterator[Problem]:
    from medloom.converters.registry import converter_names, load_converter

    names = converter_names()
    if card.converter not in names:
        what = f"no converter {card.converter!r} is installed"
        yield _at(here, ("converter",), what, nearest_or_all(card.converter, names))
        return
    try:
        params: type[BaseModel] = load_converter(card.converter).Params
    except MedloomError as error:
        yield _at(here, ("converter",), str(error))
        return
    own = replace(here, under=("params",))
    try:
        params.model_validate(card.params)
    except ValidationError as error:
        yield from explain(error, params, lambda loc: used_at if loc and loc[0] in used else own)


def _at(here: Place, loc: Loc, what: str, suggestion: str = "") -> Problem:
    return problem(here.file, here.text.locate(loc), loc, what, suggestion)
