"""Export: one corpus into one format, in a folder of its own that appears whole or not at all."""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from medloom.flows.export.form import Form, Options
from medloom.flows.load import NotACorpus, load
from medloom.flows.terms import plain_config
from medloom.schemas.errors import CatalogError
from medloom.schemas.sample import Split

FORMS = {
    "llava": "chat:Llava",
    "llama_factory": "chat:LlamaFactory",
    "swift": "chat:Swift",
    "qwen": "chat:Qwen",
    "internvl": "chat:InternVLChat",
    "florence": "chat:FlorencePairs",
    "trl": "pairs:TrlPreference",
    "trl_sft": "pairs:TrlSft",
    "grpo": "pairs:Grpo",
    "webdataset": "pairs:WebDataset",
    "coco": "detection:Coco",
    "refcoco": "detection:RefCoco",
    "vlmevalkit": "benchmarks:VlmEvalKit",
    "medevalkit": "benchmarks:MedEvalKit",
}


@dataclass(frozen=True)
class Exported:
    """What an export left: records by split, those that the format can't hold by reason, and pictures."""

    out: Path
    written: dict[str, int]
    left_out: dict[str, int]
    pictures: int


def form_class(name: str) -> type[Form]:
    """The format of that name. Raises CatalogError with the nearest name where there is none."""
    if name not in FORMS:
        close = difflib.get_close_matches(name, FORMS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise CatalogError(f"no export format {name!r}{hint} There are {', '.join(FORMS)}")
    module, kind = FORMS[name].split(":")
    found: type[Form] = getattr(import_module(f"medloom.flows.export.{module}"), kind)
    return found


def export(
    corpus: str | Path,
    to: str,
    dest: Path,
    *,
    revision: str | None = None,
    configs: Sequence[str] = (),
    splits: Sequence[Split] = (),
    model: str | None = None,
    processor: str | None = None,
) -> Exported:
    """Writes the corpus (a folder, or ORG/NAME at `revision`) in the format `to` into the new folder `dest`.

    `configs` and `splits` keep it to some. Beside the data stand NOTICE, with the licences of the sources, and
    export.json: corpus, version, format, options and counts. Raises CatalogError for a wrong call, NotACorpus where
    there is no corpus.
    """
    kind = form_class(to)
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise CatalogError(f"{dest} is there already: name a new folder")
    if model is not None and model not in kind.models:
        raise CatalogError(f"{to} knows no model {model!r}; it knows {', '.join(kind.models) or 'none'}")
    found = load(corpus, revision)
    wanted = [name for name in found.configs if plain_config(name) in kind.configs and (not configs or name in configs)]
    if not wanted:
        raise NotACorpus(
            f"{found.name} has nothing for {to}, which holds {', '.join(kind.configs)}: "
            f"it has {', '.join(found.configs)}"
        )
    fresh = dest.with_name(f".{dest.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    form = kind(fresh, Options(model=model, processor=processor))
    for config in wanted:
        for split in splits or (None,):
            for row in found.rows(config, split):
                form.add(row)
    form.close()
    told = {
        "corpus": found.name,
        "version": found.version,
        "format": to,
        "model": model,
        "processor": processor,
        "configs": wanted,
        "records": dict(sorted(form.written.items())),
        "left_out": dict(sorted(form.left_out.items())),
    }
    (fresh / "export.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(found.file("NOTICE"), fresh / "NOTICE")
    if dest.exists():
        dest.rmdir()
    fresh.rename(dest)
    return Exported(dest, dict(form.written), dict(form.left_out), form.media.count)
