from __future__ import annotations

import msgspec
import pytest

from medloom.flows.figures import CorpusFigures, open_books


def test_the_sample_figures_close(figures):
    assert open_books(figures) == []
    assert (figures.quarantined, figures.dropped) == (6, 100)


def test_every_leak_is_named(figures):
    first, *rest = figures.sources
    leaky = msgspec.structs.replace(first, listed=first.listed + 1, records_made=first.records_made + 2)
    lines = open_books(msgspec.structs.replace(figures, sources=(leaky, *rest)))
    assert [line.split(":")[0] for line in lines] == ["phantom_clinic", "phantom_clinic"]

    step = figures.funnel[-1]
    broken = msgspec.structs.replace(step, kept=step.kept - 1)
    assert open_books(msgspec.structs.replace(figures, funnel=(*figures.funnel[:-1], broken)))[0].startswith(step.name)


@pytest.mark.parametrize("part", ["cells", "splits"])
def test_parts_that_do_not_sum_to_the_whole_are_named(figures, part):
    rows = getattr(figures, part)
    short = msgspec.structs.replace(figures, **{part: rows[1:]})
    assert [line for line in open_books(short) if f"the {part} sum to" in line]


def test_figures_survive_json(figures):
    plain = msgspec.structs.replace(figures, examples=figures.examples[:6])  # the seventh holds a lone surrogate
    assert msgspec.json.decode(msgspec.json.encode(plain), type=CorpusFigures) == plain
