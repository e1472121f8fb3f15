"""Python → Arrow → Python, and through a Parquet file on disk, without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.arrow import VERSION_KEY, SchemaMismatch, arrow_schema, from_table, to_batch
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import Catalog
from medloom.schemas.record import Record, Turn, Verdict
from medloom.schemas.sample import Refusal, Sample
from medloom.schemas.view import View
from medloom.synthesis.brief import Brief

STRUCTS: list[type[msgspec.Struct]] = [Sample, View, Record, Verdict, Refusal, Brief]
NAMED = pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
VERDICT = Verdict(record="r", filter="text", keep=False, reason="empty", score=0.5)

SIMPLE = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.text("aé中\n\"'", max_size=4)
JSON = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
PARAMS = st.dictionaries(st.text("abé_", max_size=4), JSON, max_size=2)
TEXT = st.text("aé中 :#\n\"'", max_size=6)
LICENCE = st.sampled_from(["MIT", "CC-BY-4.0", "CC0-1.0 OR MIT", "LicenseRef-é"])
SPLIT = st.sampled_from(["train", "validation", "test"])


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


WINDOW = st.none() | some(center=st.floats(-900, 900), width=st.floats(1, 900), preset=st.none() | TEXT)
CARDS = st.fixed_dictionaries(
    {
        "source": st.just("a_source"), "title": TEXT, "licence": LICENCE, "citation": TEXT, "converter": TEXT,
        "modality": st.sampled_from(["ct", "mr", "other"]), "verified": st.sampled_from(["real", "subset", "layout"]),
        "patient": st.sampled_from(["one per case", "unknown", {"column": "é"}, {"match": r"^(\d+)/"}]),
    },
    optional={
        "description": TEXT, "anatomy": st.none() | TEXT, "params": PARAMS, "window": WINDOW,
        "licences": st.dictionaries(TEXT, LICENCE, max_size=2), "labels": st.dictionaries(TEXT, st.none() | TEXT),
        "split": st.none() | some(column=st.none() | TEXT, values=st.dictionaries(TEXT, SPLIT)),
        "exhaustive": some(labels=st.booleans()), "min_area": some(px=st.integers(1, 9), mm2=st.floats(0, 9)),
        "max_refused": st.floats(0, 1), "phantom": st.booleans(),
    },
).map(SourceCard.model_validate)  # fmt: skip
NAMES = st.lists(TEXT | st.dictionaries(TEXT, PARAMS, min_size=1, max_size=1), max_size=3)
CATALOGS = st.fixed_dictionaries(
    {
        "corpus": st.just("c"), "version": st.just("1.0.0"), "tasks": NAMES.filter(len),
        "release": st.fixed_dictionaries({"licence": LICENCE}, optional={"to": st.sampled_from(["gated", "private"])}),
        "sources": st.lists(
            st.fixed_dictionaries(
                {"use": TEXT},
                optional={
                    "path": st.none() | TEXT, "limit": st.none() | st.integers(1, 9), "params": PARAMS,
                    "window": WINDOW, "views": some(planes=st.just(["axial", "coronal"])),
                },
            ),
            min_size=1, max_size=2,
        ),
    },
    optional={
        "title": TEXT, "filters": NAMES, "unit_samples": st.integers(1, 999),
        "image": some(short_side=st.none() | st.integers(32, 999)),
        "split": some(ratios=st.sampled_from([{"train": 1.0}, {"test": 0.25, "train": 0.75}])),
    },
).map(Catalog.model_validate)  # fmt: skip


def through_disk(batch: pa.RecordBatch, path: Path) -> pa.Table:
    pq.write_table(pa.Table.from_batches([batch]), path)
    return pq.read_table(path)


@NAMED
@QUICK
@given(data=st.data())
def test_structs_survive_arrow(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.from_type(kind), max_size=3))
    batch = to_batch(kind, rows)
    assert batch.schema.equals(arrow_schema(kind), check_metadata=True)
    assert from_table(kind, batch) == rows


@NAMED
@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_structs_survive_a_parquet_file(
    kind: type[msgspec.Struct], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.from_type(kind), min_size=1, max_size=3))
    table = through_disk(to_batch(kind, rows), tmp_path_factory.mktemp("parquet") / "rows.parquet")
    assert table.schema.metadata[VERSION_KEY] == SCHEMA_VERSION.encode()
    assert table.schema.metadata[b"medloom.model"] == kind.__name__.encode()
    assert from_table(kind, table) == rows


@QUICK
@given(cards=st.lists(CARDS, max_size=2))
def test_cards_survive_arrow(cards: list[SourceCard]) -> None:
    assert from_table(SourceCard, to_batch(SourceCard, cards)) == cards


@QUICK
@given(catalogs=st.lists(CATALOGS, max_size=2))
def test_catalogs_survive_arrow(catalogs: list[Catalog]) -> None:
    assert from_table(Catalog, to_batch(Catalog, catalogs)) == catalogs


@settings(QUICK, max_examples=10)
@given(card=CARDS, catalog=CATALOGS)
def test_cards_and_catalogs_survive_a_parquet_file(
    tmp_path_factory: pytest.TempPathFactory, card: SourceCard, catalog: Catalog
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    assert from_table(SourceCard, through_disk(to_batch(SourceCard, [card]), folder / "card.parquet")) == [card]
    assert from_table(Catalog, through_disk(to_batch(Catalog, [catalog]), folder / "catalog.parquet")) == [catalog]


def test_none_and_empty_stay_apart() -> None:
    base = {"source": "s", "sample": "k", "config": "vqa", "task": "t", "type": 4, "template": "x", "licence": "MIT"}
    rows = [
        Record(**base, id="a", views=(), turns=(), reason=None, patient=""),
        Record(**base, id="b", views=("",), turns=(Turn(role="user", text=""),), reason="", patient=None),
    ]
    assert from_table(Record, to_batch(Record, rows)) == rows


@pytest.mark.parametrize("version", [b"2.0", b"0.9", None])
def test_another_major_version_is_refused(tmp_path: Path, version: bytes | None) -> None:
    metadata = {} if version is None else {VERSION_KEY: version}
    pq.write_table(
        pa.Table.from_batches([to_batch(Verdict, [VERDICT])]).replace_schema_metadata(metadata), tmp_path / "v"
    )
    with pytest.raises(SchemaMismatch, match=f"schema version {(version or b'none').decode()}; .* reads 1"):
        from_table(Verdict, pq.read_table(tmp_path / "v"))


def test_another_minor_version_with_more_columns_is_read() -> None:
    batch = to_batch(Verdict, [VERDICT])
    table = pa.Table.from_batches([batch]).append_column("new", pa.array([1]))
    assert from_table(Verdict, table.replace_schema_metadata({VERSION_KEY: b"1.99"})) == [VERDICT]


def test_a_missing_column_and_a_wrong_value_are_mismatches() -> None:
    table = pa.Table.from_batches([to_batch(Verdict, [VERDICT])])
    with pytest.raises(SchemaMismatch, match="no column keep"):
        from_table(Verdict, table.drop_columns(["keep"]))
    with pytest.raises(SchemaMismatch, match="keep"):
        from_table(Verdict, table.set_column(2, "keep", pa.array(["yes"])))
    card = pa.Table.from_batches([to_batch(SourceCard, [])])
    row = {name: "{" if field_is_json(card, name) else "x" for name in card.schema.names}
    broken = pa.table({name: [value] for name, value in row.items()}).replace_schema_metadata(card.schema.metadata)
    with pytest.raises(SchemaMismatch, match="SourceCard"):
        from_table(SourceCard, broken)


def field_is_json(table: pa.Table, name: str) -> bool:
    return b"medloom.encoding" in (table.schema.field(name).metadata or {})


def test_none_where_there_is_no_none_is_refused() -> None:
    with pytest.raises(TypeError, match="reason is None in 1 of 2 rows"):
        to_batch(Refusal, [Refusal(unit="u", reason="r", detail=""), Refusal(unit="u", reason=None, detail="")])  # type: ignore[arg-type]


def test_a_float_that_json_can_not_hold_is_refused() -> None:
    card = SourceCard(
        source="s", title="", licence="MIT", citation="", modality="ct", converter="c", patient="unknown",
        verified="layout", params={"cut": float("nan")},
    )  # fmt: skip
    with pytest.raises(ValueError, match="JSON"):
        to_batch(SourceCard, [card])


def test_a_struct_without_an_arrow_type_is_refused() -> None:
    class Odd(msgspec.Struct):
        names: dict[str, int]

    Odd.__annotations__ = {"names": dict[str, int]}
    with pytest.raises(TypeError, match=r"Odd\.names"):
        arrow_schema(Odd)


def test_no_batch_of_no_rows_loses_its_columns() -> None:
    for kind in (*STRUCTS, SourceCard, Catalog):
        assert to_batch(kind, []).schema.equals(arrow_schema(kind), check_metadata=True)  # type: ignore[type-var]
