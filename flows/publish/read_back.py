"""Read back: a published revision as a stranger's machine gets it, every byte by digest and every config loaded.

`Reader` starts this module in a process of its own, with empty caches: nothing that lies here can stand in for what the
Hub really serves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from medloom.flows.publish.problem import PublishError


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision has to hold: SHA-256 by path, and the number of rows by config and split."""

    repo: str
    revision: str
    files: dict[str, str]
    rows: dict[str, dict[str, int]]


class Reader:
    """A stranger's process with empty caches below `home`; it holds one revision after another to what is wanted."""

    def __init__(self, endpoint: str, home: Path) -> None:
        elsewhere = ("HF_HOME", "HF_HUB_CACHE", "HF_XET_CACHE", "HF_DATASETS_CACHE", "HF_ENDPOINT")
        kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
        token = _token()
        self._environment = kept | {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            **({"HF_TOKEN": token} if token else {}),
        }
        self._log = home.with_name(f"{home.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def hold(self, wanted: Wanted) -> None:
        """Raises PublishError with all that is wrong."""
        if self._process is None:
            command = [sys.executable, "-m", __name__]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=self._environment
                )
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None and told is not None
        asked.write(msgspec.json.encode(wanted) + b"\n")
        asked.flush()
        where = f"{wanted.repo} at {wanted.revision[:12]}"
        answer = told.readline()
        if not answer:
            self.close()
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["it ended without a word"]
            raise PublishError(f"{where} can't be read back: {last[0]}")
        if wrong := msgspec.json.decode(answer, type=list[str]):
            self.close()
            raise PublishError(f"{where} is not what was sent: {'; '.join(wrong[:5])}")

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _faults(wanted: Wanted) -> list[str]:
    from datasets import load_dataset
    from huggingface_hub import hf_hub_download

    from medloom.flows.store import sha256_of

    wrong = []
    for path, digest in wanted.files.items():
        local = hf_hub_download(wanted.repo, path, repo_type="dataset", revision=wanted.revision)
        if sha256_of(Path(local)) != digest:
            wrong.append(f"{path} comes back as other bytes")
    if wrong:
        return wrong
    for config, splits in wanted.rows.items():
        loaded = load_dataset(wanted.repo, config, revision=wanted.revision)
        found = {split: len(rows) for split, rows in loaded.items()}
        if found != splits:
            wrong.append(f"load_dataset({config!r}) gives {found} rows, not {splits}")
        for split, rows in loaded.items():
            column = "images" if "images" in rows.column_names else "id"
            ends = {0, len(rows) - 1} if len(rows) else set()
            empty = [at for at in ends if rows.select_columns(column)[at][column] is None]  # pictures are decoded
            wrong += [f"row {at} of {config}, {split} has no {column}" for at in empty]
    return wrong


def main() -> None:
    """Reads what is wanted from stdin, a line each, and prints what is wrong as JSON."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(_faults(msgspec.json.decode(line, type=Wanted))) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
