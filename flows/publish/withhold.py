"""Withhold: rows of sources that let only text, or only an index, be passed on, without what has to stay here.

Of ``text`` the media stay; of ``index`` every text too, and masks, which are the annotators' own drawing. What goes
is an allow-list: ids, digests, sizes and spacings, boxes and points, concepts, numbers with their method, letters of
right options, and where in the source the annotation stands. `medloom rejoin` puts the rest back.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medloom.flows.features import features, listed_features
from medloom.flows.figures import ConfigFiles, CorpusFigures, Shard
from medloom.flows.publish.outgoing import OutgoingFile
from medloom.flows.shard_table import MEDIUM, row_schema
from medloom.flows.shards import writer_options
from medloom.flows.terms import config_name
from medloom.schemas.card import Redistribute
from medloom.schemas.record import CONFIGS, Config

MEDIA = ("images", *MEDIUM.values())
_ID = re.compile(r"^[\w.:-]{1,60}$", re.ASCII)
"""What a concept may look like in an index: the id of one, never a sentence."""
_KEPT = ("id", "config", "task", "type", "source", "sample", "views", "template", "licence", "access", "redistribute",
         "patient", "study", "published_split", "split", "language", "form", "polarity", "measurements")  # fmt: skip


def terms_of_config(name: str) -> tuple[Config, Redistribute]:
    """The config and the terms that a published config's name stands for."""
    for config in CONFIGS:
        for redistribute in get_args(Redistribute):
            if config_name(config, redistribute) == name:
                return config, redistribute
    raise ValueError(f"{name!r} is the name of no config")


def withhold(
    corpus: Path, outgoing: Path, figures: CorpusFigures, lock: dict[str, Any]
) -> tuple[CorpusFigures, dict[str, Any], list[OutgoingFile]]:
    """The shards as they go out, with figures and lock that tell of them; what changes is written into `outgoing`.

    A lock keeps the SHA-256 of the full shard, which `medloom rejoin` has to reach, beside that of the published one.
    """
    files, published, shards = [], {}, {}
    for path, entry in lock["shards"].items():
        config, passed_on = terms_of_config(path.split("/")[1])
        if passed_on == "bytes":
            files.append(OutgoingFile.of(path, corpus / path, entry["sha256"]))
            shards[path] = entry
            continue
        arrow = write_withheld(corpus / path, outgoing / path, config, passed_on)
        file = OutgoingFile.of(path, outgoing / path)
        files.append(file)
        published[path] = (file, arrow)
        shards[path] = entry | {"withheld": passed_on, "published": {"sha256": file.sha256, "bytes": file.size}}
    recipes = sorted((corpus / "rejoin").glob("*.json"))
    files += [OutgoingFile.of(path.relative_to(corpus).as_posix(), path) for path in recipes]
    if any(entry.get("withheld") == "index" for entry in shards.values()):
        write_lineage_without_words(corpus / "lineage.parquet", outgoing / "lineage.parquet")
        lineage = OutgoingFile.of("lineage.parquet", outgoing / "lineage.parquet")
        files.append(lineage)
        lock = lock | {"files": lock["files"] | {lineage.path: lineage.sha256}}
    configs = tuple(_as_published(config, published) for config in figures.configs)
    return msgspec.structs.replace(figures, configs=configs), lock | {"shards": shards}, files


def _as_published(config: ConfigFiles, published: dict[str, tuple[OutgoingFile, int]]) -> ConfigFiles:
    if config.redistribute == "bytes":
        return config
    described = listed_features(withheld_schema(config.config))
    shards = tuple(_shard(shard, *published[shard.path]) for shard in config.shards)
    return msgspec.structs.replace(config, features=described, shards=shards)


def _shard(shard: Shard, file: OutgoingFile, arrow: int) -> Shard:
    return msgspec.structs.replace(shard, sha256=file.sha256, bytes=file.size, arrow_bytes=arrow)


