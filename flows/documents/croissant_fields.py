"""Features of `datasets` as fields of a Croissant RecordSet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from medloom.schemas.errors import BadInput

Feature = dict[str, Any]

_TYPES = {
    "string": "sc:Text", "large_string": "sc:Text", "bool": "sc:Boolean", "int8": "cr:Int8", "int16": "cr:Int16",
    "int32": "cr:Int32", "int64": "cr:Int64", "uint8": "cr:UInt8", "uint16": "cr:UInt16", "uint32": "cr:UInt32",
    "uint64": "cr:UInt64", "float16": "cr:Float16", "float32": "cr:Float32", "float64": "cr:Float64",
}  # fmt: skip
_MEDIA = {"image": "sc:ImageObject", "audio": "sc:AudioObject", "video": "sc:VideoObject"}
_LISTS = ("list", "large_list", "sequence")
DESCRIBED = {
    "id": "Digest that names the row.",
    "images": "The stored pictures, encoded as JPEG or PNG, in the order of the <image> marks.",
    "volume": "The whole volume, as gzipped NIfTI.",
    "video": "The whole clip, in a video container.",
    "source": "The source that the row comes from.",
    "sample": "The sample of the source, by the source's own key.",
    "patient": "Digest that stands for the patient; empty where the source names none.",
    "split": "train, validation or test.",
    "modality": "How the media were taken.",
    "licence": "SPDX expression of the licence of the row's source.",
    "access": "open, registration or credentialed.",
    "views": "What is known of each picture or medium: file, digests, size, spacing, orientation, how it was made.",
    "records": "The records on these media.",
}
# One path gives one value: turns are a list within a list, so question and answer of the first exchange are named.
_TURNS = (
    ("first_question", "turns[0].text", "What the first turn, the user's, says; <image> marks a picture."),
    ("first_answer", "turns[1].text", "What the second turn, the assistant's, says."),
)


class Member(NamedTuple):
    """What one JSON path reaches within a struct; `depth` is how many lists it lies in there."""

    name: str
    path: str
    description: str
    dtype: str
    depth: int


def croissant_fields(record_set: str, file_set: str, features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Fields of `features` (as `datasets.Features._to_yaml_list()` gives them), read from the columns of `file_set`.

    A struct becomes sub-fields, a struct within it dotted ones; a list is an array. A list of structs within a struct
    has no faithful form here (a JSON path gives its first match only): it is left out, and named in the description
    of the field that holds it. Raises BadInput("no_croissant_type") for a type that Croissant has no word for.
    """
    return [_field(record_set, file_set, feature) for feature in features]


def _field(record_set: str, file_set: str, feature: Feature) -> dict[str, Any]:
    name = feature["name"]
    inner, depth = _inner(feature)
    described = DESCRIBED.get(name, f"Column {name}.")
    field = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": described,
        **_array(depth),
    }
    if inner == "nifti":  # Croissant has no word for a volume
        field["description"] += " Here its file name; the bytes stand beside it in the Parquet files."
        return field | {"dataType": "sc:Text", "source": _source(file_set, name, "path")}
    if isinstance(inner, str):
        path = "bytes" if inner in _MEDIA else None
        if path and depth:
            field["repeated"] = True  # deprecated in 1.1, but mlcroissant 1.1 opens each picture of a list only with it
        return field | {"dataType": _type(inner), "source": _source(file_set, name, path)}
    hidden = list(_unreached(inner))
    if hidden:
        field["description"] += f" The Parquet files hold more within each: {', '.join(hidden)}."
    field["subField"] = [
        {
            "@type": "cr:Field",
            "@id": f"{record_set}/{name}/{member.name}",
            "name": member.name,
            "description": member.description,
            **_array(member.depth),
            "dataType": member.dtype,
            "source": _source(file_set, name, member.path),
        }
        for member in _members(inner)
    ]
    return field


def _array(depth: int) -> dict[str, Any]:
    return {"isArray": True, "arrayShape": ",".join(["-1"] * depth)} if depth else {}


def _source(file_set: str, column: str, path: str | None) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": file_set}, "extract": {"column": column}}
    return source | ({"transform": {"jsonPath": path}} if path else {})


def _members(members: Sequence[Feature], before: str = "") -> Iterator[Member]:
    for member in members:
        path = f"{before}{member['name']}"
        inner, depth = _inner(member)
        if isinstance(inner, str):
            words = path.replace("_", " ").replace(".", ", ")
            yield Member(path, path, f"{words.capitalize()}.", _type(inner), depth)
        elif not depth:
            yield from _members(inner, f"{path}.")
        elif path == "turns":
            yield from (Member(name, path, described, "sc:Text", 0) for name, path, described in _TURNS)


def _unreached(members: Sequence[Feature], before: str = "") -> Iterator[str]:
    """Paths of the lists of structs, which `_members` leaves out."""
    for member in members:
        inner, depth = _inner(member)
        if not isinstance(inner, str):
            path = f"{before}{member['name']}"
            yield from (path,) if depth else _unreached(inner, f"{path}.")


def _inner(feature: Feature) -> tuple[str | list[Feature], int]:
    """The type or the members within all lists around it, and how many lists these are."""
    depth = 0
    value: Any = feature
    while isinstance(value, dict) and (around := next((key for key in _LISTS if key in value), None)):
        value, depth = value[around], depth + 1
    if isinstance(value, dict):
        value = value.get("struct", value.get("dtype"))
    if isinstance(value, dict) and "class_label" in value:
        value = "int64"
    if not isinstance(value, str | list):
        raise BadInput("no_croissant_type", f"a feature like {feature!r} is not known here")
    return value, depth


def _type(dtype: str) -> str:
    found = _TYPES.get(dtype) or _MEDIA.get(dtype)
    if found is None:
        raise BadInput("no_croissant_type", f"Croissant has no word for {dtype}")
    return found
