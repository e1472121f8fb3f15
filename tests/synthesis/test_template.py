"""Templates ask for what their answers give, and say nothing that they were not given."""

from __future__ import annotations

import pytest

from medloom.synthesis.template import TemplateBook, TemplateError, faults, load_templates, read_template

GOOD = {
    "id": "t", "version": 1, "asks": ["plural"], "fills": ["count"],
    "prompts": ["How many {plural} are there?"], "answers": ["{count}"],
}  # fmt: skip


@pytest.fixture(scope="module")
def book() -> TemplateBook:
    return load_templates()


def test_every_template_is_faultless_and_varied(book) -> None:
    assert len(book) >= 25
    for template in book:
        assert faults(template) == []
        assert len(template.prompts) >= (
            8 if template.id.startswith("caption") and "knowledge" not in template.id else 5
        )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prompts": ["How many are there?"]}, "has slots"),
        ({"answers": ["{count} in {place}"]}, "has slots"),
        ({"prompts": ["How many {plural} are there and where?"]}, "asks for a place"),
        ({"prompts": ["Point to the {plural}."]}, "asks for a place"),
        ({"prompts": ["How many {plural} are are there?"]}, "doubles"),
        ({"prompts": ["How many {plural} does the report name?"]}, "says 'report'"),
        ({"prompts": ["How many {plural}"]}, "without a mark"),
        ({"answers": ["{count}", "{count}"]}, "stands twice"),
    ],
)
def test_a_bad_template_is_found(change, complaint) -> None:
    assert faults(read_template(GOOD)) == []
    assert any(complaint in wrong for wrong in faults(read_template({**GOOD, **change})))


def test_rendering_takes_exactly_the_declared_slots() -> None:
    template = read_template(GOOD)
    assert template.render("k", {"plural": "cells", "count": "3"}).prompt == "How many cells are there?"
    for slots in ({"plural": "cells"}, {"plural": "cells", "count": "3", "more": "x"}):
        with pytest.raises(TemplateError, match="takes"):
            template.render("k", slots)


def test_every_phrasing_is_drawn(book) -> None:
    template = book["counting"]
    drawn = {template.render(f"key{number}", {"plural": "cells", "count": "3"}).template for number in range(200)}
    assert len(drawn) == len(template.prompts)


def test_strangers_keys_are_refused() -> None:
    with pytest.raises(TemplateError, match="has keys"):
        read_template({**GOOD, "promts": []})
