"""Benchmark index: what a benchmark is known again by, in one small file that holds none of its content.

A Parquet file of four columns: `kind` (sha256, mark, question, ngram), `item` (the number of the picture or question),
`bits` (the digest) and nothing else; name, licence and source stand in its metadata. No picture and no text can be read
back: a mark says of a 16 × 16 grid of patches which neighbour is brighter, a text mark is a digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medloom.quality.marks import WORDS, MarkIndex, Marks, kept_marks
from medloom.quality.text_marks import MIN_QUESTION_WORDS, NGRAM, Digests, ngram_digests, telling, text_digests
from medloom.quality.thumbs import Thumbs
from medloom.schemas.errors import CatalogError
from medloom.schemas.identity import digest

KEY, VERSION = b"medloom.benchmark", 1
SCHEMA = pa.schema(
    [
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("item", pa.uint32()),
        ("bits", pa.binary()),
    ]
)
ASKED_OF = 3  # items that may share a question or a run of words; what more share is the benchmark's template


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an index says of itself. `pictures` and `texts` are those that it was made of."""

    name: str
    licence: str = "unknown"
    source: str = ""
    pictures: int = 0
    texts: int = 0
    ngram: int = NGRAM
    version: int = VERSION


@dataclass(frozen=True)
class BenchmarkIndex:
    """An index in memory. `sha256` are hex digests of whole files or stored pictures; digests of text are sorted."""

    about: About
    sha256: frozenset[str]
    marks: MarkIndex
    questions: Digests
    ngrams: Digests
    fingerprint: str

    @property
    def slug(self) -> str:
        """The name as part of a reason code."""
        return "".join(char if char.isalnum() else "_" for char in self.about.name.lower()).strip("_") or "unnamed"


class IndexMaker:
    """Takes a benchmark's pictures and texts, batch by batch, and writes its index."""

    def __init__(self, about: About) -> None:
        self.about = about
        self._sha256: list[tuple[str, int]] = []
        self._pictures = 0
        self._marks: list[Marks] = []
        self._of: list[NDArray[np.int64]] = []
        self._questions: list[tuple[Digests, NDArray[np.int64]]] = []
        self._ngrams: list[tuple[Digests, NDArray[np.int64]]] = []
        self._texts = 0

    def add_pictures(self, sha256: list[str], thumbs: Thumbs, stored: Sequence[str] = ()) -> None:
        """Pictures by the SHA-256 of their bytes, in hex, and their thumbs (N × 64 × 64).

        `stored`: that of the bytes that a build would store, which may be without metadata.
        """
        marks, of = kept_marks(thumbs)
        self._marks.append(marks)
        self._of.append(of + self._pictures)
        for number, names in enumerate(zip(sha256, stored or sha256, strict=True)):
            self._sha256 += [(name, self._pictures + number) for name in dict.fromkeys(names)]
        self._pictures += len(sha256)

    def add_texts(self, questions: list[str], texts: list[str]) -> None:
        """Questions (with their options), and all that an item says, one of each for each item."""
        values, words = text_digests(pl.Series(questions, dtype=pl.String))
        long = words >= MIN_QUESTION_WORDS
        self._questions.append((values[long], np.flatnonzero(long) + self._texts))
        runs, row = ngram_digests(pl.Series(texts, dtype=pl.String))
        self._ngrams.append((runs, row + self._texts))
        self._texts += len(texts)

    def write(self, path: Path) -> About:
        """Writes the index; the same benchmark gives the same bytes. Returns what it says of itself."""
        about = msgspec.structs.replace(self.about, pictures=self._pictures, texts=self._texts)
        parts = [
            _rows(
                "sha256",
                np.array([of for _, of in self._sha256], np.int64),
                [bytes.fromhex(name) for name, _ in self._sha256],
            )
        ]
        marks, of = _joined(self._marks, (0, WORDS), np.uint64), _joined(self._of, (0,), np.int64)
        parts.append(_rows("mark", of, [row.astype(">u8").tobytes() for row in marks]))
        for kind, found in (("question", self._questions), ("ngram", self._ngrams)):
            values = _joined([each for each, _ in found], (0,), np.uint64)
            item = _joined([each for _, each in found], (0,), np.int64)
            values, item = telling(values, item, ASKED_OF)
            parts.append(_rows(kind, item, [row.tobytes() for row in values.astype(">u8").reshape(-1, 1)]))
        table = pa.concat_tables(parts, promote_options="none").replace_schema_metadata(
            {KEY: msgspec.json.encode(about)}
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd", store_schema=True)
        return about


def _joined(parts: list[Any], empty: tuple[int, ...], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(empty, kind), *parts])


