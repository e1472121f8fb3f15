"""Held-out records are in test or nowhere; whole components go there, torn ones leave theirs behind."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medloom.quality.hold_out import RECORD_COLUMNS, VIEW_COLUMNS, check_composed, hold_out, matched, tell
from medloom.quality.split import assign_splits
from medloom.schemas.catalog import HoldOut, SplitSettings
from medloom.schemas.errors import BuildError
from medloom.schemas.record import Record
from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation, View

AXES = {
    "source": ({"source": "s2"}, "source", "s2"),
    "class": ({"concept": "cyst"}, "class", "cyst"),
    "triple": (
        {"modality": "ct", "area": "Liver", "task": "counting"},
        "modality × area × task",
        "ct × Liver × counting",
    ),
    "plane": ({"plane": "coronal"}, "plane", "coronal"),
    "confounder": ({"concept": "nodule", "sex": "female"}, "confounder", "nodule × female"),
    "age": ({"age": [60, 200]}, "age", "60–200"),
    "sex": ({"sex": "male"}, "sex", "male"),
}


def corpus(kit, count=60):
    """Two records each of `count` samples of 30 patients, with every facet that a hold-out may name."""
    rows, views = [], []
    for number in range(count):
        patient = number % 30
        known = Acquisition(
            modality="ct" if patient % 2 else "mr", body_part="liver" if patient % 3 else "brain",
            sex="female" if patient % 5 else "male", age_years=30.0 + patient * 2, view="pa",
        )  # fmt: skip
        plane = "coronal" if number % 4 == 0 else "axial"
        source = f"s{patient % 3}"
        views.append(kit.view(f"v{number}", source=source, sample=f"c{number}", acquisition=known,
                              derivation=Derivation(plane=plane)))  # fmt: skip
        rows.extend(
            kit.record(
                f"{task}-{number}", source=source, sample=f"c{number}", patient=f"p{patient}", views=(f"v{number}",),
                task=task, concepts=("cyst" if patient % 7 == 0 else "nodule",),
            )
            for task in ("vqa.closed", "counting")
        )  # fmt: skip
    return kit.frame(Record, rows), kit.frame(View, views)


def placed(kit, wanted):
    """(kept records with split, axis, value; how many were dropped)"""
    records, views = corpus(kit)
    samples = records.group_by("source", "sample").agg(
        pl.col("patient").first(),
        pl.lit(None, pl.String).alias("study"),
        pl.lit(None, pl.String).alias("published_split"),
    )
    none = pl.DataFrame(schema={"source": pl.String, "sample": pl.String, "key": pl.String})
    drawn = assign_splits(samples, none, SplitSettings()).assignments
    held = matched(records.select(RECORD_COLUMNS), views.select(VIEW_COLUMNS), wanted)
    moved, gone = hold_out(records, drawn, held)
    kept = records.join(gone, on="id", how="anti").drop("split").join(moved, on=["source", "sample"])
    return kept.join(held, on="id", how="left"), held, gone


@pytest.mark.parametrize("name", AXES)
def test_nothing_that_is_held_out_is_trained_on_and_all_of_it_is_told(kit, name):
    named, axis, value = AXES[name]
    one = HoldOut.model_validate(named)
    assert (one.axis, one.value) == (axis, value)
    kept, held, gone = placed(kit, [one])
    assert 0 < len(held) < 120
    out = kept.filter(pl.col("axis").is_not_null())
    assert set(out["split"]) == {"test"} and set(out.select("axis", "value").unique().rows()) == {(axis, value)}
    assert len(out) + len(gone) == len(held)
    assert kept.group_by("patient").agg(pl.col("split").n_unique())["split"].max() == 1
    assert next(iter(tell(held, gone, [one]))).startswith(f"Held out of training: {axis} {value}; {len(out)} records")


def test_what_is_constant_for_a_patient_costs_nothing_and_what_is_not_costs_the_rest(kit):
    _, held, gone = placed(kit, [HoldOut(sex="male")])
    assert gone.is_empty() and len(held) == 24  # patients are one sex: all of theirs goes to test
    kept, held, gone = placed(kit, [HoldOut(task="counting")])
    assert 0 < len(gone) < len(held) == 60  # everybody is asked to count: only those drawn for test are
    assert len(kept.filter(pl.col("task") == "vqa.closed")) == 60


@given(st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=4, unique=True))
def test_several_hold_outs_hold_together(names):
    from tests.quality.conftest import Kit

    wanted = [HoldOut.model_validate(AXES[name][0]) for name in names]
    kept, held, gone = placed(Kit, wanted)
    records, views = corpus(Kit)
    trained = kept.filter(pl.col("split") != "test")
    left = matched(
        records.select(RECORD_COLUMNS).join(trained, on="id", how="semi"), views.select(VIEW_COLUMNS), wanted
    )
    assert left.is_empty()
    assert len(kept.filter(pl.col("axis").is_not_null())) + len(gone) == len(held)


def test_a_triple_of_which_a_part_is_learnt_nowhere_is_a_mistake(kit):
    records, views = corpus(kit)
    known, shown = records.select(RECORD_COLUMNS), views.select(VIEW_COLUMNS)
    one = HoldOut(modality="ct", area="liver", task="counting")
    check_composed(known, shown, known["id"], [one])
    without = known.filter(pl.col("task") != "counting")["id"]
    with pytest.raises(BuildError, match=r"task counting is trained on nowhere else.*tasks in train: vqa.closed"):
        check_composed(known, shown, without, [one])


@pytest.mark.parametrize("wrong", [{}, {"age": [60, 50]}, {"plane": "oblique"}, {"planes": "axial"}])
def test_a_wrong_hold_out_is_told(wrong):
    with pytest.raises(ValidationError):
        HoldOut.model_validate(wrong)


def test_what_nobody_knows_is_held_out_by_no_value(kit):
    rows = kit.frame(Record, [kit.record()])
    found = matched(
        rows.select(RECORD_COLUMNS), kit.frame(View, [kit.view()]).select(VIEW_COLUMNS), [HoldOut(sex="male")]
    )
    assert found.is_empty()
