"""VllmServer: one vLLM server as a Ray actor: a process from an environment of its own, watched and ended with it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from medloom.schemas.synthesis import EngineUse

LOG_LINES = 15
"""So many last lines of its log are told where a server doesn't start."""
GUARD = """
exec 3<&0
(
  read _ <&3 && exit
  kill -s TERM -- "-$1"; sleep 10; kill -s KILL -- "-$1"
  rm -rf -- "$2"
) > /dev/null 2>&1 &
"""
"""What watches over a server and its log: a line says that the server was ended, an end without one that the actor was,
however that happened. It is no child of the actor, since Ray kills those; vLLM's engine, a child of the server, would
outlive both."""
ENV_OFF = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

_ERROR = re.compile(r"(?:^|[\])] )([A-Z]\w*(?:Error|Exception): .{,600})")


class VllmServer:
    """The server's process, on whatever machine Ray has put this actor with the GPUs that it needs."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], start_seconds: float) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None

    def start(self, alone: bool) -> str:
        """Starts the server and returns its address when it is well: on loopback where Ray has one machine alone.

        Raises RuntimeError, with the end of the server's log.
        """
        import ray

        self.stop()
        host = "127.0.0.1" if alone else str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        with socket.socket() as free:
            free.bind((host, 0))
            port = free.getsockname()[1]
        self._log = Path(tempfile.mkdtemp(prefix="medloom-vllm-")) / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, "--host", host, "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | ENV_OFF | self._environment,
                start_new_session=True,
            )
        command = ["/bin/sh", "-c", GUARD, "guard", str(self._process.pid), str(self._log.parent)]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._guard.wait()
        url = f"http://{host}:{port}"
        until = time.monotonic() + self._start_seconds
        while not _healthy(url):
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended with {self._process.returncode}: {self.log()}")
            if time.monotonic() > until:
                said = self.log()
                self.stop()
                raise RuntimeError(f"it isn't well after {self._start_seconds:g} s: {said}")
            time.sleep(0.5)
        return f"{url}/v1"

    def ended(self) -> int | None:
        """The exit code of a server that is dead, None while it lives."""
        return -1 if self._process is None else self._process.poll()

    def process(self) -> int | None:
        """The server's process id."""
        return None if self._process is None else self._process.pid

    def log(self) -> str:
        """The first error in its log, which is what the others come from, and the end of it."""
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log is not None else []
        first = next((found[1] for line in lines if (found := _ERROR.search(line))), None)
        last = [line[-300:] for line in lines[-LOG_LINES:]]
        return "\n".join([*([] if first is None else [first, "..."]), *last])

    def stop(self) -> None:
        """Ends the server and all its processes."""
        if self._process is None:
            return
        for how, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None
        if self._guard is not None:
            assert self._guard.stdin is not None
            with suppress(BrokenPipeError), self._guard.stdin as guard:
                guard.write(b"ended\n")
            self._guard = None
        if self._log is not None:
            shutil.rmtree(self._log.parent, ignore_errors=True)
            self._log = None


def server_command(use: EngineUse) -> list[str]:
    """The command line of a server of this engine, without its address."""
    servers = use.servers
    assert use.model is not None
    command = [
        str(Path(servers.python).absolute()), "-m", "vllm.entrypoints.openai.api_server",
        "--model", use.model, "--served-model-name", use.model,
        "--tensor-parallel-size", str(servers.tensor_parallel), "--data-parallel-size", str(servers.data_parallel),
        "--enable-prefix-caching", "--enable-prompt-tokens-details",
    ]  # fmt: skip
    if use.revision and not Path(use.model).exists():
        command += ["--revision", use.revision]
    if servers.max_model_len is not None:
        command += ["--max-model-len", str(servers.max_model_len)]
    return [*command, *servers.arguments]


def gpus_of(use: EngineUse) -> float:
    """GPUs that one server needs."""
    servers = use.servers
    return servers.tensor_parallel * servers.data_parallel if servers.gpus is None else servers.gpus


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=5) as reply:
            return int(reply.status) == 200
    except (urllib.error.URLError, OSError):
        return False
