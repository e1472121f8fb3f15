from __future__ import annotations

from medloom.flows.report.funnel import funnel_groups


def test_steps_are_drawn_to_what_entered_the_first_of_their_kind(figures):
    groups = {group.unit: group for group in funnel_groups(figures.funnel)}
    assert list(groups) == ["samples", "views", "records"]
    records = groups["records"]
    assert (records.entered, records.kept) == (1900, 1800)
    last = records.rows[-1]
    assert (last.lost, [count for _, count in last.reasons]) == (60, [53, 7])
    kept, lost = last.bar
    assert abs(float(kept.width) - 1000 * 1800 / 1900) < 0.01 and abs(float(lost.width) - 1000 * 60 / 1900) < 0.01


def test_no_steps_no_groups():
    assert funnel_groups(()) == ()
