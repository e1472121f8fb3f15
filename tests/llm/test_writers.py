"""Every writer, and a judge, on real vLLM: all is asked and counted, and what stays is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from medloom.flows.build import Build
from medloom.flows.run import run_build
from medloom.flows.tell import Told, read_briefs
from medloom.synthesis.brief import Brief
from medloom.synthesis.prompt import load_prompts

from .conftest import MODELS, REPO

pytestmark = pytest.mark.llm
LIMITS = {"phantom_xray": 2, "phantom_ct": 1, "phantom_skin": 9, "phantom_clips": 1, "phantom_queries": 3}
OURS = {"rejected", "prompt_too_long", "nothing_asked", "engine_failed", "engine_refused", "too_long"}
"""Reasons that would be the fault of what we ask."""


def page() -> dict[str, Any]:
    """The catalog of all writers, without the sets that have to be fetched."""
    found: dict[str, Any] = YAML(typ="safe").load((REPO / "catalogs/all_writers.yaml").read_text("utf-8"))
    found["sources"] = [one | {"limit": LIMITS[one["use"]]} for one in found["sources"] if one["use"] in LIMITS]
    given = {"write.translate": {"languages": ["zh"]}, "write.gemex": {"per_picture": 4}}
    named = {one if isinstance(one, str) else next(iter(one)): one for one in found["tasks"]}
    found["tasks"] = [{name: given[name]} if name in given else one for name, one in named.items()]
    return found


def engine(url: str, model: str) -> dict[str, Any]:
    return {
        "engine": "openai", "model": str(MODELS / model), "base_url": url, "local": True, "concurrency": 64,
    }  # fmt: skip


def built(folder: Path, catalog: dict[str, Any], **settings: Any) -> Build:
    file = folder / "catalog.yaml"
    with file.open("w") as handle:
        YAML().dump(catalog, handle)
    return run_build(file, folder / "out", workers=0, **settings)


def told(folder: Path) -> tuple[list[Told], list[Brief]]:
    """What was told of each unit, and all briefs."""
    files = sorted((folder / ".out.work").glob("units/*/*.told/told.json"))
    units = [msgspec.json.decode(file.read_bytes(), type=Told) for file in files]
    return units, [brief for file in files for brief in read_briefs(Path(str(file.parent).removesuffix(".told")))]


def shards(folder: Path) -> dict[str, bytes]:
    files = sorted((folder / "out/data").rglob("*.parquet"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def lineage(folder: Path) -> list[dict[str, Any]]:
    return [row for row in pq.read_table(folder / "out/lineage.parquet").to_pylist() if row["prompt"]]


def test_a_small_model_words_a_corpus_and_is_paid_once(served: Callable[[str], str], tmp_path: Path) -> None:
    catalog = page()
    catalog["sources"] = [one for one in catalog["sources"] if one["use"] == "phantom_xray"]
    catalog["tasks"] = ["caption", {"write.gemex": {"per_picture": 3}}]
    catalog["synthesis"] = engine(served("smollm2-135m"), "smollm2-135m") | {"sampling": {"temperature": 0}}
    catalog["gate"] = {"run": False}
    built(tmp_path, catalog)
    ((unit,), briefs) = told(tmp_path)
    assert unit.usage.requests >= len(briefs) == unit.briefs > 0 and unit.usage.generated_tokens > 0
    assert 0 < unit.written == len(lineage(tmp_path))
    before = shards(tmp_path)
    catalog["synthesis"]["base_url"] = "http://127.0.0.1:9/v1"  # nobody is there
    built(tmp_path, catalog, fresh=True)
    assert shards(tmp_path) == before != {}


@pytest.mark.slow
def test_every_writer_asks_and_accounts_for_what_came_back(served: Callable[[str], str], tmp_path: Path) -> None:
    catalog = page()
    catalog["synthesis"] = engine(served("smollm2-135m"), "smollm2-135m") | {"sampling": {"temperature": 0}}
    built(tmp_path, catalog)
    units, briefs = told(tmp_path)
    writers = {task if isinstance(task, str) else next(iter(task)) for task in catalog["tasks"]}
    assert {brief.task for brief in briefs} == writers
    asked = {stamp.split("@")[0] for unit in units for stamp in unit.asked}
    assert asked >= {prompt.id for prompt in load_prompts()} - {"judge", "translate.back"}
    lost = Counter(reason for unit in units for _, reason, n in unit.lost for _ in range(n))
    assert not OURS & {*lost}, lost
    assert sum(unit.written for unit in units) + lost.total() == len(briefs) == sum(unit.briefs for unit in units)
    assert 0 < sum(unit.written for unit in units) < len(briefs), "a small model writes some of it well, and some badly"


JUDGE = """\
id: judge
version: 7
slots: [question, answer]
pictures: SEES
system: You rate questions and answers. Give four whole numbers from 1 to 5 as JSON.
user: "Question: {{ question }}\\nAnswer: {{ answer }}"
answer:
  type: object
  properties:
    relevance: {type: integer, minimum: 1, maximum: 5}
    visual_dependence: {type: integer, minimum: 1, maximum: 5}
    image_correspondence: {type: integer, minimum: 1, maximum: 5}
    formatting: {type: integer, minimum: 1, maximum: 5}
  required: [relevance, visual_dependence, image_correspondence, formatting]
  additionalProperties: false
sampling: {temperature: 0.0, top_p: 1.0, max_tokens: MOST}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("model", "sees"), [("tiny-vision", True), ("smollm2-135m", False)])
def test_a_second_model_rates_what_has_passed(
    served: Callable[[str], str], tmp_path: Path, model: str, sees: bool
) -> None:
    catalog = page()
    catalog["sources"] = [one for one in catalog["sources"] if one["use"] == "phantom_xray"]
    catalog["tasks"] = ["caption", {"write.gemex": {"per_picture": 3}}, {"write.paraphrase": {"per_picture": 3}}]
    use = engine(served("smollm2-135m"), "smollm2-135m") | {"sampling": {"temperature": 0}}
    use["judge"] = engine(served(model), model)
    catalog["synthesis"], catalog["gate"] = use, {"run": False}
    least = {"relevance": 4, "visual_dependence": 4, "image_correspondence": 4, "formatting": 4}
    catalog["filters"] = [{"ratings": least | {"unrated": "drop"}}]
    use["prompts"] = ["prompts"]
    (tmp_path / "prompts").mkdir()
    judge = JUDGE.replace("SEES", str(sees).lower())
    # the tokens of the vision model are single letters
    (tmp_path / "prompts" / "judge.yaml").write_text(judge.replace("MOST", "200" if sees else "60"))
    built(tmp_path, catalog)
    rows = lineage(tmp_path)
    assert rows
    assert any("judge@" in row["prompt"] and model in row["model"] for row in rows)
    for row in rows:
        rated = {one["name"]: one["value"] for one in row["ratings"]}
        assert {*rated} == {*least}
        assert all(1 <= value <= 5 for value in rated.values())
        kept = all(rated[name] >= bound for name, bound in least.items())
        assert (row["filter"] is None) == kept, row
    # a rating that is cut off can't be read: it is counted, and its record falls to the filter that wants one
    if not sees:
        (tmp_path / "prompts" / "judge.yaml").write_text(judge.replace("MOST", "4").replace("version: 7", "version: 8"))
        built(tmp_path, catalog, resume=True)
        units, _ = told(tmp_path)
        unrated = sum(n for unit in units for _, reason, n in unit.lost if reason == "unrated")
        assert unrated == len(rows)
        assert {row["reason"] for row in lineage(tmp_path)} == {"unrated"}
