"""Exports as their consumers' own loaders read them: ms-swift, TRL and torch. `make test-consumers`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from medloom.flows.export.form import Options
from medloom.flows.export.pairs import TrlPreference
from medloom.flows.export.run import export
from medloom.flows.load import Row, load

REPO = Path(__file__).parents[3]
PYTHON = REPO / ".venv-consumers" / "bin" / "python"
pytestmark = pytest.mark.consumers


def ask(what: str, file: Path, cwd: Path) -> dict[str, object]:
    if not PYTHON.exists():
        pytest.skip("no .venv-consumers: make consumers")
    script = Path(__file__).with_name("consumers.py")
    done = subprocess.run([PYTHON, script, what, file], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_swift_loads_every_line(small_corpus: Path, tmp_path: Path) -> None:
    done = export(small_corpus, "swift", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    told = ask("swift", tmp_path / "out" / "train.jsonl", tmp_path / "out")
    assert told["rows"] == done.written["train"] == len(rows)
    assert told["images"] == told["tags"] == sum(len(row["images"]) for row in rows)
    assert told["boxes"] == sum(len(row.get("objects", {"bbox": []})["bbox"]) for row in rows)
    assert told["roles"] == ["assistant", "user"]


def test_trl_finds_the_picture_of_every_prompt(small_corpus: Path, tmp_path: Path) -> None:
    done = export(small_corpus, "trl_sft", tmp_path / "out")
    told = ask("trl", tmp_path / "out" / "data" / "train-00000-of-00001.parquet", tmp_path)
    count = done.written["train"]
    assert told == {"rows": count, "pictures": count, "texts": 2 * count}


def test_trl_takes_preferences(small_corpus: Path, tmp_path: Path) -> None:
    import msgspec

    from medloom.schemas.record import Rejected

    form = TrlPreference(tmp_path, Options())
    rows = list(load(small_corpus).rows("vqa", "train"))[:5]
    count = 0
    for row in rows:
        wrong = Rejected(text="Something else.", reason="other_finding")
        records = tuple(msgspec.structs.replace(record, config="preference", rejected=wrong) for record in row.records)
        form.add(Row(row.id, "preference", row.split, row.views, row.media, records))
        count += len(records)
    form.close()
    told = ask("trl", tmp_path / "data" / "train-00000-of-00001.parquet", tmp_path)
    assert told == {"rows": count, "pictures": count, "texts": 2 * count}


def test_torch_deals_every_record_once(small_corpus: Path, tmp_path: Path) -> None:
    told = ask("torch", small_corpus, tmp_path)
    wanted = sum(1 for _ in load(small_corpus).records("vqa", "train"))
    assert told == {"seen": wanted, "different": wanted}
