"""Judge: the catalog's filters at work, unit by unit first, then over the narrow columns of the whole corpus."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from medloom.flows.store import read_json, write_whole
from medloom.quality.filter import Filter, Judgement
from medloom.quality.verdicts import none_dropped
from medloom.schemas.appearance import APPEARANCE_VERSION
from medloom.schemas.identity import digest
from medloom.schemas.sample import Refusal

APPEARANCE: dict[str, Any] = {
    "thumb": pl.Binary, "chroma": pl.Float64, "words": pl.List(pl.String), "embedding": pl.List(pl.Float64),
}  # fmt: skip
"""View columns that lie in a file of their own, row for row beside the views."""
VARIANTS = "variants"
"""A view column that is made of the thumbs: see `read_variants`."""
FilterSpec = tuple[str, str, dict[str, Any]]
"""Name, version, parameters."""


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One record that a filter dropped."""

    record: str
    filter: str
    reason: str
    detail: str


class UnitVerdicts(msgspec.Struct, frozen=True, kw_only=True):
    """What the unit-scope filters dropped in one unit, in the order of the filters; each record once.

    `scored` are the filters that gave scores: those lie beside it (`Trial.scores`), for there are many.
    """

    drops: tuple[Drop, ...]
    scored: tuple[str, ...] = ()


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to judge, and by which filters; `base` is the catalog's folder."""

    folder: str
    filters: tuple[FilterSpec, ...]
    base: str = "."

    @property
    def file(self) -> Path:
        return Path(self.folder) / f"verdicts-{self._key}.json"

    @property
    def scores(self) -> Path:
        """record, filter, score: an Arrow file that is there where some filter scored."""
        return Path(self.folder) / f"scores-{self._key}.arrow"

    @property
    def _key(self) -> str:
        return digest("filters", self.filters, size=8)


def judge_unit(trial: Trial) -> UnitVerdicts:
    """Verdicts of the unit-scope filters, or those that are there already."""
    read_variants(Path(trial.folder))  # here, where units are worked on side by side
    done = read_json(trial.file, UnitVerdicts)
    if isinstance(done, UnitVerdicts):
        return done
    filters = [made for made in load_filters(trial.filters, Path(trial.base)) if made.scope == "unit"]
    folder = Path(trial.folder)
    views = read_views(folder, {name for one in filters for name in one.view_columns} | {"id"})
    records = read_columns(folder / "records.arrow", {name for one in filters for name in one.record_columns} | {"id"})
    drops: list[Drop] = []
    scores: list[pl.DataFrame] = []
    for one in filters:
        found = judged(one, records, views)
        drops += drops_of(one, found)
        records = records.join(found.drops, left_on="id", right_on="record", how="anti", maintain_order="left")
        if not found.scores.is_empty():
            scores.append(found.scores.select("record", "score", filter=pl.lit(one.name)))
    if scores:
        pl.concat(scores).write_ipc(trial.scores, compression="uncompressed")
    scored = tuple(frame["filter"][0] for frame in scores)
    verdicts = UnitVerdicts(drops=tuple(drops), scored=scored)
    write_whole(trial.file, msgspec.json.encode(verdicts))
    return verdicts


def judged(one: Filter, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
    """What the filter says of these records, shown no column that it doesn't name; each record once, in order."""
    if records.is_empty():
        return Judgement(none_dropped())
    found = one.judge(*seen_by(one, records, views))
    drops = found.drops.unique("record", keep="first", maintain_order=True).sort("record")
    return replace(found, drops=drops, scores=found.scores.sort("record"))


def seen_by(one: Filter, records: pl.DataFrame, views: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The columns that the filter names; of the views those that nobody measured are null."""
    views = views.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in APPEARANCE.items()
        if name in one.view_columns and name not in views.columns
    )
    return (
        records.select("id", *(name for name in one.record_columns if name != "id")),
        views.select("id", *(name for name in one.view_columns if name != "id")),
    )


def drops_of(one: Filter, found: Judgement) -> Iterator[Drop]:
    """Its drops as rows, in order of the records."""
    for row in found.drops.iter_rows(named=True):
        yield Drop(record=row["record"], filter=one.name, reason=row["reason"], detail=row["detail"] or "")


def load_filters(specs: Iterable[FilterSpec], base: Path | None = None) -> list[Filter]:
    """The filters of a catalog that lies in the folder `base`, in its order."""
    from medloom.quality.registry import load_filter

    return [load_filter(name, params, base) for name, _, params in specs]


def read_columns(path: Path, columns: set[str]) -> pl.DataFrame:
    """Some columns of an Arrow IPC file, through a memory map."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        return pl.DataFrame(pl.from_arrow(table.select([name for name in table.schema.names if name in columns])))


def read_views(folder: Path, columns: set[str]) -> pl.DataFrame:
    """Some columns of a unit's views, with what they look like; null where nobody looked."""
    views = read_columns(folder / "views.arrow", columns)
    wanted = sorted(columns & set(APPEARANCE))
    file = folder / "appearance.arrow"
    found = [views]
    if wanted and file.is_file():
        found.append(read_columns(file, set(wanted)))
    elif wanted:
        found.append(pl.DataFrame({name: [None] * len(views) for name in wanted}, {n: APPEARANCE[n] for n in wanted}))
    if VARIANTS in columns:
        found.append(read_variants(folder).to_frame())
    return pl.concat(found, how="horizontal")


def read_variants(folder: Path) -> pl.Series:
    """The hashes of each view's thumb (`medloom.quality.likeness.variants_of`), which are taken once and kept."""
    from medloom.quality.likeness import variants_of

    path = folder / f"variants-{APPEARANCE_VERSION}.arrow"
    if path.is_file():
        return read_columns(path, {VARIANTS})[VARIANTS]
    made = variants_of(read_views(folder, {"thumb"})["thumb"])
    kept = io.BytesIO()
    made.to_frame().write_ipc(kept, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
    write_whole(path, kept.getvalue())
    return made


class Thumbs:
    """The thumbs of views by their ids, read where they are asked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._places = pl.DataFrame(schema={"id": pl.String, "unit": pl.UInt32, "row": pl.UInt32})

    def lie(self, views: pl.DataFrame) -> Thumbs:
        """Takes note of where the thumb of each view lies; returns itself."""
        self._places = views.select("id", "unit", "row")
        return self

    def __call__(self, ids: Sequence[str]) -> list[bytes]:
        import pyarrow as pa

        found: dict[str, bytes] = {}
        wanted = self._places.join(pl.DataFrame({"id": ids}), on="id", how="semi")
        for (number,), rows in wanted.group_by("unit"):
            with pa.memory_map(str(self._folders[int(number)] / "appearance.arrow")) as source:
                thumbs = pa.ipc.open_file(source).read_all().column("thumb").take(rows["row"].to_arrow())
                found.update(zip(rows["id"].to_list(), thumbs.to_pylist(), strict=True))
        return [found[one] for one in ids]


def read_refused(folder: Path) -> list[Refusal]:
    """The unit's quarantine rows."""
    import pyarrow as pa

    from medloom.schemas.arrow import from_table

    with pa.memory_map(str(folder / "refused.arrow")) as source:
        return from_table(Refusal, pa.ipc.open_file(source).read_all())
