"""Corpora that an engine phrases: a real server on loopback, a writer that comes in by the entry points' door."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from medloom.flows.answers import merge_answers, show_answers
from medloom.flows.cards import find_card
from medloom.flows.check import check, render_problems
from medloom.flows.collect import collect
from medloom.flows.plan import plan_build, render_plan
from medloom.flows.run import run_build
from medloom.flows.synthesize import tellings
from medloom.flows.tell import Told, read_briefs, tell_unit
from medloom.flows.unit_result import write_ipc
from medloom.schemas.arrow import to_batch
from medloom.schemas.errors import BuildError, CatalogError
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines import pace
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.registry import task_class

from ..synthesis.engines.conftest import fault_server

WRITER = '''
"""A writer for tests: it asks about every label of a picture, and says in the request what the server shall do."""

from medloom.schemas.identity import digest
from medloom.schemas.record import Answer, Record, Turn
from medloom.synthesis.brief import Brief, Shown
from medloom.synthesis.engines.request import Message, Request, Sampling
from medloom.synthesis.task import TaskParams
from medloom.synthesis.writer import Refused, Writer, Written


class Params(TaskParams):
    acts: str = "ok"
    pictures: bool = False
    max_tokens: int = 400


class Asks(Writer):
    name, type, config, needs, prompts = "test.asks", 1, "image_text", (), ("test.asks",)
    Params = Params

    def briefs(self, scene, context):
        for fact in [stated.fact for stated in scene.labels] or [scene.region_fact or scene.instances[0].fact]:
            view = scene.view
            shown = Shown(id=view.id, sha256=view.sha256, width=view.width, height=view.height)
            yield Brief(
                id=digest("brief", self.stamp, view.id, fact.pointer), task=self.name, version="1",
                source=scene.terms.source, sample=scene.sample.key, views=(shown,), licence=scene.terms.licence,
                access=scene.terms.access, patient=scene.terms.patient, facts=(fact,),
            )

    def requests(self, brief, prompts, past=()):
        if len(past) >= 2 or (past and past[-1].answer.text.endswith("}")):
            return ()
        prompt = prompts["test.asks"]
        text = prompt.render({"fact": brief.facts[0].concept}) + f" {brief.id} {len(past)}|{self.params.acts}"
        pictures = tuple(view.sha256 for view in brief.views) if self.params.pictures else ()
        messages = (Message(role="system", text="S"), Message(role="user", text=text, pictures=pictures))
        return (Request(prompt=prompt.id, version=str(prompt.page.version), messages=messages,
                        sampling=Sampling(max_tokens=self.params.max_tokens)),)

    def written(self, brief, past):
        last = past[-1].answer
        if last.finish != "stop":
            return Written(refused=(Refused(last.reason or last.finish, ""),))
        if not last.text.endswith("}"):
            return Written(refused=(Refused("no_json", last.text),))
        record = Record(
            id=digest("record", brief.id), config="image_text", task=self.name, type=1, source=brief.source,
            sample=brief.sample, views=tuple(view.id for view in brief.views), template="", licence=brief.licence,
            access=brief.access, patient=brief.patient, evidence=brief.facts, answer=Answer(text=last.text),
            turns=(Turn(role="user", text="<image>\\nWhat is shown?"), Turn(role="assistant", text=last.text)),
            concepts=(brief.facts[0].concept,),
        )
        return Written(records=(record,))
'''
PROMPT = """\
id: test.asks
version: {version}
slots: [fact]
system: Say what is shown.
user: "{words} {{{{ fact }}}}"
answer: {{type: object, properties: {{caption: {{type: string}}}}, required: [caption],
  additionalProperties: false}}
