"""A proxy before the loopback Hub that breaks the first requests of a step, in one of six ways."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STEPS = {
    "create": ("POST", r"/api/repos/create"),
    "branch": ("POST", r"/branch/"),
    "preupload": ("POST", r"/preupload/"),
    "batch": ("POST", r"/objects/batch"),
    "put": ("PUT", r"^/lfs/"),
    "verify": ("POST", r"^/lfs/verify"),
    "token": ("GET", r"/xet-write-token/"),
    "commit to staging": ("POST", r"/commit/medloom-staging"),
    "tree": ("GET", r"/tree/"),
    "read back": ("GET", r"/resolve/"),
    "commit to main": ("POST", r"/commit/main"),
    "verify main": ("GET", r"/tree/"),
    "tag": ("POST", r"/tag/"),
    "drop branch": ("DELETE", r"/branch/"),
}
"""The calls of a publication, in its order."""
AFTER = {"verify main": r"/commit/main"}
"""A step whose call is also made before: it is broken only after a request like that."""
KINDS = ("500", "reset", "lost", "slow", "half", "wrong")
"""500: refused; reset: the connection breaks before the Hub hears of it; lost: after it has done it; slow: 2 s late;
half and wrong: half of the bytes, or one that is flipped, of what is sent (PUT, POST) or of what comes back (GET)."""


@dataclass
class Fault:
    """Breaks the first `times` requests of a step."""

    step: str
    kind: str
    times: int = 1_000_000
    struck: int = 0
    armed: bool = False


class FaultProxy:
    """Stands on a port of its own before `target` (host:port); `fault` may be set and unset while it runs."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.fault: Fault | None = None
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _struck(self, method: str, path: str) -> str | None:
        fault = self.fault
        if fault is None:
            return None
        if (armed := AFTER.get(fault.step)) is not None:
            fault.armed = fault.armed or bool(re.search(armed, path))
            if not fault.armed:
                return None
        wanted, pattern = STEPS[fault.step]
        if method != wanted or not re.search(pattern, path):
            return None
        with self._lock:
            if fault.struck >= fault.times:
                return None
            fault.struck += 1
        return fault.kind

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = self._body(request)
        kind = self._struck(request.command, request.path)
        if kind == "reset":
            return self._break(request)
        if kind == "500":
            return self._answer(request, 500, [], b"the server has a bad day")
        if kind == "slow":
            time.sleep(2)
        if kind in ("half", "wrong") and request.command != "GET":
            body = _spoilt(body, kind)
        connection = HTTPConnection(self.target, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        if body or request.command in ("POST", "PUT"):
            headers["Content-Length"] = str(len(body))
        connection.request(request.command, request.path, body or None, headers)
        found = connection.getresponse()
        data = found.read()
        connection.close()
        if kind == "lost":
            return self._break(request)
        if kind == "wrong" and request.command == "GET":
            data = _spoilt(data, kind)
        length = len(data)
        if kind == "half" and request.command == "GET":
            data = data[: len(data) // 2]
        kept = [(name, value) for name, value in found.getheaders() if name.lower() not in ("transfer-encoding",)]
        if not any(name.lower() == "content-length" for name, _ in kept):
            kept.append(("Content-Length", str(length)))
        self._answer(request, found.status, kept, data)
        if kind == "half":
            self._break(request)
        return None

    def _body(self, request: BaseHTTPRequestHandler) -> bytes:
        if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return request.rfile.read(int(request.headers.get("Content-Length") or 0))
        body = b""
        while size := int(request.rfile.readline().split(b";")[0], 16):
            body += request.rfile.read(size)
            request.rfile.readline()
        request.rfile.readline()
        return body

    def _answer(self, request: BaseHTTPRequestHandler, status: int, headers: list, data: bytes) -> None:
        request.send_response_only(status)
        for name, value in headers or [("Content-Length", str(len(data)))]:
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)
            request.wfile.flush()

    def _break(self, request: BaseHTTPRequestHandler) -> None:
        """Ends the connection as a machine that falls over does: with a reset."""
        request.close_connection = True
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()


def _spoilt(data: bytes, kind: str) -> bytes:
    if kind == "half":
        return data[: len(data) // 2]
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if data else data
