"""Template: phrasings with declared slots, so that a prompt asks exactly for what its answer gives."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from medloom.schemas.errors import MedloomError
from medloom.schemas.identity import pick


class TemplateError(MedloomError):
    """A template is wrong, or was given other slots than it declares."""


@dataclass(frozen=True)
class Wording:
    """A prompt and its answer as rendered; `template` names the template, its version and the phrasings chosen."""

    prompt: str
    answer: str
    template: str
    fills: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """Phrasings of one question. `asks` are the slots of every prompt, `fills` those of every answer."""

    id: str
    version: int
    asks: frozenset[str]
    fills: frozenset[str]
    prompts: tuple[str, ...]
    answers: tuple[str, ...]

    def render(self, key: str, slots: dict[str, str]) -> Wording:
        """The wording that `key` (a record's id) draws. Raises TemplateError where a slot is missing or too many."""
        if slots.keys() != self.asks | self.fills:
            raise TemplateError(f"{self.id} takes {sorted(self.asks | self.fills)}, not {sorted(slots)}")
        prompt = pick(len(self.prompts), "prompt", key)
        answer = pick(len(self.answers), "answer", key)
        return Wording(
            prompt=sentence(self.prompts[prompt].format_map(slots)),
            answer=sentence(self.answers[answer].format_map(slots)),
            template=f"{self.id}@{self.version}#{prompt}.{answer}",
            fills=tuple(sorted(self.fills)),
        )


class TemplateBook:
    """All templates by id."""

    def __init__(self, templates: dict[str, Template]) -> None:
        self._templates = templates

    def __getitem__(self, template: str) -> Template:
        try:
            return self._templates[template]
        except KeyError:
            raise TemplateError(f"no template {template!r}; there are {', '.join(sorted(self._templates))}") from None

    def __iter__(self) -> Any:
        return iter(self._templates.values())

    def __len__(self) -> int:
        return len(self._templates)


def sentence(text: str) -> str:
    """The text with its first letter, if it has one in front, as a capital."""
    return text[:1].upper() + text[1:]


def slots_of(phrasing: str) -> frozenset[str]:
    """Names of the slots in a phrasing."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(phrasing) if name)


@cache
def load_templates() -> TemplateBook:
    """The built-in templates. Raises TemplateError where one breaks a rule of `faults`."""
    import yaml

    found: dict[str, Template] = {}
    pages = [page for page in files("medloom.synthesis.templates").iterdir() if page.name.endswith(".yaml")]
    for page in sorted(pages, key=lambda page: page.name):
        for row in yaml.load(page.read_text("utf-8"), Loader=yaml.CSafeLoader):
            template = read_template(row)
            if template.id in found:
                raise TemplateError(f"{page.name}: template {template.id!r} stands twice")
            wrong = faults(template)
            if wrong:
                raise TemplateError(f"{page.name}: {template.id}: {wrong[0]}")
            found[template.id] = template
    return TemplateBook(found)


def read_template(row: dict[str, Any]) -> Template:
    """One entry of a template file."""
    known = {"id", "version", "asks", "fills", "prompts", "answers"}
    if row.keys() != known:
        raise TemplateError(f"template {row.get('id')!r} has keys {sorted(row)}, not {sorted(known)}")
    return Template(
        id=row["id"],
        version=row["version"],
        asks=frozenset(row["asks"]),
        fills=frozenset(row["fills"]),
        prompts=tuple(row["prompts"]),
        answers=tuple(row["answers"]),
    )


WHERE = ("where", "locate", "point to", "box", "outline", "mark", "coordinates")
"""Words that ask for a place; a template whose answer gives none must not use them."""
PLACES = frozenset({"boxes", "points", "masks", "place", "region", "side", "nothing"})
REVEALING = ("report", "caption", "annotation", "annotated", "label", "ground truth", "dataset", "mask file")

OF_TEXT = "text."
"""Templates of records that show a text: they may name it."""


def faults(template: Template) -> list[str]:
    """What is wrong with a template; empty where nothing is.

    Every prompt has exactly the slots of `asks`, every answer those of `fills`; nothing asks for a place that the
    answer doesn't give, names the source of the facts, or ends without a mark.
    """
    wrong = []
    for phrasing in template.prompts:
        if slots_of(phrasing) != template.asks:
            wrong.append(f"prompt {phrasing!r} has slots {sorted(slots_of(phrasing))}, not {sorted(template.asks)}")
        asked = phrasing.lower()
        if not (template.fills | template.asks) & PLACES:
            wrong += [f"prompt {phrasing!r} asks for a place" for word in WHERE if word in asked.split("?")[0]]
        if not phrasing.rstrip().endswith(("?", ".", ":", "\n{options}")):
            wrong.append(f"prompt {phrasing!r} ends without a mark")
    for phrasing in template.answers:
        if slots_of(phrasing) != template.fills:
            wrong.append(f"answer {phrasing!r} has slots {sorted(slots_of(phrasing))}, not {sorted(template.fills)}")
    for phrasing in (*template.prompts, *template.answers):
        words = phrasing.lower().split()
        if not template.id.startswith(OF_TEXT):
            wrong += [f"{phrasing!r} says {word!r}" for word in REVEALING if word in phrasing.lower()]
        wrong += [f"{phrasing!r} doubles {a!r}" for a, b in pairwise(words) if a == b]
    if len(set(template.prompts)) != len(template.prompts) or len(set(template.answers)) != len(template.answers):
        wrong.append("a phrasing stands twice")
    return wrong
