from __future__ import annotations

import pytest

from medloom.quality.filter import Filter
from medloom.quality.registry import filter_class, filter_names, load_filter
from medloom.schemas.errors import CatalogError


def test_names_the_built_in_filters():
    assert {"structure", "geometry", "image", "text", "prompt_answer", "balance"} <= set(filter_names())


@pytest.mark.parametrize("name", filter_names())
def test_every_filter_loads_under_its_name_and_names_its_columns(name):
    one = load_filter(name, {})
    assert isinstance(one, Filter)
    assert one.name == name
    assert "id" in one.record_columns
    assert one.__class__ is filter_class(name)


def test_a_wrong_name_is_told_with_the_nearest():
    with pytest.raises(CatalogError, match=r"no filter 'structur'; did you mean 'structure'"):
        load_filter("structur", {})


def test_a_wrong_parameter_is_told_with_the_nearest():
    with pytest.raises(CatalogError, match=r"distence.*did you mean 'distance'"):
        load_filter("near_duplicates", {"distence": 3})
