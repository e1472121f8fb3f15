"""Arrow schemas derived from the typed models, and the way between the two without loss."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa
from pydantic import BaseModel

from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.errors import MedloomError

S = TypeVar("S", bound=msgspec.Struct)

VERSION_KEY = b"medloom.schema_version"
MODEL_KEY = b"medloom.model"
_JSON = {b"medloom.encoding": b"json"}
_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


class SchemaMismatch(MedloomError):
    """A Parquet or Arrow file was written under another schema than the one it is read with."""


def _literal_type(values: Sequence[object]) -> pa.DataType:
    return _SCALARS[type(values[0])]


def _data_type(hint: Any) -> pa.DataType:
    origin = get_origin(hint)
    if origin is Literal:
        return _literal_type(get_args(hint))
    if origin in (Union, types.UnionType):
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        if len(inner) == 1:
            return _data_type(inner[0])
        return pa.string()  # a union of shapes travels as JSON
    if origin in (tuple, list, Sequence):
        return pa.list_(_data_type(get_args(hint)[0]))
    if isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            return pa.string()
        if issubclass(hint, msgspec.Struct):
            return pa.struct(_fields(hint))
        if hint in _SCALARS:
            return _SCALARS[hint]
    return pa.string()  # mappings and nested catalog models travel as JSON


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _fields(model: type) -> list[pa.Field]:
    hints = get_type_hints(model)
    names = model.model_fields if issubclass(model, BaseModel) else model.__struct_fields__  # type: ignore[attr-defined]
    return [pa.field(name, _data_type(hints[name]), nullable=_optional(hints[name])) for name in names]


@cache
def arrow_schema(model: type) -> pa.Schema:
    """The Arrow schema of a model; `medloom.schema_version` and `medloom.model` stand in its metadata."""
    metadata = {VERSION_KEY: SCHEMA_VERSION.encode(), MODEL_KEY: model.__name__.encode()}
    return pa.schema(_fields(model), metadata=metadata)


def to_batch(model: type[S], rows: Iterable[S]) -> pa.RecordBatch:
    """A RecordBatch of `rows` in `arrow_schema(model)`; order is kept."""
    values = [msgspec.structs.asdict(row) for row in rows]
    schema = arrow_schema(model)
    columns = [
        pa.array(msgspec.to_builtins([value[field.name] for value in values], builtin_types=(bytes,)), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def from_table(model: type[S], table: pa.Table | pa.RecordBatch) -> list[S]:
    """The rows as models. Raises SchemaMismatch where the file's version or columns differ."""
    check_version(table.schema)
    missing = [name for name in model.__struct_fields__ if name not in table.schema.names]
    if missing:
        raise SchemaMismatch(f"{model.__name__}: no column {', '.join(missing)} in {table.schema.names}")
    rows = table.select(list(model.__struct_fields__)).to_pylist()
    return msgspec.convert(rows, list[model])  # type: ignore[valid-type]


def check_version(schema: pa.Schema) -> None:
    """Raises SchemaMismatch where the file's major schema version is not the one that this medloom writes."""
    found = (schema.metadata or {}).get(VERSION_KEY, b"none").decode()
    if found.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise SchemaMismatch(f"schema version {found}; this medloom reads {SCHEMA_VERSION}")
