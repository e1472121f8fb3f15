"""Arrow schemas derived from the typed models, and the way between the two without loss."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa
from pydantic import BaseModel, ValidationError

from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.errors import MedloomError

M = TypeVar("M", bound=msgspec.Struct | BaseModel)

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


@cache
def arrow_schema(model: type) -> pa.Schema:
    """The Arrow schema of a model; `medloom.schema_version` and `medloom.model` stand in its metadata.

    What has no shape of its own (mappings, and whatever is nested in a catalog or a card) is a column of JSON text,
    marked so in the field's metadata.
    """
    metadata = {VERSION_KEY: SCHEMA_VERSION.encode(), MODEL_KEY: model.__name__.encode()}
    return pa.schema(_fields(model), metadata=metadata)


def _fields(model: type) -> list[pa.Field]:
    hints = get_type_hints(model)
    if issubclass(model, BaseModel):
        return [_field_or_json(name, hints[name]) for name in model.model_fields]
    return [_field(f"{model.__name__}.{name}", name, hints[name]) for name in model.__struct_fields__]  # type: ignore[attr-defined]


def _field(place: str, name: str, hint: Any) -> pa.Field:
    found = _data_type(hint)
    if found is None:
        raise TypeError(f"{place}: {hint} has no Arrow type")
    return pa.field(name, found, nullable=_optional(hint))


def _field_or_json(name: str, hint: Any) -> pa.Field:
    found = _data_type(hint)
    if found is None or pa.types.is_nested(found):
        return pa.field(name, pa.string(), nullable=_optional(hint), metadata=_JSON)
    return pa.field(name, found, nullable=_optional(hint))


def _data_type(hint: Any) -> pa.DataType | None:
    """The Arrow type of a type hint; None where it has none without loss."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _only({_SCALARS.get(type(value)) for value in arguments})
    if origin in (Union, types.UnionType):
        return _only({_data_type(argument) for argument in arguments if argument is not type(None)})
    if origin in (tuple, list):
        inner = _only({_data_type(argument) for argument in arguments if argument is not Ellipsis})
        return None if inner is None else pa.list_(inner)
    if not isinstance(hint, type):
        return None
    if issubclass(hint, enum.Enum):
        return pa.string()
    if issubclass(hint, msgspec.Struct):
        return pa.struct(_fields(hint))
    return _SCALARS.get(hint)


def _only(types_: set[pa.DataType | None]) -> pa.DataType | None:
    return types_.pop() if len(types_) == 1 else None


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _is_json(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"medloom.encoding") == b"json"


def to_batch(model: type[M], rows: Iterable[M]) -> pa.RecordBatch:
    """A RecordBatch of `rows` in `arrow_schema(model)`; order is kept.

    Raises TypeError for None in a column that has none, ValueError for a float in JSON that is not finite.
    """
    kind: type = model
    schema = arrow_schema(kind)
    values = [_values(row) for row in rows]
    columns = [_column(field, [value[field.name] for value in values]) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _values(row: msgspec.Struct | BaseModel) -> dict[str, Any]:
    return row.model_dump() if isinstance(row, BaseModel) else msgspec.structs.asdict(row)


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    if _is_json(field):
        values = [None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False) for value in values]
    column = pa.array(msgspec.to_builtins(values, builtin_types=(bytes,)), field.type)
    if column.null_count and not field.nullable:
        raise TypeError(f"{field.name} is None in {column.null_count} of {len(column)} rows")
    return column


def from_table(model: type[M], table: pa.Table | pa.RecordBatch) -> list[M]:
    """The rows as models. Raises SchemaMismatch where the file's version, columns or values are not the model's."""
    check_version(table.schema)
    kind: type = model
    schema = arrow_schema(kind)
    missing = [name for name in schema.names if name not in table.schema.names]
    if missing:
        raise SchemaMismatch(f"{model.__name__}: no column {', '.join(missing)} in {table.schema.names}")
    rows = table.select(schema.names).to_pylist()
    try:
        if not issubclass(model, BaseModel):
            return msgspec.convert(rows, list[model])  # type: ignore[valid-type]
        coded = [field.name for field in schema if _is_json(field)]
        for row in rows:
            row.update({name: json.loads(row[name]) for name in coded if row[name] is not None})
        return [model.model_validate(row) for row in rows]
    except (msgspec.ValidationError, ValidationError, json.JSONDecodeError, TypeError) as error:
        raise SchemaMismatch(f"{model.__name__}: {error}") from error


def check_version(schema: pa.Schema) -> None:
    """Raises SchemaMismatch where the file's major schema version is not the one that this medloom writes."""
    found = (schema.metadata or {}).get(VERSION_KEY, b"none").decode()
    if found.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise SchemaMismatch(f"schema version {found}; this medloom reads {SCHEMA_VERSION}")
