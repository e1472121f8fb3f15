"""Pairs: TRL (prompt and completion, or chosen and rejected), GRPO problems, and WebDataset tars for CLIP."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medloom.flows.export.form import (
    ENDINGS,
    NO_BYTES,
    Form,
    LeftOut,
    LineForm,
    Options,
    picture_of,
    question_of,
    without_tags,
)
from medloom.flows.load import Item, Row, items_of
from medloom.schemas.record import MEDIA_TAGS, Record

ROWS = 64
"""Rows of a Parquet row group: their pictures are what is held in memory."""
SAMPLES = 1000
"""Samples of one tar."""
CAPTIONS = {1, 2}
"""Record types that are captions."""


class _Parquet:
    """One Parquet file with a message column or several and pictures, which `datasets` decodes."""

    def __init__(self, path: Path, messages: Sequence[str]) -> None:
        part = pa.struct([("type", pa.string()), ("text", pa.string())])
        turn = pa.struct([("role", pa.string()), ("content", pa.list_(part))])
        picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        schema = pa.schema(
            [("id", pa.string()), *((name, pa.list_(turn)) for name in messages), ("images", pa.list_(picture))]
        )
        self.rows: list[dict[str, Any]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = pq.ParquetWriter(path, schema.with_metadata(_features(schema)), compression="zstd")
        self.schema = self.writer.schema

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
        self.rows = []

    def close(self) -> None:
        self._flush()
        self.writer.close()


def _features(schema: pa.Schema) -> dict[bytes, bytes]:
    from medloom.flows.features import features

    return {b"huggingface": json.dumps({"info": {"features": features(schema)}}).encode()}


class _TrlForm(Form):
    """What the two TRL forms share: conversations whose user parts are pictures and text."""

    messages: tuple[str, ...]

    def __init__(self, out: Path, options: Options) -> None:
        super().__init__(out, options)
        self._files: dict[str, _Parquet] = {}

    def columns(self, item: Item) -> dict[str, list[dict[str, Any]]]:
        """The message columns. Raises LeftOut."""
        raise NotImplementedError

    def add(self, row: Row) -> None:
        for item in items_of(row):
            try:
                said = self.columns(item)
                images = [{"bytes": picture_of(item, n), "path": None} for n in range(len(item.views))]
            except LeftOut as reason:
                self.left_out[str(reason)] += 1
                continue
            if row.split not in self._files:
                path = self.out / "data" / f"{row.split}-00000-of-00001.parquet"
                self._files[row.split] = _Parquet(path, self.messages)
            self._files[row.split].add({"id": item.record.id, **said, "images": images})
            self.written[row.split] += 1

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _message(role: str, text: str) -> dict[str, Any]:
    """A turn as TRL has it: a part for each picture, where its tag stood, and the text."""
    shown = text.count(MEDIA_TAGS["picture"]) if role == "user" else 0
    words = without_tags(text) if role == "user" else text
    return {"role": role, "content": [*({"type": "image", "text": None},) * shown, {"type": "text", "text": words}]}


class TrlSft(_TrlForm):
    """``prompt``, ``completion`` and ``images``: TRL's conversational prompt-completion type, as Parquet."""

    name = "trl_sft"
    title = "TRL prompt and completion"
    configs = ("image_text", "vqa", "grounding", "reasoning", "text")
    messages = ("prompt", "completion")

    def columns(self, item: Item) -> dict[str, list[dict[str, Any]]]:
        *asked, last = item.record.turns
        return {
            "prompt": [_message(turn.role, turn.text) for turn in asked],
            "completion": [_message(last.role, last.text)],
        }


class TrlPreference(_TrlForm):
    """``prompt``, ``chosen``, ``rejected`` and ``images``: TRL's conversational preference type, as Parquet."""

    name = "trl"
    title = "TRL preference"
    configs = ("preference",)
    messages = ("prompt", "chosen", "rejected")

    def columns(self, item: Item) -> dict[str, list[dict[str, Any]]]:
        *asked, last = item.record.turns
        return {
            "prompt": [_message(turn.role, turn.text) for turn in asked],
            "chosen": [_message(last.role, last.text)],
            "rejected": [_message(last.role, _rejected(item.record))],
        }


def _rejected(record: Record) -> str:
    if record.rejected is None or record.rejected.text is None:
        raise LeftOut("no rejected text")
    return record.rejected.text


class Grpo(LineForm):
    """``{image, problem, solution}`` with ``<answer> C </answer>``: questions whose answer can be scored."""

    name = "grpo"
    title = "GRPO problem and solution"
    configs = ("vqa", "grounding", "reasoning")

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        record = item.record
        problem = question_of(item)
        if record.answer is None:
            raise LeftOut("no answer that can be scored")
        shown = paths[0] if len(paths) == 1 else list(paths)
        said = ", ".join(record.answer.keys) or record.answer.text
        fields = {"id": record.id, "form": record.form, "unit": record.answer.unit}
        return {"image": shown, "problem": problem, "solution": f"<answer> {said} </answer>", **fields}


class WebDataset(Form):
    """Tars of a thousand: ``key.jpg``, ``key.txt`` (the first caption) and ``key.json`` with the list of all of them.

    Times, owners and order are fixed, so that equal corpora give equal tars. Captions are never joined into one string.
    """

    name = "webdataset"
    title = "WebDataset, CLIP pairs"
    configs = ("image_text",)

    def __init__(self, out: Path, options: Options) -> None:
        super().__init__(out, options)
        self._tars: dict[str, tuple[tarfile.TarFile, int]] = {}
        self._counts: dict[str, int] = {}

    def add(self, row: Row) -> None:
        captions = [record for record in row.records if record.type in CAPTIONS and record.language == "en"]
        others = len(row.records) - len(captions)
        if others:
            self.left_out["no English caption"] += others
        if not captions:
            return
        if len(row.views) != 1 or row.media[0] is None:
            reason = "several pictures" if len(row.views) != 1 else NO_BYTES
            self.left_out[reason] += len(captions)
            return
        view, data = row.views[0], row.media[0]
        texts = [text for record in captions for text in (record.texts or (record.turns[-1].text,))]
        told = {
            "captions": texts,
            "records": [record.id for record in captions],
            "concepts": sorted({concept for record in captions for concept in record.concepts}),
            "source": captions[0].source,
            "licence": captions[0].licence,
            "modality": view.acquisition.modality,
        }
        number = self._counts.get(row.split, 0)
        tar = self._tar(row.split, number)
        key = f"{number:08d}"
        _member(tar, f"{key}.{ENDINGS.get(view.format, view.format)}", data)
        _member(tar, f"{key}.txt", texts[0].encode())
        _member(tar, f"{key}.json", json.dumps(told, ensure_ascii=False).encode())
        self._counts[row.split] = number + 1
        self.written[row.split] += len(captions)

    def _tar(self, split: str, number: int) -> tarfile.TarFile:
        shard = number // SAMPLES
        open_now = self._tars.get(split)
        if open_now is not None and open_now[1] == shard:
            return open_now[0]
        if open_now is not None:
            open_now[0].close()
        path = self.out / f"{split}-{shard:06d}.tar"
        tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed when the next begins)
        self._tars[split] = (tar, shard)
        return tar

    def close(self) -> None:
        for tar, _ in self._tars.values():
            tar.close()


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
