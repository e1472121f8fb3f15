"""Prompt: what an engine is asked, as a file, with the slots that facts fill and the schema of what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medloom.schemas.errors import MedloomError
from medloom.schemas.identity import digest

Slot = str | Sequence[str] | None
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_TAG = re.compile(r"<(?=[A-Za-z/|!?<])")
_MARK = re.compile(r"\[(/?)(INST|SYS|SYSTEM|USER|ASSISTANT)\]", re.IGNORECASE)


class PromptError(MedloomError):
    """A prompt file is wrong, or was given other slots than it declares."""


class Draw(BaseModel):
    """How answers are drawn. `max_tokens` bounds what an engine that runs on can cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=256, ge=1, le=8192)


class Shot(BaseModel):
    """An example: slots as facts would fill them, and the answer that is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slots: Mapping[str, str | tuple[str, ...] | None]
    answer: Mapping[str, Any]


class PromptFile(BaseModel):
    """The keys of a prompt file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_.]*$")
    version: int = Field(ge=1)
    slots: tuple[str, ...]
    pictures: bool = False
    system: str
    user: str
    answer: Mapping[str, Any]
    shots: tuple[Shot, ...] = ()
    sampling: Draw = Draw()


@dataclass(frozen=True)
class Prompt:
    """A prompt that can be rendered. `file` is where it stands, for messages."""

    page: PromptFile
    file: str = field(compare=False)

    @property
    def id(self) -> str:
        return self.page.id

    @cached_property
    def schema(self) -> str:
        """The JSON schema of the answer, as `schema_text` has it."""
        return schema_text(self.page.answer)

    @cached_property
    def stamp(self) -> str:
        """Changes with anything that changes what is asked."""
        return digest("prompt", self.page.model_dump(mode="json"))

    def render(self, slots: Mapping[str, Slot]) -> str:
        """The user's message. Values are data: see `as_data`. Raises PromptError where a slot is missing or too many.

        An empty list or None is a slot that has nothing to say; the file decides what is then written.
        """
        if slots.keys() != set(self.page.slots):
            raise PromptError(f"{self.file}: takes {sorted(self.page.slots)}, not {sorted(slots)}")
        cleaned = {name: _clean(value) for name, value in slots.items()}
        return _plain_lines(_template(self.page.user).render(cleaned))

    def opening(self) -> Iterator[tuple[str, str]]:
        """(role, text) of what stands before the user's message: the system's part, then the examples. It is the same
        for every request, so that an engine's prefix cache serves all of them."""
        yield "system", self.page.system.strip()
        for shot in self.page.shots:
            yield "user", self.render(shot.slots)
            # With blanks: without them SmolLM2-135M lost 20 of 145 briefs, not 4, but kept 7 of 142 reports, not 3.
            yield "assistant", json.dumps(shot.answer, ensure_ascii=False)


def schema_text(schema: Mapping[str, Any]) -> str:
    """A JSON schema as canonical JSON, but for its properties, which stay in their order: an engine that is held to the
    schema writes them in that order, and the examples have it, the question before its answer."""
    return json.dumps(_in_order(schema), ensure_ascii=False, separators=(",", ":"))


def _in_order(value: Any, names: bool = False) -> Any:
    if isinstance(value, Mapping):
        keys = list(value) if names else sorted(value)
        return {key: _in_order(value[key], key == "properties" and not names) for key in keys}
    return [_in_order(one) for one in value] if isinstance(value, list | tuple) else value


class PromptBook:
    """Prompts by id."""

    def __init__(self, prompts: Mapping[str, Prompt]) -> None:
        self._prompts = dict(prompts)

    def __getitem__(self, prompt: str) -> Prompt:
        try:
            return self._prompts[prompt]
        except KeyError:
            raise PromptError(f"no prompt {prompt!r}; there are {', '.join(sorted(self._prompts))}") from None

    def __contains__(self, prompt: object) -> bool:
        return prompt in self._prompts

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self._prompts.values())


def as_data(text: str) -> str:
    """Text from data, so that it can't close a tag, open a turn or hide a character: what it says stays readable."""
    return _MARK.sub(r"(\1\2)", _TAG.sub("‹", _HIDDEN.sub("", text)))


