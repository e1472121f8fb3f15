"""The filter `blind` with a real server that answers by rule: the option that the question names, else A."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from medloom.flows.blind import EngineAnswers, blank
from medloom.flows.cards import find_card
from medloom.flows.check import check, render_problems
from medloom.flows.corpus import Step, decide
from medloom.flows.progress import Progress
from medloom.flows.run import run_build
from medloom.flows.synthesize import Conversation
from medloom.flows.unit_result import write_ipc
from medloom.flows.unit_rows import UnitPlace
from medloom.flows.workers import Workers
from medloom.quality.blind import LETTERS
from medloom.schemas.arrow import to_batch
from medloom.schemas.catalog import SplitSettings
from medloom.schemas.errors import BuildError
from medloom.schemas.record import Answer, Option, Record, Turn
from medloom.schemas.synthesis import Synthesis
from medloom.schemas.view import View

NAMES = ("cyst", "nodule", "effusion")


class Server(ThreadingHTTPServer):
    """Keeps every body that it was sent; `broken` makes it say 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Rule)
        self.seen: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Rule(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(body)
        content = body["messages"][-1]["content"]
        stem, *lines = (content if isinstance(content, str) else content[-1]["text"]).split("\n")
        named = [line[0] for line in lines if line[1:3] == ". " and line[3:].lower() in stem.lower()]
        message = {"role": "assistant", "content": f"{(named or ['A'])[0]}."}
        usage = {"prompt_tokens": 9, "completion_tokens": 2}
        reply = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _record(number: int, task: str) -> Record:
    right = number % 3
    options = tuple(Option(key=LETTERS[n], text=name, concept=name, correct=n == right) for n, name in enumerate(NAMES))
    stem = f"Where is the {NAMES[right]} of case {number}?" if task == "told" else f"What is shown in case {number}?"
    listed = "\n".join(f"{one.key}. {one.text}" for one in options)
    return Record(
        id=f"{task}{number:03d}", config="vqa", task=task, type=6, source="s", sample=f"sample{number}",
        views=(f"v{number}",), template="t", licence="MIT", form="single", options=options,
        turns=(Turn(role="user", text=f"<image>\n{stem}\n{listed}"), Turn(role="assistant", text=LETTERS[right])),
        answer=Answer(text=NAMES[right], keys=(LETTERS[right],)),
    )  # fmt: skip


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Forty-five pictures with a question each that names its answer, and one that doesn't."""
    folder = tmp_path / "unit"
    folder.mkdir()
    views = []
    for number in range(45):
        data = cv2.imencode(".png", np.full((8, 8), number, np.uint8))[1].tobytes()
        (tmp_path / f"{number}.png").write_bytes(data)
        views.append(
            View(id=f"v{number}", source="s", sample=f"sample{number}", media="image", source_file=f"{number}.png",
                 source_sha256=f"{number:064x}", sha256=f"{number:064x}", phash=f"{number:016x}", format="png",
                 width=8, height=8, bytes=len(data), passthrough=True)
        )  # fmt: skip
    records = [_record(number, task) for task in ("told", "plain") for number in range(45)]
    write_ipc(folder / "records.arrow", to_batch(Record, records))
    write_ipc(folder / "views.arrow", to_batch(View, views))
    return folder


def asked(server: Server, unit: Path, **params: Any) -> Step:
    synthesis = Synthesis(engine="openai", model="m", base_url=server.url, local=True, concurrency=8)
    place = UnitPlace(folder=str(unit), root=str(unit.parent), key="k")
    with (
        Workers(0) as crew,
        (unit / "log").open("w") as log,
        Conversation(synthesis, unit / "answers.sqlite", crew, Progress(log)) as talk,
    ):
        splits = SplitSettings(ratios={"train": 1.0})
        (step,) = decide([unit], [], (("blind", "1", params),), splits, EngineAnswers(talk, [place])).steps
    return step


def test_what_is_answered_without_the_picture_is_found_and_nothing_else(server: Server, unit: Path) -> None:
    step = asked(server, unit)
    cells = {cell.task: cell for cell in step.cells}
    assert cells["told"].before == 1.0 and cells["told"].left == 0, "each names its answer, so that none may stay"
    assert abs(cells["plain"].before - 1 / 3) < 0.1 and cells["plain"].left == 45
    assert {drop.reason for drop in step.drops} == {"answered_blind"}
    assert step.drops and all(drop.record.startswith("told") for drop in step.drops)
    bodies = [body["messages"][-1]["content"] for body in server.seen]
    assert all(isinstance(body, str) and "<image>" not in body for body in bodies)
    orders = {body.split("\n", 1)[1] for body in bodies if "case 7?" in body}
    assert len(bodies) == len(set(bodies)) and len(orders) > 1, "every order once, and orders differ"

    before = len(server.seen)
    again = asked(server, unit)
    assert again == step and len(server.seen) == before, "the cache answers all of it"


def test_a_blank_and_another_picture_are_shown(server: Server, unit: Path) -> None:
    asked(server, unit, shown="blank", shuffles=1)
    urls = {body["messages"][-1]["content"][0]["image_url"]["url"] for body in server.seen}
    assert {b64decode(url.split(",")[1]) for url in urls} == {blank()}
    server.seen.clear()
    asked(server, unit, shown="another", shuffles=1)
    assert len(server.seen) == 90
    for body in server.seen:
        picture, text = body["messages"][-1]["content"]
        own = int(text["text"].split("case ")[1].split("?")[0].split(".")[0])
        shown = cv2.imdecode(np.frombuffer(b64decode(picture["image_url"]["url"].split(",")[1]), np.uint8), -1)
        assert shown[0, 0] != own


CATALOG = """\
corpus: asked
version: 1.0.0
release: {{licence: CC-BY-4.0, to: public}}
sources: [{{use: phantom_skin, path: "phantom:7/derm_class_folders"}}]
tasks: [caption, vqa.single_choice]
filters: [structure, {{blind: {{least: 1}}}}]
synthesis: {{engine: {engine}, model: m, base_url: {url}, local: {local}, concurrency: 4}}
gate: {{run: false}}
"""


def test_a_build_asks_its_engine_and_says_so_where_there_is_none(server: Server, tmp_path: Path) -> None:
    path, out = tmp_path / "catalog.yaml", tmp_path / "out"
    told = {"url": server.url, "local": "true"}
    path.write_text(CATALOG.format(engine="openai", **told))
    assert "would have nothing to do" not in render_problems(check(path))
    build = run_build(path, out, workers=0)
    assert build.decisions is not None
    step = build.decisions.steps[1]
    choices = [row for row in pq.read_table(out / "lineage.parquet").to_pylist() if row["task"] == "vqa.single_choice"]
    assert choices and step.cells and step.cells[0].asked == len(choices) and not step.note
    assert len(server.seen) == len({body["messages"][-1]["content"] for body in server.seen}) > 0
    before = len(server.seen)
    run_build(path, out, workers=0, resume=True)
    assert len(server.seen) == before

    closed = run_build(path, tmp_path / "other" / "out", workers=0, answers=tmp_path / "none.sqlite")
    closed.catalog = closed.catalog.model_copy(
        update={"synthesis": closed.catalog.synthesis.model_copy(update={"local": False})}
    )
    state = closed.sources["phantom_skin"]
    state.resolved = replace(state.resolved, card=state.resolved.card.model_copy(update={"access": "credentialed"}))
    with pytest.raises(BuildError, match="credentialed, and the engine is not local"):
        closed.decide()

    path.write_text(CATALOG.format(engine="none", **told))
    before = len(server.seen)
    silent = run_build(path, tmp_path / "silent" / "out", workers=0)
    assert silent.decisions is not None
    assert "no engine is configured" in silent.decisions.steps[1].note and len(server.seen) == before


def test_credentialed_data_is_not_asked_of_others_by_the_check_either(tmp_path: Path) -> None:
    card = find_card("phantom_skin")
    assert card is not None
    (tmp_path / "sources").mkdir()
    text = card.read_text().replace("source: phantom_skin", "source: closed\naccess: credentialed\nredistribute: index")
    text = "\n".join(line for line in text.splitlines() if line != "access: open")
    (tmp_path / "sources" / "closed.yaml").write_text(text)
    path = tmp_path / "catalog.yaml"
    told = CATALOG.format(engine="openai", url="http://127.0.0.1:9/v1", local="false")
    path.write_text(told.replace("use: phantom_skin", "use: closed").replace("to: public", "to: private"))
    found = [one.what for one in check(path) if one.severity == "error"]
    assert found == ["closed: credentialed data may not be sent to an engine that isn't marked local"]
    path.write_text(path.read_text().replace("local: false", "local: true"))
    assert not [one for one in check(path) if one.severity == "error"]
