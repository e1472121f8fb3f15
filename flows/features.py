"""Features: the published columns as `datasets` (5.x) writes them down, in shards and in the dataset card.

Written here because importing `datasets` to be told takes half a second of every build; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

MEDIA = {"images": ({"feature": {"_type": "Image"}, "_type": "List"}, {"list": "image"}),
         "volume": ({"_type": "Nifti"}, {"dtype": "nifti"}),
         "video": ({"_type": "Video"}, {"dtype": "video"})}  # fmt: skip
"""Columns of media: what decodes them in a shard's metadata, and in a dataset card's header."""


def features(schema: pa.Schema) -> dict[str, Any]:
    """The row's features, with its media decodable: what stands under ``huggingface`` in a shard's metadata."""
    return {field.name: MEDIA[field.name][0] if field.name in MEDIA else _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": _name(kind), "_type": "Value"}


def listed_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """The same as the list that stands under ``dataset_info`` in a dataset card's header."""
    return [
        {"name": field.name, **(MEDIA[field.name][1] if field.name in MEDIA else _listed(field.type))}
        for field in schema
    ]


def _listed(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **_listed(field.type)} for field in kind]}
    if pa.types.is_list(kind):
        inner = _listed(kind.value_type)
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    return {"dtype": _name(kind)}


def _name(kind: pa.DataType) -> str:
    return "float64" if pa.types.is_float64(kind) else str(kind)
