"""Alias: what stands for a name, a path or an id of a source whose own names may tell who the patient is."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from medloom.schemas.card import SourceCard

MARK = "~"
"""Every alias begins with it, so that one sees that a name was concealed."""
_SUFFIX = re.compile(
    r"(?i)(?:\.nii\.gz|\.ome\.tiff?|\.(?:avi|bmp|csv|dcm|dicom|gif|gz|h5|hdf5|ima|jpe?g|json|jsonl|mha|mkv|mov|mp4|"
    r"mpe?g|nii|npy|npz|parquet|png|srt|tiff?|tsv|txt|vtt|webm|webp|xlsx|xml|ya?ml))$"
)
_ALIAS = re.compile(rf"(?:^|/){MARK}[0-9a-f]{{16}}(?![0-9a-zA-Z])")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|‘[^’\n]*’|“[^”\n]*”")
_SHORTEST = 3
"""A shorter name is no identifier that one could find again in a text: it would be found in every text."""


class Alias:
    """Aliases of one source: the same name under the same key has the same alias, in this build and in the next.

    With a `key` an alias is the beginning of an HMAC-SHA-256, without one of a plain digest. Names that the card itself
    states (a folder, a table) are everybody's, and stay.
    """

    def __init__(self, card: SourceCard, key: bytes | None) -> None:
        self._key = key if key is not None else b"medloom"
        self._source = card.source
        self._public = frozenset(_words_of(card.model_dump(mode="json")))

    def name(self, name: str) -> str:
        """The alias of one component of a path, with its suffix where that only tells the format."""
        if name in self._public or name in ("", ".", "..") or name.startswith(MARK):
            return name
        found = _SUFFIX.search(name)
        suffix = found[0] if found else ""
        stem = name[: len(name) - len(suffix)]
        if stem in self._public:
            return name
        told = "\0".join(("name", self._source, stem)).encode("utf-8", "surrogatepass")
        return f"{MARK}{hmac.new(self._key, told, hashlib.sha256).hexdigest()[:16]}{suffix}"

    def path(self, path: str) -> str:
        """The alias of a path, component by component: what lay in one folder still does."""
        return "/".join(map(self.name, path.split("/")))

    def secrets(self, names: Iterable[str | None]) -> tuple[tuple[str, str], ...]:
        """Names as they may stand in a text, each with its alias, the longest first."""
        found: dict[str, str] = {}
        for name in names:
            for part in _parts(name or ""):
                if len(part) >= _SHORTEST and self.name(part) != part:
                    found[part] = self.name(part)
        return tuple(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))

    def text(self, text: str, secrets: tuple[tuple[str, str], ...]) -> str:
        """The text with every secret replaced where it stands as a word of its own."""
        for secret, alias in secrets:
            if secret in text:
                text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", alias, text)
        return text

    def detail(self, text: str, secrets: tuple[tuple[str, str], ...]) -> str:
        """An error's words: what they quote comes from the source and is left out."""
        return self.quoted(self.text(text, secrets), lambda _: "...")

    def quoted(self, text: str, hide: Callable[[str], str]) -> str:
        """The text with what stands in quotation marks hidden so; what the card itself states stays."""

        def one(found: re.Match[str]) -> str:
            inner = found[0][1:-1]
            return found[0] if inner in self._public else found[0][0] + hide(inner) + found[0][-1]

        return _QUOTED.sub(one, text)


def is_alias(path: str) -> bool:
    """Whether a path, or a part of it, stands for another."""
    return _ALIAS.search(path) is not None


def _parts(name: str) -> Iterator[str]:
    """The name, the components of the path that it may be, and these without their suffixes."""
    yield name
    for part in name.split("/"):
        yield part
        yield _SUFFIX.sub("", part)


def _words_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from value.split("/")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _words_of(key)
            yield from _words_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words_of(inner)
