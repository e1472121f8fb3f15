"""The cache of answers: added to and never changed, shared by processes, whole after any kill, merged."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from medloom.schemas.errors import MedloomError
from medloom.synthesis.engines.cache import AnswerCache, CacheError, Keeper, Said
from medloom.synthesis.engines.request import Answer, Message, Request


def said(number: int, text: str = "", **fields: object) -> Said:
    request = Request(prompt=f"p{number % 2}", version="1", messages=(Message(role="user", text=f"{number}"),))
    answer = Answer(key=request.key("m", ""), text=text or f"answer {number}", generated_tokens=number, **fields)  # type: ignore[arg-type]
    return Said(model="m", revision="", request=request, answer=answer)


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "a.sqlite") as cache:
        cache.put(said(n) for n in range(1200))
    with AnswerCache(tmp_path / "a.sqlite") as again:
        keys = [said(n).answer.key for n in range(1300)]
        assert again.get(keys) == {said(n).answer.key: said(n).answer for n in range(1200)}


def test_the_first_answer_stays(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "a.sqlite") as cache:
        cache.put([said(1, "first")])
        cache.put([said(1, "second")])
        assert cache.get([said(1).answer.key])[said(1).answer.key].text == "first"
        for statement in ("UPDATE answers SET text = 'x'", "DELETE FROM answers"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                cache._base.execute(statement)


def test_what_failed_is_asked_again_another_time(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "a.sqlite") as cache:
        cache.put([said(1, finish="failed", reason="server_error"), said(2, finish="refused", reason="refusal")])
        assert set(cache.get([said(1).answer.key, said(2).answer.key])) == {said(2).answer.key}


def test_two_machines_merge_without_loss(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "a.sqlite") as a, AnswerCache(tmp_path / "b.sqlite") as b:
        a.put(said(n, f"a{n}") for n in range(20))
        b.put(said(n, f"b{n}") for n in range(10, 40))
        assert a.merge(tmp_path / "b.sqlite") == 20 and a.merge(tmp_path / "b.sqlite") == 0
        found = a.get(said(n).answer.key for n in range(40))
        assert [found[said(n).answer.key].text[0] for n in range(40)] == ["a"] * 20 + ["b"] * 20


def test_what_is_no_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to look at" * 50)
    with pytest.raises(CacheError, match="no cache of answers"):
        AnswerCache(tmp_path / "text")
    with sqlite3.connect(tmp_path / "later.sqlite") as later:
        later.execute("PRAGMA user_version=9")
    later.close()
    with pytest.raises(MedloomError, match="written by another medloom"):
        AnswerCache(tmp_path / "later.sqlite")


def add(path: Path, start: int) -> None:
    with AnswerCache(path) as cache:
        for n in range(start, start + 300):
            cache.put([said(n)])


def test_many_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    spawn = multiprocessing.get_context("fork")
    crew = [spawn.Process(target=add, args=(path, start)) for start in (0, 150, 300)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    with AnswerCache(path) as cache:
        assert len(cache) == 600


def test_a_killed_writer_leaves_whole_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    AnswerCache(path).close()
    child = multiprocessing.get_context("fork").Process(target=add, args=(path, 0))
    child.start()
    with AnswerCache(path) as cache:
        while len(cache) < 20:
            threading.Event().wait(0.001)
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        count = len(cache)
    with AnswerCache(path) as again:
        found = again.get(said(n).answer.key for n in range(count))
        assert len(again) >= count and all(found[said(n).answer.key] == said(n).answer for n in range(count))
        again.put([said(9999)])


def test_answers_that_come_together_are_saved_together(tmp_path: Path) -> None:
    async def through() -> int:
        keeper = Keeper(cache)
        await asyncio.gather(*{id(saved): saved for saved in [keeper.keep(said(n)) for n in range(500)]}.values())
        found = len(cache)
        keeper.close()
        return found

    with AnswerCache(tmp_path / "a.sqlite") as cache:
        assert asyncio.run(through()) == 500
