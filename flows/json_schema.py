"""JSON Schema of catalogs and cards for editors, and the tables of keys in docs/catalogs.md: both from the models.

``python -m medloom.flows.json_schema docs/schemas`` writes the schemas into that folder and fills the tables of the
``catalogs.md`` beside it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import Catalog

SCHEMAS: dict[str, type[BaseModel]] = {"catalog.schema.json": Catalog, "card.schema.json": SourceCard}
_BLOCK = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


class _Untitled(GenerateJsonSchema):
    """Without the titles that pydantic makes of field names: editors would show them in the place of the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a model, with its docstrings as descriptions."""
    found = model.model_json_schema(schema_generator=_Untitled)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def schema_text(model: type[BaseModel]) -> str:
    """The schema as it is committed."""
    return json.dumps(json_schema(model), indent=2, ensure_ascii=False) + "\n"


def fill_tables(markdown: str) -> str:
    """The page with every block between ``<!-- keys of MODEL -->`` and ``<!-- end -->`` written anew."""
    return _BLOCK.sub(lambda block: block[1] + key_table(block[2]) + block[3], markdown)


def key_table(name: str) -> str:
    """A Markdown table of a model's keys. Raises KeyError where neither catalog nor card has such a model."""
    parts = {name: part for model in SCHEMAS.values() for name, part in _parts(model).items()}
    part = parts[name]
    lines = ["| key | is | default | means |", "|---|---|---|---|"]
    for key, value in part["properties"].items():
        default = "**must be given**" if key in part.get("required", ()) else _default(value)
        lines.append(f"| `{key}` | {_kind(value)} | {default} | {value.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _parts(model: type[BaseModel]) -> dict[str, Any]:
    schema = json_schema(model)
    return {model.__name__: schema, **schema.get("$defs", {})}


def _default(value: dict[str, Any]) -> str:
    default = value.get("default", {} if value.get("type") == "object" else None)
    if default is None or default in ("", [], {}):
        return ""
    if isinstance(default, dict) and any(part is None or isinstance(part, dict | list) for part in default.values()):
        return "see below"
    return f"`{json.dumps(default, ensure_ascii=False)}`".replace('"', "")


def _kind(value: dict[str, Any]) -> str:
    arms = [arm for arm in value.get("anyOf", [value]) if arm.get("type") != "null"]
    return " or ".join(dict.fromkeys(_arm(arm) for arm in arms))


def _arm(arm: dict[str, Any]) -> str:
    if "$ref" in arm:
        name = str(arm["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in arm or "const" in arm:
        return ", ".join(f"`{one}`" for one in arm.get("enum", [arm.get("const")]))
    limits = "".join(f" {sign} {arm[name]:g}" for name, sign in _LIMITS.items() if name in arm)
    if arm.get("type") == "array":
        return f"list of {_kind(arm['items'])}" if arm.get("items") else "list"
    if arm.get("type") == "object":
        inside = arm.get("additionalProperties")
        return f"mapping to {_kind(inside)}" if isinstance(inside, dict) and inside else "mapping"
    if "pattern" in arm:
        return f"text like `{arm['pattern']}`"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return words.get(str(arm.get("type")), "anything") + limits


def main(folder: Path) -> None:
    """Writes the schemas into `folder` and fills the tables of ``catalogs.md`` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in SCHEMAS.items():
        (folder / name).write_text(schema_text(model), "utf-8")
    page = folder.parent / "catalogs.md"
    if page.is_file():
        page.write_text(fill_tables(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
