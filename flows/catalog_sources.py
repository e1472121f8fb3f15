"""The sources of a catalog: their cards, folders and licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from medloom.flows.card_problems import window_problems
from medloom.flows.cards import card_names, find_card, read_card
from medloom.flows.explain import Place
from medloom.flows.patient_key import key_fault
from medloom.flows.problem import COMMAND_LINE, Problem, nearest_or_all, problem
from medloom.flows.roots import NoRoot, existing_root
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import Release, SourceUse
from medloom.schemas.errors import CatalogError, MedloomError
from medloom.schemas.licence import Grant, combine, releasable, release_fault, strictest
from medloom.schemas.marked_yaml import Mark
from medloom.schemas.marked_yaml import Path as Loc

if TYPE_CHECKING:
    from medloom.converters.base import Converter


WITHHELD = {"text": "pictures", "index": "pictures and texts"}
"""What stays here of a source whose card lets only text, or only an index, be passed on."""


@dataclass(frozen=True)
class ResolvedSource:
    """One source that a build can use.

    `use` has the path that is really meant, `card` the catalog's parameters over its own, `file` is the card's.
    `root` is None where it has yet to be made (phantoms): `resolve_root` makes it.
    """

    use: SourceUse
    card: SourceCard
    root: Path | None
    converter: Converter
    file: Path


def examine_sources(
    here: Place, data: Mapping[str, Any], folder: Path, overrides: Mapping[str, str], problems: list[Problem]
) -> list[ResolvedSource]:
    """The sources whose cards have no mistake, in order; every mistake is added to `problems`."""
    uses = list(_uses(data.get("sources")))
    problems.extend(_strangers(overrides, [name for _, name, _ in uses]))
    found: list[ResolvedSource] = []
    cards: dict[str, tuple[int, SourceCard]] = {}
    for number, (index, name, use) in enumerate(uses):
        loc: Loc = ("sources", index, "use")
        if name in [earlier for _, earlier, _ in uses[:number]]:
            what = f"the source {name!r} stands twice"
            problems.append(_at(here, loc, what, "remove one of them: a record's id names its source"))
            continue
        source = _Source(here, index, name, use, folder, overrides.get(name))
        source.read(problems)
        if source.card is not None and source.licensed:
            cards[name] = (index, source.card)
        if (resolved := source.resolve(problems)) is not None:
            found.append(resolved)
    problems.extend(_licences(here, data.get("release"), cards))
    return found


def _uses(sources: Any) -> Iterator[tuple[int, str, SourceUse | None]]:
    """Every source that has a name, with its model where it makes one; the catalog's model tells what is wrong."""
    for index, raw in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(raw, dict) and isinstance(raw.get("use"), str):
            try:
                yield index, raw["use"], SourceUse.model_validate(raw)
            except ValidationError:
                yield index, raw["use"], None


def _strangers(overrides: Mapping[str, str], names: list[str]) -> Iterator[Problem]:
    for name, path in overrides.items():
        if name not in names:
            what = f"--source {name}={path}: the catalog has no source {name!r}"
            yield problem(COMMAND_LINE, Mark(1, 1), (), what, nearest_or_all(name, names))


