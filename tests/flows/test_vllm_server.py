"""A server and its watch, with a stand-in for vLLM that won't go by itself: real vLLM is in `tests/llm`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medloom.flows.vllm_server import VllmServer

STUBBORN = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(600)
print("ready to serve", flush=True)
class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer((sys.argv[2], int(sys.argv[4])), Well).serve_forever()
"""
ACTOR = """
import sys, time
from medloom.flows.vllm_server import VllmServer
server = VllmServer([sys.executable, "-c", sys.argv[1]], {}, 60)
server.start(True)
print(server.process(), server._log, flush=True)
time.sleep(600)
"""


def group(leader: int) -> list[int]:
    """The living processes of a group."""
    found = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()]
    return [int(pid) for pid, pgid, stat in rows if int(pgid) == leader and not stat.startswith("Z")]


def children(parent: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize("rays_way", [False, True])
def test_kill_9_of_whoever_started_it_ends_the_server_and_its_children(rays_way: bool) -> None:
    """Ray's way: where the raylet is gone, an actor kills its own children and itself."""
    actor = subprocess.Popen([sys.executable, "-c", ACTOR, STUBBORN], stdout=subprocess.PIPE, text=True)
    assert actor.stdout is not None
    leader, log = actor.stdout.readline().split()
    assert len(group(int(leader))) == 2 and Path(log).exists()
    for pid in children(actor.pid) if rays_way else ():
        os.kill(pid, signal.SIGKILL)
    os.kill(actor.pid, signal.SIGKILL)
    actor.communicate()
    until = time.monotonic() + 30
    while (group(int(leader)) or Path(log).exists()) and time.monotonic() < until:
        time.sleep(0.2)
    assert not group(int(leader)) and not Path(log).parent.exists()


def test_a_server_is_ended_with_all_that_is_its_own() -> None:
    server = VllmServer([sys.executable, "-c", STUBBORN.replace("SIG_IGN", "SIG_DFL")], {}, 60)
    assert server.start(True).startswith("http://127.0.0.1:")
    leader, log = server.process(), server._log
    assert leader is not None and log is not None and "ready to serve" in server.log() and server.ended() is None
    watch = ["pgrep", "-f", f"guard .*{log.parent}"]
    assert subprocess.run(watch, capture_output=True, check=False).returncode == 0
    server.stop()
    until = time.monotonic() + 8  # before it would kill whoever has that process id by then
    while subprocess.run(watch, capture_output=True, check=False).returncode == 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert time.monotonic() < until
    assert server.process() is None and server.ended() == -1
    assert not group(leader) and not log.parent.exists()


def test_one_that_does_not_start_tells_the_first_error_of_its_log() -> None:
    lines = [
        "may raise `OSError: not this`",
        "(Worker pid=1) ERROR [x.py:1] ValueError: too few",
        *["at x"] * 40,
    ]
    server = VllmServer([sys.executable, "-c", f"raise SystemExit({os.linesep.join(lines)!r})"], {}, 60)
    with pytest.raises(RuntimeError, match=r"^it ended with 1: ValueError: too few\n\.\.\.\nat x\n"):
        server.start(True)
    server.stop()