def _rows(kind: str, item: NDArray[np.int64], bits: list[bytes]) -> pa.Table:
    names = pa.DictionaryArray.from_arrays(pa.array([0] * len(bits), pa.int8()), pa.array([kind]))
    columns = [names, pa.array(item.astype(np.uint32)), pa.array(bits, pa.binary())]
    return pa.Table.from_arrays(columns, schema=SCHEMA).unify_dictionaries()


@lru_cache(maxsize=8)
def _read(path: str, _size: int, _changed: int) -> BenchmarkIndex:
    try:
        file = pq.ParquetFile(path)
        stated = (file.schema_arrow.metadata or {}).get(KEY)
        if stated is None or file.schema_arrow.names != SCHEMA.names:
            raise CatalogError(f"{path} is no benchmark index; `medloom benchmark-index` makes one")
        about = msgspec.json.decode(stated, type=About)
        table = pl.DataFrame(pl.from_arrow(file.read())).with_columns(pl.col("kind").cast(pl.String))
    except (pa.ArrowInvalid, msgspec.ValidationError, OSError) as error:
        raise CatalogError(f"{path} can't be read as a benchmark index: {error}") from None
    if about.version > VERSION:
        raise CatalogError(f"{path} is of version {about.version}, this medloom reads {VERSION}: upgrade it")
    kinds = {str(kind): part for (kind,), part in table.group_by("kind", maintain_order=True)}
    content = digest("index", {kind: part["bits"].bin.encode("hex").to_list() for kind, part in kinds.items()}, size=8)
    return BenchmarkIndex(
        about=about,
        sha256=frozenset(_bits(kinds, "sha256").bin.encode("hex").to_list()),
        marks=MarkIndex(
            _words(_bits(kinds, "mark"), WORDS), kinds["mark"]["item"].to_numpy() if "mark" in kinds else np.zeros(0)
        ),
        questions=np.sort(_words(_bits(kinds, "question"), 1).ravel()),
        ngrams=np.sort(_words(_bits(kinds, "ngram"), 1).ravel()),
        fingerprint=content,
    )


def read_index(path: Path) -> BenchmarkIndex:
    """The index in that file; kept while the process lives. Raises CatalogError where there is none."""
    try:
        found = path.stat()
    except OSError:
        raise CatalogError(f"no benchmark index at {path}; `medloom benchmark-index` makes one") from None
    return _read(str(path), found.st_size, found.st_mtime_ns)


def _bits(kinds: dict[str, pl.DataFrame], kind: str) -> pl.Series:
    return kinds[kind]["bits"] if kind in kinds else pl.Series("bits", [], dtype=pl.Binary)


def _words(bits: pl.Series, words: int) -> NDArray[np.uint64]:
    if bits.bin.size().ne(8 * words).any():
        raise CatalogError("a digest of the index has another length than it should")
    return np.frombuffer(b"".join(bits.to_list()), ">u8").astype(np.uint64).reshape(-1, words)


def sample_of(index: BenchmarkIndex) -> Iterator[tuple[str, str]]:
    """(what, figure) for people."""
    about = index.about
    yield "pictures", f"{about.pictures:,} ({len(index.marks.marks):,} marks)"
    yield (
        "texts",
        f"{about.texts:,} ({len(index.questions):,} questions, {len(index.ngrams):,} runs of {about.ngram} words)",
    )
    yield "licence", about.licence
    yield "source", about.source
