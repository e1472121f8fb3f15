"""The README's own catalog and Python, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
from ruamel.yaml import YAML

from medloom.flows.check import read_catalog
from medloom.flows.run import run_build

README = Path(__file__).parents[2] / "README.md"


def block(language: str) -> str:
    """The first block of code in that language."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_catalog_builds_and_each_of_its_tasks_gives_records(data_dir: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "cells.yaml"
    catalog.write_text(block("yaml"))
    sources = {"bccd_voc": str(data_dir / "bccd_voc")}
    assert read_catalog(catalog, sources).notes == ()
    run_build(catalog, tmp_path / "cells", sources)
    kept = pl.read_parquet(tmp_path / "cells/lineage.parquet").drop_nulls("shard")
    assert set(kept["task"]) == set(YAML(typ="safe").load(catalog)["tasks"])
    shown: dict[str, object] = {}
    exec(block("python").replace("build/cells", str(tmp_path / "cells")), shown)
    assert {"images", "records"} <= set(shown["row"])  # type: ignore[call-overload]
