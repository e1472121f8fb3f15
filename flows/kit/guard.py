"""Guard: an audit hook that blocks, and tells, what a converter must not do while it lists."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec

NETWORK = frozenset((
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.sendto", "socket.sendmsg", "urllib.Request", "http.client.connect", "ftplib.connect",
))  # fmt: skip
PROCESS = frozenset((
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "pty.spawn",
))  # fmt: skip
CHANGES = frozenset((
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree", "shutil.move", "shutil.make_archive",
    "sqlite3.connect",
))  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Touch(msgspec.Struct, frozen=True):
    """Something that was tried and blocked: the event as Python audits it, and on what."""

    kind: Literal["network", "process", "write"]
    event: str
    what: str


class Guard:
    """Blocks network, other processes, and writing outside `scratch`, while `on`. It can't be taken away again.

    What a library does while it is imported (asking for the name of the machine, say) is not the converter's doing.
    """

    def __init__(self, scratch: str) -> None:
        self.scratch = os.path.realpath(scratch)
        self.touches: list[Touch] = []
        self._on = False
        sys.addaudithook(self._hook)

    @contextmanager
    def on(self) -> Iterator[list[Touch]]:
        """While it lasts, the guard stands; what it blocked is in the list."""
        self.touches = []
        self._on = True
        try:
            yield self.touches
        finally:
            self._on = False

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            path, mode, flags = arguments
            if not (isinstance(mode, str) and set(mode) & set("wax+")) and not (flags or 0) & _WRITES:
                return
            kind, told = "write", path
            if isinstance(path, int) or self._allowed(path):
                return
        elif event in CHANGES:
            kind, told = "write", arguments[0] if arguments else ""
            if all(self._allowed(path) for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike)):
                return
        elif event in NETWORK:
            kind, told = "network", arguments[-1] if arguments else ""
        elif event in PROCESS:
            kind, told = "process", arguments[0] if arguments else ""
        else:
            return
        if _importing():
            return
        self.touches.append(Touch(kind, event, str(told)))  # type: ignore[arg-type]
        raise PermissionError(f"the conformance kit blocks {event} of {told}")

    def _allowed(self, path: Any) -> bool:
        found = os.path.realpath(os.fsdecode(path))
        return found == os.devnull or found == self.scratch or found.startswith(self.scratch + os.sep)


def _importing() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
