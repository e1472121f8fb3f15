"""Recipe: everything that changes what a worker makes of a source's files, in one typed value with one digest."""

from __future__ import annotations

import importlib.metadata
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.flows.patient_key import patient_key
from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.appearance import APPEARANCE_VERSION
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import IdentitySettings, ImageSettings, SourceUse
from medloom.schemas.identity import digest, pseudonym

if TYPE_CHECKING:
    from medloom.flows.check import Resolved
    from medloom.flows.judge import FilterSpec

CODECS = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "simplejpeg",
    "pillow",
    "pycocotools",
    "pydicom",
    "python-gdcm",
    "isal",
    "pylibjpeg-openjpeg",
    "nibabel",
    "rapidocr",
    "onnxruntime",
)
"""Packages of which another version may give other bytes; the lock names them."""


def versions() -> dict[str, str]:
    """Versions of medloom and of every package that bytes depend on."""
    names = ("medloom", *CODECS, "pyarrow", "polars", "datasets")
    return {name: importlib.metadata.version(name) for name in names}


class Recipe(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a worker needs for the units of one source. Travels to workers as JSON; holds no secret.

    `tasks` are (name, version, parameters) in the catalog's order; `words` digests templates and vocabulary.
    `census_labels` and `census_regions` are the concepts that are right somewhere in the source; `keyed` is a digest of
    the patients' key, so that another key is another corpus.
    """

    card: dict[str, Any]
    use: dict[str, Any]
    root: str
    image: dict[str, Any]
    converter_version: str
    tasks: tuple[tuple[str, str, dict[str, Any]], ...]
    words: str
    release: str
    census_labels: tuple[str, ...] = ()
    census_regions: tuple[str, ...] = ()
    codecs: dict[str, str] = {}
    keyed: str = ""
    identity: dict[str, Any] = {}

    @cached_property
    def digest(self) -> str:
        """Changes with anything that changes the records or pictures; not with where the source lies."""
        facts = msgspec.structs.asdict(self)
        del facts["root"]
        facts["use"] = {name: value for name, value in self.use.items() if name not in ("path", "limit")}
        facts["card"] = {
            name: value for name, value in self.card.items() if name not in ("title", "description", "homepage", "get")
        }
        return digest(SCHEMA_VERSION, APPEARANCE_VERSION, facts)

    @property
    def source(self) -> SourceCard:
        return SourceCard.model_validate(self.card)

    @property
    def source_use(self) -> SourceUse:
        return SourceUse.model_validate(self.use)

    @property
    def identity_settings(self) -> IdentitySettings:
        return IdentitySettings.model_validate(self.identity)

    @property
    def settings(self) -> ImageSettings:
        return ImageSettings.model_validate(self.image)

    @property
    def folder(self) -> Path:
        return Path(self.root)


def keyed(card: SourceCard) -> str:
    """A digest of the patients' key as this source uses it, so that another key is other work; never in the output."""
    key = patient_key(card)
    return "" if key is None else pseudonym(card.source, "key", key)


def versioned_tasks(resolved: Resolved) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    from medloom.synthesis.registry import load_task

    return tuple(
        (name, load_task(name, params).version, params) for name, params in resolved.catalog.task_params.items()
    )


def versioned_filters(resolved: Resolved) -> tuple[FilterSpec, ...]:
    from medloom.quality.registry import load_filter

    named = resolved.catalog.filter_params.items()
    return tuple((name, load_filter(name, params, resolved.folder).fingerprint(), params) for name, params in named)


def words_digest() -> str:
    """Digest of every template, of the vocabulary, and of what is scrubbed: another wording is another corpus."""
    from importlib.resources import files

    found = []
    for package in ("medloom.synthesis.templates", "medloom.catalogs.vocab", "medloom.converters.identity"):
        folder = files(package)
        found += sorted(
            (item.name, item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".yaml")
        )
    return digest("words", found)
