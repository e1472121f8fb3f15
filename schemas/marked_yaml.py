"""YAML of catalogs and cards, with the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_NODES = 200_000
"""Aliases of aliases grow without bound; no catalog comes near."""
_PREFIX = "tag:yaml.org,2002:"
Path = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file; both count from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True)
class YamlFault:
    """What is wrong with the YAML itself, and what to do about it."""

    mark: Mark
    what: str
    suggestion: str = ""


@dataclass(frozen=True)
class MarkedYaml:
    """What a YAML text says (None where it has `faults`), and where it says it."""

    data: Any
    faults: tuple[YamlFault, ...]
    keys: dict[Path, Mark] = field(repr=False)
    values: dict[Path, Mark] = field(repr=False)

    def locate(self, loc: Iterable[str | int], key: bool = False) -> Mark:
        """Line and column of the value at `loc`, or of its key.

        Parts of `loc` that are not in the text (a missing key, the arm of a union that pydantic names) are passed
        over; where the last part is one of them, the place is that of what holds it.
        """
        path = self.path(loc)
        if path != tuple(loc):
            key = True
        marks = self.keys if key and path in self.keys else self.values
        return marks.get(path, Mark(1, 1))

    def path(self, loc: Iterable[str | int]) -> Path:
        """The part of `loc` that stands in the text."""
        path: Path = ()
        for part in loc:
            if (*path, part) in self.values:
                path = (*path, part)
        return path


def read_yaml(text: str) -> MarkedYaml:
    """The one YAML 1.2 document in `text`; never raises.

    Mappings have text keys (``0: normal`` has the key "0"), dates stay text, tags are refused, and a key that stands
    twice in a mapping is a fault.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    loader = YAML(typ="safe", pure=True)
    try:
        root = loader.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        return _broken(YamlFault(place, f"not YAML: {what}", _advice(what)))
    except RecursionError:
        return _broken(YamlFault(Mark(1, 1), "not YAML that can be read: nested too deep"))
    except YAMLError as error:
        return _broken(YamlFault(_first_odd(text), f"not YAML: {str(error).splitlines()[0]}", "save it as UTF-8 text"))
    if root is None:
        return _broken(YamlFault(Mark(1, 1), "the file is empty"))
    reader = _Reader(loader.constructor.construct_object)
    try:
        data = reader.read(root, ())
    except _TooMany:
        reader.faults.append(YamlFault(Mark(1, 1), f"more than {MOST_NODES} values", "write less with aliases"))
    if reader.faults:
        return MarkedYaml(None, tuple(sorted(reader.faults, key=lambda fault: fault.mark)), reader.keys, reader.values)
    return MarkedYaml(data, (), reader.keys, reader.values)


def _broken(fault: YamlFault) -> MarkedYaml:
    return MarkedYaml(None, (fault,), {}, {})


def _advice(problem: str) -> str:
    if "'\\t'" in problem:
        return "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "put text with a colon in quotes"
    if "another document" in problem or "single document" in problem:
        return "one document a file"
    return ""


def _first_odd(text: str) -> Mark:
    """Where the first character stands that YAML does not allow."""
    for number, line in enumerate(text.split("\n"), 1):
        for column, letter in enumerate(line, 1):
            if not (letter.isprintable() or letter in "\t\r"):
                return Mark(number, column)
    return Mark(1, 1)


class _TooMany(Exception):
    pass


class _Reader:
    def __init__(self, scalar: Callable[[Any], Any]) -> None:
        self.scalar = scalar
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.faults: list[YamlFault] = []
        self.above: set[int] = set()

    def read(self, node: Any, path: Path) -> Any:
        self.values.setdefault(path, _mark(node))
        if len(self.values) > MOST_NODES:
            raise _TooMany
        tag = str(node.tag)
        kind = node.id
        if id(node) in self.above:
            self.faults.append(YamlFault(_mark(node), "an alias to what it stands in", "write it out"))
        elif kind == "scalar":
            return self.value(node, tag)
        elif tag not in (f"{_PREFIX}map", f"{_PREFIX}seq"):
            self.faults.append(YamlFault(_mark(node), f"the tag {_short(tag)} is not read", "remove it"))
        else:
            self.above.add(id(node))
            found = self.mapping(node, path) if kind == "mapping" else self.sequence(node, path)
            self.above.discard(id(node))
            return found
        return None

    def sequence(self, node: Any, path: Path) -> list[Any]:
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node_of_key, value in self.pairs(node):
            mark, key = _mark(node_of_key), self.text(node_of_key)
            if key in found:
                what = f"the key {key!r} stands twice (first in line {self.keys[(*path, key)].line})"
                self.faults.append(YamlFault(mark, what, "remove one of them"))
                continue
            self.keys[(*path, key)] = mark
            found[key] = self.read(value, (*path, key))
        return found

    def pairs(self, node: Any) -> Iterator[tuple[Any, Any]]:
        for key, value in node.value:
            if key.id == "scalar":
                yield key, value
            else:
                self.faults.append(YamlFault(_mark(key), "a key must be text, not a list or a mapping"))

    def value(self, node: Any, tag: str) -> Any:
        name = tag.removeprefix(_PREFIX)
        if name in ("null", "bool", "int", "float"):
            try:
                return self.scalar(node)
            except (ValueError, ArithmeticError):
                self.faults.append(YamlFault(_mark(node), f"{node.value!r} is no {name}", "put text in quotes"))
        elif name in ("str", "timestamp", "merge", "value"):
            return self.text(node)
        else:
            self.faults.append(YamlFault(_mark(node), f"the tag {_short(tag)} is not read", "remove it"))
        return None

    def text(self, node: Any) -> str:
        """The text of a scalar. JSON writes what lies beyond 16 bits as two escapes: a pair is one character."""
        value = str(node.value)
        try:
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.faults.append(YamlFault(_mark(node), "half a surrogate pair is no character", "write it out"))
            return ""


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_PREFIX)}" if tag.startswith(_PREFIX) else tag


def _mark(node: Any) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
