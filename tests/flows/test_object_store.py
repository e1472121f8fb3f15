"""Mirrors on an S3 server on loopback: whole or not at all, little sent twice, read back by medloom.load."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from medloom.flows.load import NotACorpus, load
from medloom.flows.object_store import CURRENT, filesystem, mirror
from medloom.schemas.errors import BuildError, CatalogError


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an S3 server of its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("s3") / "log").open("w")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=log, stderr=log)
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/"):
                break
        except OSError:
            assert time.monotonic() < end, "no S3 server"
            time.sleep(0.3)
    yield f"http://127.0.0.1:{port}"
    running.terminate()
    running.wait()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An empty bucket, and the environment that leads to it."""
    given = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in (given | {"AWS_DEFAULT_REGION": "us-east-1", "XDG_CACHE_HOME": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(name, value)
    store, _ = filesystem("s3://any")
    store.clear_instance_cache()
    name = f"bucket-{tmp_path.name.replace('_', '-')[:40]}".lower()
    filesystem("s3://any")[0].mkdir(name)
    return f"s3://{name}/corpora/one"


def changed(corpus: Path, tmp_path: Path) -> Path:
    """Another version: the same shards but one, under a lock of its own."""
    import hashlib

    copy = tmp_path / "changed"
    shutil.copytree(corpus, copy)
    lock = json.loads((copy / "corpus.lock.json").read_text())
    lock["catalog"]["version"] = "2.2.0"
    lock["files"]["NOTICE"] = hashlib.sha256(b"another").hexdigest()
    (copy / "NOTICE").write_bytes(b"another")
    (copy / "corpus.lock.json").write_text(json.dumps(lock))
    return copy


def test_two_versions_and_who_reads_the_first_meanwhile(small_corpus: Path, bucket: str, tmp_path: Path) -> None:
    first = mirror(small_corpus, bucket)
    files = [path for path in small_corpus.rglob("*") if path.is_file()]
    assert first.sent == len(files) and first.bytes == sum(path.stat().st_size for path in files)
    reader = load(bucket)
    ids = [item.record.id for item in reader.records("vqa", "train")]
    assert ids == [item.record.id for item in load(small_corpus).records("vqa", "train")]
    assert mirror(small_corpus, bucket).sent == 1  # the lock: what tells a whole version
    second = mirror(changed(small_corpus, tmp_path), bucket)
    assert second.copied >= len(reader.shards) and second.bytes < first.bytes / 3
    assert reader.version == "2.1.0" and [item.record.id for item in reader.records("image_text")]
    assert load(bucket).version == "2.2.0" and load(bucket).file("NOTICE").read_bytes() == b"another"
    load(bucket).verify()


def test_what_fails_half_way_changes_nothing_for_readers(
    small_corpus: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(small_corpus, bucket)
    store, root = filesystem(bucket)
    before = store.cat_file(f"{root}/{CURRENT}")
    put, count = store.put_file, [0]

    def broken(*args, **more):
        count[0] += 1
        if count[0] > 2:
            raise OSError("the line is cut")
        return put(*args, **more)

    after = changed(small_corpus, tmp_path)
    with monkeypatch.context() as cut:
        cut.setattr(store, "put_file", broken)
        with pytest.raises(BuildError, match="the line is cut; run it again"):
            mirror(after, bucket)
    assert store.cat_file(f"{root}/{CURRENT}") == before and load(bucket).version == "2.1.0"
    again = mirror(after, bucket)
    assert again.there > 0 and load(bucket).version == "2.2.0"


def test_a_build_is_mirrored_from_the_command_line(bucket: str, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "corpus: small\nversion: 1.0.0\nrelease: {licence: CC-BY-4.0, to: public}\n"
        'sources: [{use: phantom_yolo, path: "phantom:7/cells_yolo"}]\ntasks: [counting]\ngate: {run: false}\n'
    )
    command = [sys.executable, "-m", "medloom.flows.cli", "build", str(catalog), "--out", str(tmp_path / "out")]
    env = os.environ | {"MEDLOOM_LOG": "json", "OTEL_TRACES_EXPORTER": "console"}
    done = subprocess.run(
        [*command, "--workers", "0", "--mirror", bucket], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "mirror:" in done.stdout and load(bucket).name == "small"
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"time"')]
    assert {"begun", "done"} <= {event["event"] for event in events}
    assert any(event["stage"] == "phantom_yolo: convert" and event["done"] == 8 for event in events)
    assert '"name": "medloom convert"' in done.stderr and '"medloom.corpus": "small"' in done.stderr


def test_wrong_places_are_told(small_corpus: Path, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(NotACorpus, match="holds no corpus"):
        load(f"{bucket}/nothing")
    with pytest.raises(NotACorpus, match="revision"):
        load(bucket, "v1")
    with pytest.raises(CatalogError, match="pip install gcsfs"):
        mirror(small_corpus, "gs://bucket/x")
    with pytest.raises(CatalogError, match="nope"):
        mirror(small_corpus, "nope://bucket/x")
    with pytest.raises(BuildError, match="only a finished corpus"):
        mirror(tmp_path, bucket)
