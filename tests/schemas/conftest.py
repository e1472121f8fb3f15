"""Hypothesis strategies of every model, read off its type hints: ``st.from_type(Sample)`` draws any valid Sample."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from medloom.schemas.record import Record, Verdict
from medloom.schemas.sample import Refusal, Sample
from medloom.schemas.view import View
from medloom.synthesis.brief import Brief

SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    # Whatever UTF-8 can hold, with the letters that break naive code drawn often; lone surrogates it can't.
    str: st.text(st.characters(codec="utf-8") | st.sampled_from("\0\n\"'\\,%é中🫀\u202e\ufeff"), max_size=12),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=12),
    type(None): st.none(),
}


def drawn(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type hint: None and empty are both drawn, nested models down to their leaves."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([drawn(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(drawn(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*[drawn(argument) for argument in arguments])
    if issubclass(hint, msgspec.Struct):
        return st.deferred(lambda: model(hint))
    return SCALARS[hint]


def model(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Instances of a struct, with every field drawn: a default is but one of its values."""
    return st.fixed_dictionaries({name: drawn(hint) for name, hint in get_type_hints(kind).items()}).map(
        lambda values: kind(**values)
    )


for kind in (Sample, View, Record, Verdict, Refusal, Brief):
    st.register_type_strategy(kind, model(kind))
