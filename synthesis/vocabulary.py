"""The built-in vocabulary, from the YAML files in ``catalogs/vocab``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from medloom.schemas.errors import MedloomError
from medloom.schemas.vocabulary import Concept, Vocabulary


@cache
def load_vocabulary() -> Vocabulary:
    """All concepts, read once a process. Raises MedloomError, with the file, where an entry is wrong."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    entries = TypeAdapter(tuple[Concept, ...])
    concepts: list[Concept] = []
    pages = [page for page in files("medloom.catalogs.vocab").iterdir() if page.name.endswith(".yaml")]
    for page in sorted(pages, key=lambda page: page.name):
        try:
            concepts += entries.validate_python(yaml.load(page.read_text("utf-8"), Loader=yaml.CSafeLoader))
        except (ValidationError, yaml.YAMLError) as error:
            raise MedloomError(f"catalogs/vocab/{page.name}: {error}") from error
    return Vocabulary(concepts)
