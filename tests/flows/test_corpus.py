"""Filters have their say in the catalog's order, whichever way they look at records."""

from __future__ import annotations

from pathlib import Path

from medloom.flows.corpus import decide
from medloom.flows.judge import FilterSpec, Trial, judge_unit
from medloom.flows.unit_result import write_ipc
from medloom.schemas.arrow import to_batch
from medloom.schemas.catalog import SplitSettings
from medloom.schemas.record import Answer, Fact, Record, Turn
from medloom.schemas.view import View

TEXT: FilterSpec = ("text", "1", {"max_characters": 1000})
COPIES: FilterSpec = ("exact_duplicates", "1", {"across": "all", "contradictions": False})


def _record(number: int, view: str, asked: str) -> Record:
    return Record(
        id=f"r{number}", config="vqa", task="vqa.open", type=5, source="s", sample=f"sample{number}", views=(view,),
        turns=(Turn(role="user", text=f"<image>\n{asked}"), Turn(role="assistant", text="A cell is shown.")),
        template="t", licence="MIT", patient=f"p{number}", form="open", answer=Answer(text="A cell is shown."),
        evidence=(Fact(concept="cell", predicate="labelled", file="f", pointer="f#1"),),
    )  # fmt: skip


def _view(number: int, sha256: str) -> View:
    return View(
        id=f"v{number}", source="s", sample=f"sample{number}", media="image", source_file="f", source_sha256=sha256,
        sha256=sha256, phash=f"{number:016x}", format="png", width=64, height=64, bytes=9, passthrough=True,
    )  # fmt: skip


def _unit(folder: Path) -> Path:
    """Two samples show the same picture, and the first one asks too long a question."""
    folder.mkdir()
    records = [_record(1, "v1", "x" * 5000), _record(2, "v2", "What is shown?"), _record(3, "v3", "What is shown?")]
    views = [_view(1, "same"), _view(2, "same"), _view(3, "other")]
    write_ipc(folder / "records.arrow", to_batch(Record, records))
    write_ipc(folder / "views.arrow", to_batch(View, views))
    return folder


def _fates(folder: Path, filters: tuple[FilterSpec, ...]) -> dict[str, str | None]:
    drops = judge_unit(Trial(folder=str(folder), filters=filters)).drops
    decisions = decide([folder], drops, filters, SplitSettings(ratios={"train": 1.0}))
    assert [step.name for step in decisions.steps] == [name for name, _, _ in filters]
    assert sum(len(step.drops) for step in decisions.steps) == decisions.records["filter"].is_not_null().sum()
    return dict(decisions.records.select("id", "filter").sort("id").iter_rows())


def test_a_corpus_filter_sees_only_what_the_filters_before_it_left(tmp_path: Path) -> None:
    folder = _unit(tmp_path / "unit")
    # Text first: the long question goes, so that its copy is a copy of nothing any more.
    assert _fates(folder, (TEXT, COPIES)) == {"r1": "text", "r2": None, "r3": None}
    # Copies first: r2 shows what r1 shows and goes; only then does the long question go.
    assert _fates(folder, (COPIES, TEXT)) == {"r1": "text", "r2": "exact_duplicates", "r3": None}


def test_what_a_corpus_filter_took_no_unit_filter_takes_again(tmp_path: Path) -> None:
    folder = tmp_path / "unit"
    folder.mkdir()
    records = [_record(1, "v1", "What is shown?"), _record(2, "v2", "x" * 5000)]
    write_ipc(folder / "records.arrow", to_batch(Record, records))
    write_ipc(folder / "views.arrow", to_batch(View, [_view(1, "same"), _view(2, "same")]))
    assert _fates(folder, (COPIES, TEXT)) == {"r1": None, "r2": "exact_duplicates"}
