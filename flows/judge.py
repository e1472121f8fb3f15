"""Judge: the catalog's filters at work, unit by unit first, then over the narrow columns of the whole corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.flows.store import read_json, write_whole
from medloom.schemas.identity import digest
from medloom.schemas.sample import Refusal

if TYPE_CHECKING:
    import polars as pl

    from medloom.quality.filter import Filter

FilterSpec = tuple[str, str, dict[str, Any]]
"""Name, version, parameters."""


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One record that a filter dropped."""

    record: str
    filter: str
    reason: str
    detail: str


class UnitVerdicts(msgspec.Struct, frozen=True, kw_only=True):
    """What the unit-scope filters dropped in one unit, in the order of the filters; each record once."""

    drops: tuple[Drop, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to judge, and by which filters."""

    folder: str
    filters: tuple[FilterSpec, ...]

    @property
    def file(self) -> Path:
        return Path(self.folder) / f"verdicts-{digest('filters', self.filters, size=8)}.json"


def judge_unit(trial: Trial) -> UnitVerdicts:
    """Verdicts of the unit-scope filters, or those that are there already."""
    done = read_json(trial.file, UnitVerdicts)
    if isinstance(done, UnitVerdicts):
        return done
    filters = [made for made in load_filters(trial.filters) if made.scope == "unit"]
    folder = Path(trial.folder)
    views = read_columns(folder / "views.arrow", {name for one in filters for name in one.view_columns} | {"id"})
    records = read_columns(folder / "records.arrow", {name for one in filters for name in one.record_columns} | {"id"})
    verdicts = UnitVerdicts(drops=tuple(run_filters(filters, records, views)))
    write_whole(trial.file, msgspec.json.encode(verdicts))
    return verdicts


def run_filters(filters: Iterable[Filter], records: pl.DataFrame, views: pl.DataFrame) -> Iterator[Drop]:
    """Runs the filters in order; what one drops the next does not see."""
    import polars as pl

    for one in filters:
        if records.is_empty():
            return
        dropped = one.drops(
            records.select("id", *(name for name in one.record_columns if name != "id")),
            views.select("id", *(name for name in one.view_columns if name != "id")),
        ).unique("record", keep="first", maintain_order=True)
        for row in dropped.sort("record").iter_rows(named=True):
            yield Drop(record=row["record"], filter=one.name, reason=row["reason"], detail=row["detail"] or "")
        records = records.filter(~pl.col("id").is_in(dropped["record"].implode()))


def load_filters(specs: Iterable[FilterSpec]) -> list[Filter]:
    """The filters of a catalog, in its order."""
    from medloom.quality.registry import load_filter

    return [load_filter(name, params) for name, _, params in specs]


def read_columns(path: Path, columns: set[str]) -> pl.DataFrame:
    """Some columns of an Arrow IPC file, through a memory map."""
    import polars as pl
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        return pl.DataFrame(pl.from_arrow(table.select([name for name in table.schema.names if name in columns])))


def read_refused(folder: Path) -> list[Refusal]:
    """The unit's quarantine rows."""
    import pyarrow as pa

    from medloom.schemas.arrow import from_table

    with pa.memory_map(str(folder / "refused.arrow")) as source:
        return from_table(Refusal, pa.ipc.open_file(source).read_all())