"""
CATALOG = """\
corpus: asked
version: 1.0.0
release: {{licence: CC-BY-4.0, to: public}}
sources: [{{use: bccd_voc, path: {data}/bccd_voc, limit: {limit}}}]
tasks: [caption, {{test.asks: {params}}}]
synthesis:
  engine: openai
  model: m
  base_url: {url}
  local: true
  prompts: [prompts]
  concurrency: 8
  attempts: 2
  patience: 20
  price: {{prompt: 2.0, cached: 1.0, generated: 10.0}}
  {more}
unit_samples: 8
gate: {{run: false}}
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path with the writer and its entry point, as an installed package has them."""
    folder = tmp_path_factory.mktemp("door")
    (folder / "a_writer.py").write_text(WRITER)
    info = folder / "a_writer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a_writer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[medloom.tasks]\ntest.asks = a_writer:Asks\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))  # for workers
        task_class.cache_clear()
        yield folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_S", 0.01)


class Desk:
    """A folder with a catalog, and the server that it names."""

    def __init__(self, folder: Path, data: Path, url: str) -> None:
        self.folder, self.data, self.url = folder, data, url
        self.out = folder / "out"
        (folder / "prompts").mkdir()
        self.prompt()

    def prompt(self, version: int = 1, words: str = "Describe") -> None:
        (self.folder / "prompts" / "asks.yaml").write_text(PROMPT.format(version=version, words=words))

    def catalog(self, params: str = "{}", more: str = "budget: {}", limit: int = 24) -> Path:
        path = self.folder / "catalog.yaml"
        path.write_text(CATALOG.format(data=self.data, url=self.url, params=params, more=more, limit=limit))
        return path

    def build(self, workers: int = 0, **settings: Any) -> Any:
        return run_build(self.catalog(**settings), self.out, workers=workers, resume=True)

    @property
    def answers(self) -> AnswerCache:
        return AnswerCache(self.folder / ".medloom-answers" / "answers.sqlite")

    @property
    def lineage(self) -> list[dict[str, Any]]:
        return pq.read_table(self.out / "lineage.parquet").to_pylist()

    @property
    def lock(self) -> dict[str, Any]:
        return json.loads((self.out / "corpus.lock.json").read_text())

    @property
    def tree(self) -> dict[str, str]:
        files = sorted(path for path in self.out.rglob("*") if path.is_file() and "report" not in path.parts)
        return {str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "served"


@pytest.fixture(scope="module")
def url(log: Path) -> Iterator[str]:
    with fault_server(log=log) as (url, _):
        yield url


@pytest.fixture
def desk(tmp_path: Path, data_dir: Path, url: str, door: Path, log: Path) -> Desk:
    log.write_text("")
    return Desk(tmp_path, data_dir, url)


def served(log: Path) -> Counter[str]:
    return Counter(log.read_text().split())


def test_what_is_answered_becomes_records_once(desk: Desk, log: Path) -> None:
    build = desk.build()
    first, asked = desk.tree, served(log)
    written = [row for row in desk.lineage if row["task"] == "test.asks"]
    assert written and {(row["prompt"], row["model"]) for row in written} == {("test.asks@1", "m")}
    assert {(row["prompt"], row["model"]) for row in desk.lineage if row["task"] == "caption"} == {(None, None)}
    assert len(written) == sum(asked.values()) == len(desk.answers) == build.talk.desk.usage.requests
    said = desk.lock["synthesis"]
    assert (said["requests"], said["written"], said["generated_tokens"]) == (len(written),) * 2 + (7 * len(written),)
    assert "base_url" not in json.dumps(desk.lock)

    again = desk.build()
    assert again.talk.desk.usage.requests == 0 and served(log) == asked and desk.tree == first


def test_any_number_of_workers_gives_the_same_bytes(desk: Desk, tmp_path: Path) -> None:
    desk.build(params="{pictures: true}")
    here = desk.tree
    run_build(desk.folder / "catalog.yaml", tmp_path / "other" / "out", workers=2)
    desk.out = tmp_path / "other" / "out"
    assert desk.tree == here


def test_a_changed_prompt_asks_its_own_records_again_and_no_others(desk: Desk, log: Path) -> None:
    desk.build()
    before, asked = desk.lineage, served(log)
    desk.prompt(2, "Tell")
    desk.build()
    after = desk.lineage
    assert sum(served(log).values()) == 2 * sum(asked.values())
    assert {row["prompt"] for row in after} == {None, "test.asks@2"}
    kept = [row for row in before if row["task"] == "caption"]
    assert kept == [row for row in after if row["task"] == "caption"]


def test_what_is_not_written_is_counted_with_its_reason(desk: Desk) -> None:
    build = desk.build(params="{acts: torn}")  # half of JSON as the body of each reply: an engine that is broken
    said = desk.lock["synthesis"]
    assert said["written"] == 0 and said["lost"] == {"test.asks: not_an_answer": said["briefs"]}
    steps = {step.name: step for step in collect(build).funnel}
    assert steps["asked"].kept == 0 and steps["asked"].dropped == {"not_an_answer": said["briefs"]}
    assert "not_an_answer" in (desk.out / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("acts", "reason"), [("refuse", "refusal"), ("long", "runs_on"), ("cut", "length"), ("400", "prompt_too_long")]
)
def test_bad_answers_are_dropped_with_a_reason(desk: Desk, acts: str, reason: str) -> None:
    desk.build(params=f"{{acts: '{acts}'}}", limit=4)
    said = desk.lock["synthesis"]
    assert said["lost"] == {f"test.asks: {reason}": said["briefs"]}


def test_a_budget_stops_cleanly_and_a_later_build_goes_on(desk: Desk, log: Path) -> None:
    with pytest.raises(BuildError, match=r"budget of 5 requests is spent .* --resume goes on"):
        desk.build(more="budget: {requests: 5}")
    assert sum(served(log).values()) == 5 == len(desk.answers)
    desk.build()
    assert max(served(log).values()) == 1
    assert sum(served(log).values()) == desk.lock["synthesis"]["written"]


def test_money_is_counted(desk: Desk) -> None:
    with pytest.raises(BuildError, match=r"budget of 0.00 is spent"):
        desk.build(more="budget: {cost: 0.0005}")
    # 30 fresh and 20 cached tokens of each prompt, 7 generated: 150 millionths
    assert len(desk.answers) in range(4, 4 + 8)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_kill_9_repeats_no_finished_request(desk: Desk, log: Path, door: Path, workers: int) -> None:
    """Whatever the cache has at the moment of the kill is never asked again."""
    catalog = desk.catalog(params="{acts: wait0.2}", limit=60)
    command = [sys.executable, "-m", "medloom.flows.cli", "build", str(catalog), "--out", str(desk.out), "--resume"]
    environment = os.environ | {"PYTHONPATH": str(door)}
    base = desk.folder / ".medloom-answers" / "answers.sqlite"
    rounds = []
    for wanted in (10, 30):
        run = subprocess.Popen(
            [*command, "--workers", str(workers)], env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while run.poll() is None and count(base) < wanted:
            time.sleep(0.02)
        assert run.poll() is None, "it was done before it could be killed"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        time.sleep(1)  # the server ends what it was asked, though nobody waits for it
        rounds.append((count(base), served(log)))
    desk.build(params="{acts: wait0.2}", limit=60)
    asked = served(log)
    kept = desk.lock["synthesis"]["written"]
    assert len(asked) == kept and len(desk.answers) == kept
    # what the server finished and nobody had saved yet is all that may be asked twice
    assert sum(asked.values()) - kept <= sum(sum(seen.values()) - saved for saved, seen in rounds)
    assert sum(asked.values()) - kept <= 2 * 2 * 8, "at each kill 8 are asked, and as many are on their way to the disk"


def count(base: Path) -> int:
    try:
        with sqlite3.connect(f"file:{base}?mode=ro", uri=True) as found:
            return int(found.execute("SELECT count(*) FROM answers").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_credentialed_data_goes_to_local_engines_only(desk: Desk) -> None:
    card = find_card("bccd_voc")
    assert card is not None
    (desk.folder / "sources").mkdir()
    text = card.read_text().replace("source: bccd_voc", "source: closed\naccess: credentialed\nredistribute: index")
    text = "\n".join(line for line in text.splitlines() if line != "access: open")
    (desk.folder / "sources" / "closed.yaml").write_text(text)
    path = desk.catalog()
    path.write_text(path.read_text().replace("use: bccd_voc", "use: closed").replace("to: public", "to: private"))
    assert render_problems(check(path)) == ""
    path.write_text(path.read_text().replace("local: true", "local: false"))
    found = check(path)
    assert [(one.where, one.what) for one in found] == [
        ("synthesis", "closed: credentialed data may not be sent to an engine that isn't marked local")
    ]
    with pytest.raises(CatalogError):
        run_build(path, desk.out)


def test_nothing_credentialed_is_sent_even_where_the_check_was_got_around(desk: Desk) -> None:
    """The worker looks at each brief again, before its request exists."""
    build = desk.build()
    assert build.voice is not None and build.talk is not None
    _, job = next(tellings(build, "bccd_voc", build.voice, build.talk.cache_file))
    first = msgspec.structs.replace(
        job, folder=str(build.sources["bccd_voc"].first_folders[0]), into=str(desk.folder / "told")
    )
    briefs = [msgspec.structs.replace(one, access="credentialed") for one in read_briefs(Path(first.folder))]
    write_ipc(Path(first.folder) / "briefs.arrow", to_batch(Brief, briefs))
    assert isinstance(tell_unit(first), Told)
    shouting = msgspec.structs.replace(first, voice=msgspec.structs.replace(build.voice, local=False))
    with pytest.raises(BuildError, match="bccd_voc is credentialed, and the engine is not local"):
        tell_unit(msgspec.structs.replace(shouting, into=str(desk.folder / "other")))


def test_a_writer_needs_an_engine(desk: Desk) -> None:
    path = desk.catalog()
    path.write_text(path.read_text().replace("engine: openai", "engine: none"))
    assert "error: the task 'test.asks' needs an engine, and the catalog names none" in render_problems(check(path))


def test_the_plan_tells_what_would_be_asked_and_what_it_would_cost(desk: Desk) -> None:
    catalog = desk.catalog(limit=16)
    plans, before = plan_build(catalog, desk.out, {})
    assert before is not None and before.seen == 8
    assert (before.usage.requests, before.cached) == (16, 0)
    assert "engine: about 16 requests to make and 0 answered already" in render_plan(plans, before)
    desk.build(limit=16)
    _, after = plan_build(catalog, desk.out, {})
    assert after is not None and after.exact
    assert (after.usage.requests, after.cached, after.cost) == (0, 16, 0.0)
    desk.prompt(2, "Tell")
    _, again = plan_build(catalog, desk.out, {})
    assert again is not None and again.usage.generated_tokens == 16 * 7, "as the prompt's answers were before"
    assert again.cost == pytest.approx(16 * (30 * 2 + 20 * 1 + 7 * 10) / 1e6, rel=0.1)  # the prompt is shorter now


def test_answers_of_two_machines_are_merged_on_the_command_line(desk: Desk, tmp_path: Path, log: Path) -> None:
    desk.build(limit=8)
    there = desk.folder / ".medloom-answers" / "answers.sqlite"
    here = tmp_path / "elsewhere" / "answers.sqlite"
    AnswerCache(here).close()
    assert "8 new answers" in merge_answers(here, [there])
    run_build(desk.catalog(limit=8), tmp_path / "elsewhere" / "out", answers=here)
    assert set(served(log).values()) == {1}
    assert "m: 8 answers" in show_answers(here)
