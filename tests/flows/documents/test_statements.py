from __future__ import annotations

import msgspec

from medloom.flows.documents import statements
from medloom.flows.figures import Balance


def test_the_funnel_is_told_step_by_step(figures):
    said = statements.processing_statements(figures)
    assert "near duplicates: 1,860 records kept, 40 dropped (near_duplicate 40)." in said
    assert "pictures made: 520 pictures kept, 4 dropped (too_small 4)." in said
    assert not [line for line in said if line.startswith("structure")]


def test_skews_are_told_where_they_are(figures):
    skewed = msgspec.structs.replace(
        figures, balance=(Balance(concept="pneumonia", yes=90, no=10), Balance(concept="liver", yes=5, no=0))
    )
    assert "Yes and no are more uneven than 80 to 20 for: pneumonia." in statements.bias_statements(skewed)
    assert not [line for line in statements.bias_statements(figures) if "uneven" in line]
    assert "Largest source: blood_cells, 64.7 % of the records." in statements.bias_statements(figures)


def test_phantoms_are_told_with_their_share(figures):
    assert "480 of 1,800 records (26.7 %)" in statements.phantom_statement(figures)
    assert statements.phantom_statement(msgspec.structs.replace(figures, sources=figures.sources[1:])) is None


def test_record_types_are_named(figures):
    assert "caption, open question, single choice, box grounding" in statements.annotation_statement(figures)
    assert "Record types: none." in statements.annotation_statement(msgspec.structs.replace(figures, cells=()))