class _Source:
    """One source while it is looked at; `use` is None where it is not well-formed."""

    def __init__(
        self, here: Place, index: int, name: str, use: SourceUse | None, folder: Path, override: str | None
    ) -> None:
        self.here = here
        self.loc: Loc = ("sources", index)
        self.name = name
        self.folder = folder
        self.override = override
        self.use = use
        if use is not None and override is not None:
            as_it_is = override.startswith(("package:", "phantom:", "~")) or "://" in override
            path = override if as_it_is else str(Path.cwd() / override)
            self.use = use.model_copy(update={"path": path})
        self.card: SourceCard | None = None
        self.file = Path()
        self.sound = False
        self.licensed = False

    def read(self, problems: list[Problem]) -> None:
        """Finds and reads the card: `sound` is one without mistakes, `licensed` one whose licences are known words."""
        file = find_card(self.name, self.folder)
        if file is None:
            what = f"no source card {self.name!r} in sources/ beside the catalog or among medloom's own"
            hint = f"write sources/{self.name}.yaml (docs/catalogs.md), or one of: "
            near = nearest_or_all(self.name, card_names(self.folder))
            hint = near if near.startswith("did") else hint + near.removeprefix("known: ")
            problems.append(_at(self.here, (*self.loc, "use"), what, hint))
            return
        params = Place(self.here.file, self.here.text, (*self.loc, "params"))
        try:
            read = read_card(file, self.use, params)
        except CatalogError as error:
            problems.append(_at(self.here, (*self.loc, "use"), str(error)))
            return
        problems.extend(read.problems)
        if self.use is not None:
            problems.extend(window_problems(self.use.window, self.here, (*self.loc, "window")))
        self.card, self.file = read.card, file
        self.sound = all(one.severity == "note" for one in read.problems)
        if self.card is not None and (fault := key_fault(self.card)) is not None:
            problems.append(_at(self.here, (*self.loc, "use"), *fault))
        # A licence that is misspelt is told once, in the card.
        self.licensed = not any(one.where.startswith("licence") for one in read.problems)

    def resolve(self, problems: list[Problem]) -> ResolvedSource | None:
        from medloom.converters.registry import load_converter

        if self.card is None or self.use is None:
            return None
        root = None
        try:
            root = existing_root(self.use, self.card, self.folder)
        except NoRoot as error:
            problems.append(self._no_root(error))
        if not self.sound:
            return None
        try:
            converter = load_converter(self.card.converter)
        except MedloomError:
            return None
        return ResolvedSource(self.use, self.card, root, converter, self.file)

    def _no_root(self, error: NoRoot) -> Problem:
        if self.override is not None:
            return problem(COMMAND_LINE, Mark(1, 1), self.loc, f"--source {self.name}: {error.what}", error.suggestion)
        key = "use" if self.use is None or self.use.path is None else "path"
        return _at(self.here, (*self.loc, key), error.what, error.suggestion)


def _licences(here: Place, raw: Any, cards: Mapping[str, tuple[int, SourceCard]]) -> Iterator[Problem]:
    try:
        release = Release.model_validate(raw)
    except ValidationError:
        return
    if (fault := release_fault(release.licence, release.to)) is not None:
        key = "to" if release_fault(release.licence, "private") is None else "licence"
        yield _at(here, ("release", key), fault)
        return
    grants = {name: Grant.of(card) for name, (_, card) in cards.items()}
    for conflict in combine(grants, release.licence, release.to):
        loc: Loc = ("sources", cards[conflict.source][0], "use")
        what = f"{conflict.source!r} can't be released under {release.licence} to {release.to}: {conflict.reason}"
        yield _at(here, loc, what, _way_out(grants, release))
    for name, (index, card) in cards.items():
        if release.to != "private" and card.redistribute != "bytes":
            what = f"{WITHHELD[card.redistribute]} of {name!r} may not be passed on: a publication goes without"
            yield _at(here, ("sources", index, "use"), what, severity="note")
        refused = sorted({one for one in card.licences.values() if releasable(one, release.licence) is not None})
        if refused and len(refused) < len(set(card.licences.values())):
            what = f"pictures of {name!r} under {', '.join(refused)} can't be released so and are dropped"
            yield _at(here, ("sources", index, "use"), what, severity="note")


def _way_out(grants: Mapping[str, Grant], release: Release) -> str:
    """The licence under which all sources could go, where there is one."""
    annotations = [grant.licence for grant in grants.values()]
    pictures = [licence for grant in grants.values() for licence in grant.per_sample]
    for common in (strictest(annotations + pictures), strictest(annotations)):
        if common is not None and not combine(grants, common, release.to):
            return f"release under {common}, or leave the source out"
        if common is not None and not combine(grants, common, "private"):
            return f"release under {common} to private, or leave the source out"
    return "leave the source out"


def _at(
    here: Place, loc: Loc, what: str, suggestion: str = "", severity: Literal["error", "note"] = "error"
) -> Problem:
    return problem(here.file, here.text.locate(loc), loc, what, suggestion, severity)
