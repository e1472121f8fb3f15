"""Read back: a published revision as a stranger's machine gets it, every byte by digest and every config loaded.

`read_back` starts this module in a process of its own, with empty caches: nothing that lies here can stand in for what
the Hub really serves.
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


def read_back(wanted: Wanted, endpoint: str, home: Path) -> None:
    """Raises PublishError with all that is wrong; `home` holds the client's caches, and can be used twice."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_HOME", "HF_DATASETS_CACHE"))}
    kept = {name: value for name, value in kept.items() if name not in ("HF_HUB_CACHE", "HF_XET_CACHE", "HF_ENDPOINT")}
    token = _token()
    environment = kept | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        **({"HF_TOKEN": token} if token else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=msgspec.json.encode(wanted),
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it ended without a word"]
        raise PublishError(f"{wanted.repo} at {wanted.revision[:12]} can't be read back: {last[0]}")
    wrong = msgspec.json.decode(done.stdout.splitlines()[-1], type=list[str])
    if wrong:
        raise PublishError(f"{wanted.repo} at {wanted.revision[:12]} is not what was sent: {'; '.join(wrong[:5])}")


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
            if len(rows):  # decodes the pictures of the first and the last row
                _ = rows.select_columns(column)[0], rows.select_columns(column)[len(rows) - 1]
            del split
    return wrong


def main() -> None:
    """Reads what is wanted from stdin; prints what is wrong as JSON."""
    print(msgspec.json.encode(_faults(msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted))).decode())


if __name__ == "__main__":
    main()