def load_prompts(folders: Sequence[Path] = ()) -> PromptBook:
    """The built-in prompts, and over them those of `folders`, later ones first.

    Raises PromptError where a file can't be read, breaks a rule of `faults`, or takes the place of a prompt without
    giving its slots and answer.
    """
    found = dict(_built_in())
    for folder in folders:
        pages = sorted(Path(folder).glob("*.yaml"))
        if not pages:
            raise PromptError(f"{folder}: no prompt files (*.yaml) there")
        for path in pages:
            prompt = read_prompt(path.read_text("utf-8"), str(path))
            wrong = [*faults(prompt), *_instead(prompt, found.get(prompt.id))]
            if wrong:
                raise PromptError(f"{path}: {wrong[0]}")
            found[prompt.id] = prompt
    return PromptBook(found)


@cache
def _built_in() -> Mapping[str, Prompt]:
    found: dict[str, Prompt] = {}
    pages = [page for page in files("medloom.synthesis.prompts").iterdir() if page.name.endswith(".yaml")]
    for page in sorted(pages, key=lambda page: page.name):
        prompt = read_prompt(page.read_text("utf-8"), f"synthesis/prompts/{page.name}")
        wrong = faults(prompt)
        if wrong:
            raise PromptError(f"{prompt.file}: {wrong[0]}")
        if prompt.id in found:
            raise PromptError(f"{prompt.file}: prompt {prompt.id!r} stands twice")
        found[prompt.id] = prompt
    return found


def read_prompt(text: str, file: str) -> Prompt:
    """A prompt from the text of its file. Raises PromptError with the file and what is wrong."""
    import yaml

    try:
        page = PromptFile.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise PromptError(f"{file}: no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PromptError(f"{file}: {where}: {first['msg']}") from error
    return Prompt(page, file)


def faults(prompt: Prompt) -> list[str]:
    """What is wrong with a prompt; empty where nothing is.

    Every slot declared is used and every slot used is declared; the system's part has none, so that it is the same for
    all; the answer is a JSON object whose every field is required and none else allowed; examples fill every slot, and
    their answers fit the schema.
    """
    from jsonschema import Draft202012Validator, SchemaError

    page = prompt.page
    try:
        used = meta.find_undeclared_variables(_environment().parse(page.user))
        in_system = meta.find_undeclared_variables(_environment().parse(page.system))
    except TemplateSyntaxError as error:
        return [f"line {error.lineno} of the text: {error.message}"]
    wrong = [f"slot {name!r} is used but not declared in `slots`" for name in sorted(used - set(page.slots))]
    wrong += [f"slot {name!r} is declared but not used" for name in sorted(set(page.slots) - used)]
    wrong += [f"`system` has the slot {name!r}: only `user` may have any" for name in sorted(in_system)]
    schema = page.answer
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [*wrong, f"`answer` is no JSON schema: {error.message}"]
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        wrong.append("`answer` is not an object with additionalProperties: false")
    if set(schema.get("required", ())) != set(schema.get("properties", ())):
        wrong.append("`answer` does not require every one of its properties")
    for number, shot in enumerate(page.shots):
        if shot.slots.keys() != set(page.slots):
            wrong.append(f"shot {number} fills {sorted(shot.slots)}, not {sorted(page.slots)}")
        wrong += [
            f"the answer of shot {number}: {error.message}"
            for error in Draft202012Validator(schema).iter_errors(dict(shot.answer))
        ]
    return wrong


def _instead(prompt: Prompt, built_in: Prompt | None) -> list[str]:
    """What keeps a prompt from standing for a built-in one: other slots than are filled, other fields than are read."""
    if built_in is None:  # another package's writer may use it; a check tells where none does
        return []
    wrong = [f"slot {name!r} is not filled here" for name in sorted({*prompt.page.slots} - {*built_in.page.slots})]
    theirs, ours = (set(page.answer.get("properties", ())) for page in (prompt.page, built_in.page))
    if theirs != ours:
        wrong.append(f"`answer` has {sorted(theirs)}, and {sorted(ours)} are read")
    return wrong


def _clean(value: Slot) -> str | list[str] | None:
    if value is None or isinstance(value, str):
        return None if value is None else as_data(value)
    return [as_data(one) for one in value]


def _plain_lines(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@cache
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)


@cache
def _template(text: str) -> Any:
    return _environment().from_string(text)
