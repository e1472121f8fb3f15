"""New: writes the beginning of a plugin or of a source card, which works as it is written."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import Any, Literal, get_args

from medloom.schemas.errors import CatalogError

Kind = Literal["converter", "task", "filter"]
_NAMES = {
    "converter": re.compile(r"[a-z][a-z0-9_]*"),
    "filter": re.compile(r"[a-z][a-z0-9_]*"),
    "task": re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?"),
}
SAMPLES: tuple[dict[str, Any], ...] = (
    {"file": "p1/first.png", "patient": "p1", "box": (70.0, 8.0, 90.0, 24.0)},
    {"file": "p1/second.png", "patient": "p1", "box": (12.0, 30.0, 40.0, 54.0)},
    {"file": "p2/first.png", "patient": "p2", "box": (60.0, 36.0, 92.0, 60.0)},
)
"""What is drawn into the fixture of a new plugin: pictures of 96 × 64 with one ellipse each."""


def new_plugin(kind: Kind, name: str, into: Path) -> Path:
    """Writes an installable package with a converter, task or filter of that name; the package's folder.

    Raises CatalogError where the name can't be one or is taken, or where the folder is there already.
    """
    package = "medloom_" + name.replace(".", "_")
    _check_name(kind, name, package)
    project = package.replace("_", "-")
    folder = into / project
    if folder.exists():
        raise CatalogError(f"{folder} is there already; nothing was written")
    facts = {
        "kind": kind, "name": name, "package": package, "project": project, "samples": SAMPLES,
        "class_name": "".join(part.capitalize() for part in re.split(r"[._]", name)),
    }  # fmt: skip
    code = folder / package
    texts = {
        folder / "pyproject.toml": "pyproject.toml",
        code / "__init__.py": f"{kind}.py",
        folder / "tests" / f"test_{name.replace('.', '_')}.py": f"{kind}_test.py",
    }
    if kind == "converter":
        texts |= {
            folder / "README.md": "converter_readme.md",
            code / "sources" / f"{name}.yaml": "converter_card.yaml",
            code / "truth.yaml": "converter_truth.yaml",
            code / "catalog.yaml": "converter_catalog.yaml",
        }
    else:
        texts |= {
            folder / "README.md": "plain_readme.md",
            code / "sources" / f"{package}.yaml": "plain_card.yaml",
            code / "fixture" / "boxes.csv": "boxes.csv",
            code / "catalog.yaml": "plain_catalog.yaml",
        }
    _draw(code / "fixture", notes=kind == "converter")
    for path, template in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(template, facts), "utf-8")
    (code / "py.typed").touch()
    return folder


def new_source(name: str, converter: str, into: Path) -> Path:
    """Writes the skeleton of a source card, with the parameters of its converter; the card's file.

    Raises CatalogError where the name can't be one, the converter is not installed, or the file is there already.
    """
    from medloom.converters.registry import converter_names, load_converter
    from medloom.flows.problem import nearest_or_all
    from medloom.schemas.sample import Modality

    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise CatalogError(f"{name!r} can't name a source: small letters, digits and _")
    if converter not in converter_names():
        raise CatalogError(f"no converter {converter!r} is installed — {nearest_or_all(converter, converter_names())}")
    path = into / f"{name}.yaml"
    if path.exists():
        raise CatalogError(f"{path} is there already; nothing was written")
    facts = {
        "name": name, "converter": converter, "params": _params(converter, load_converter(converter).Params),
        "modality": "other", "modalities": ", ".join(get_args(Modality)),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_rendered("source.yaml", facts), "utf-8")
    return path


def _check_name(kind: Kind, name: str, package: str) -> None:
    if not _NAMES[kind].fullmatch(name) or any(iskeyword(part) for part in name.split(".")):
        also = ", with one dot at most: group.name" if kind == "task" else ""
        raise CatalogError(f"{name!r} can't name a {kind}: small letters, digits and _, a letter first{also}")
    if name in _installed(kind):
        raise CatalogError(f"there is a {kind} {name!r} already: two of one name hide each other")
    if find_spec(package) is not None:
        raise CatalogError(f"a package {package} is installed already: choose another name")


def _installed(kind: Kind) -> list[str]:
    from medloom.converters.registry import converter_names
    from medloom.quality.registry import filter_names
    from medloom.synthesis.registry import task_names

    return {"converter": converter_names, "task": task_names, "filter": filter_names}[kind]()


def _rendered(template: str, facts: dict[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    text = (files("medloom.flows.scaffolds") / f"{template}.j2").read_text("utf-8")
    return environment.from_string(text).render(facts)


def _draw(fixture: Path, notes: bool) -> None:
    """Pictures of noise with a bright ellipse in their box, with `notes` beside each; the same bytes at any time."""
    import cv2
    import numpy as np

    draw = np.random.default_rng(7)
    for one in SAMPLES:
        x0, y0, x1, y1 = one["box"]
        rows, columns = np.mgrid[:64, :96] + 0.5
        inside = ((columns - (x0 + x1) / 2) / (x1 - x0)) ** 2 + ((rows - (y0 + y1) / 2) / (y1 - y0)) ** 2 < 0.25
        picture = (draw.integers(30, 90, (64, 96)) + 120 * inside).astype(np.uint8)
        path = fixture / one["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        if notes:
            path.with_suffix(".txt").write_text(f"lung_nodule {x0:g} {y0:g} {x1:g} {y1:g}\n")


def _params(converter: str, params: type[Any]) -> str:
    """The parameters of a card as YAML: an example where there is one, else what the model says."""
    import yaml

    examples = yaml.safe_load((files("medloom.flows.scaffolds") / "params.yaml").read_text("utf-8"))
    if converter in examples:
        return "params:\n" + "".join(f"  {line}\n" for line in examples[converter].rstrip().splitlines())
    doc = [f"# {line.strip()}".rstrip() for line in (params.__doc__ or "").strip().splitlines()]
    lines = [*doc, *(_param(name, field) for name, field in params.model_fields.items())]
    return "params: {}\n" + "".join(f"  {line}\n" for line in lines)


def _param(name: str, field: Any) -> str:
    import json

    from pydantic_core import to_jsonable_python

    if field.is_required():
        return f"# {name}:  # must be given"
    return f"# {name}: {json.dumps(to_jsonable_python(field.get_default(call_default_factory=True)))}"