def withheld_schema(config: Config) -> pa.Schema:
    """The columns of a row without its media."""
    return pa.schema([field for field in row_schema(config) if field.name not in MEDIA])


def write_withheld(source: Path, target: Path, config: Config, passed_on: Redistribute) -> int:
    """Writes a shard without what has to stay here; the size of its rows in memory. Order and row groups are kept."""
    plain = withheld_schema(config)
    found = pq.ParquetFile(source)
    told = json.dumps({"info": {"features": features(plain)}})
    metadata = {key: value for key, value in found.schema_arrow.metadata.items() if key.startswith(b"medloom")}
    schema = plain.with_metadata(metadata | {b"huggingface": told.encode()})
    options = dict(writer_options(config))
    leaves = set(_leaves_of(plain))
    options |= {
        name: {leaf: value for leaf, value in options[name].items() if leaf in leaves}
        for name in ("compression", "compression_level")
    }
    options["use_dictionary"] = [leaf for leaf in options["use_dictionary"] if leaf in leaves]
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with pq.ParquetWriter(target, schema, **options) as writer:
        for group in range(found.num_row_groups):
            table = found.read_row_group(group, columns=plain.names)
            if passed_on == "index":
                at = table.schema.get_field_index("records")
                rows = [[indexed(record) for record in row] for row in table.column("records").to_pylist()]
                table = table.set_column(at, plain.field("records"), pa.array(rows, plain.field("records").type))
            table = table.select(plain.names).cast(schema)
            size += table.nbytes
            writer.write_table(table, row_group_size=len(table))
    return size


def _leaves_of(schema: pa.Schema) -> list[str]:
    import io

    sink = io.BytesIO()
    pq.write_table(schema.empty_table(), sink)
    found = pq.ParquetFile(sink).schema
    return [found.column(index).path for index in range(len(found))]


def indexed(record: dict[str, Any]) -> dict[str, Any]:
    """A record as an index may tell it; what isn't named here is empty."""
    empty: dict[str, Any] = {
        name: [] if isinstance(value, list) else None for name, value in record.items() if name not in _KEPT
    }
    kept = {name: record[name] for name in _KEPT}
    answer = record["answer"]
    rejected = record.get("rejected")
    return {
        **empty,
        **kept,
        "turns": [turn | {"text": ""} for turn in record["turns"]],
        "concepts": [concept for concept in record["concepts"] if _ID.match(concept)],
        "options": [option | {"text": "", "concept": _id(option["concept"])} for option in record["options"]],
        "answer": answer and answer | {"text": "", "variants": []},
        "places": [place | {"concept": _id(place["concept"]), "rle": None} for place in record["places"]],
        "spans": [span | {"concept": _id(span["concept"])} for span in record["spans"]],
        "evidence": [fact_without_words(fact) for fact in record["evidence"]],
        **({"rejected": rejected and rejected | {"text": None}} if "rejected" in record else {}),
    }


def fact_without_words(fact: dict[str, Any]) -> dict[str, Any]:
    """A fact without the source's own words: where it stands, what it is about, and its number."""
    return fact | {"concept": _id(fact["concept"]), "predicate": _id(fact["predicate"]), "value": None,
                   "source_name": None}  # fmt: skip


def _id(text: str) -> str:
    return text if _ID.match(text) else ""


def write_lineage_without_words(source: Path, target: Path) -> None:
    """The lineage, with the facts of sources of which only an index goes out told without their words."""
    found = pq.ParquetFile(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(target, found.schema_arrow, compression="zstd", write_page_index=True) as writer:
        for batch in found.iter_batches():
            table = pa.Table.from_batches([batch])
            index = pc.equal(table.column("redistribute"), "index").to_pylist()
            facts = [
                [fact_without_words(fact) for fact in row] if hidden else row
                for row, hidden in zip(table.column("evidence").to_pylist(), index, strict=True)
            ]
            at = table.schema.get_field_index("evidence")
            field = table.schema.field("evidence")
            writer.write_table(table.set_column(at, field, pa.array(facts, field.type)).cast(found.schema_arrow))
