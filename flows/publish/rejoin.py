"""Rejoin: the full rows of a corpus again, from what was published of them and the source that their reader has.

The recipe of each withheld source stands in ``rejoin/``: its units are made again by it, and the shards written anew by
the same writer. What comes out has the SHA-256 that the lock keeps of the full shard, or is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medloom.flows.assemble import link_or_copy
from medloom.flows.features import features
from medloom.flows.listing import list_source
from medloom.flows.publish.outgoing import read_lock
from medloom.flows.publish.problem import PublishError
from medloom.flows.publish.withhold import terms_of_config
from medloom.flows.recipe import Recipe, versions
from medloom.flows.shard_table import Row, row_schema
from medloom.flows.shards import ShardJob, write_shard
from medloom.flows.store import Store, sha256_of, whole_folder, write_whole
from medloom.flows.unit import Work, run_unit, slot_of
from medloom.flows.unit_rows import Ref, UnitPlace

UNIT_SAMPLES = 256


@dataclass(frozen=True)
class Remade:
    """The units of one source, made again, and where each record and view lies in them."""

    places: tuple[UnitPlace, ...]
    records: dict[str, Ref]
    views: dict[str, Ref]


def rejoin(corpus: Path, sources: Mapping[str, str], out: Path, say: Any = print) -> None:
    """Writes the full corpus into `out` from `corpus`, a folder as it was published, and the sources by name.

    Raises PublishError where a source is missing, or where it isn't what the corpus was made from: `out` is then left
    as it was.
    """
    lock = read_lock(corpus)
    withheld = {path: entry for path, entry in lock["shards"].items() if "withheld" in entry}
    if not withheld:
        raise PublishError(f"{corpus} is whole: nothing of it was withheld")
    if out.exists():
        raise PublishError(f"{out} is there already: give another --out")
    _check_sources(corpus, withheld, sources)
    store = Store.beside(out)
    with store.locked():
        remade = [remake(corpus, store, name, Path(path).expanduser(), lock, say) for name, path in sources.items()]
        with whole_folder(out) as fresh:
            for path, entry in lock["shards"].items():
                target = fresh / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if path in withheld:
                    link_or_copy(_rewrite(corpus, path, entry, remade, store), target)
                elif sha256_of(corpus / path) == entry["sha256"]:
                    link_or_copy(corpus / path, target)
                else:
                    raise PublishError(f"{corpus / path} is not what the lock says: download it again")
            _carry(corpus, fresh, lock)
    shutil.rmtree(store.work, ignore_errors=True)
    rows = sum(entry["rows"] for entry in withheld.values())
    say(f"{out}: {rows:,} rows of {', '.join(sorted(sources))} are whole again, bit for bit")


def _check_sources(corpus: Path, withheld: Iterable[str], given: Mapping[str, str]) -> None:
    needed: set[str] = set()
    for path in withheld:
        needed.update(pq.read_table(corpus / path, columns=["source"]).column("source").to_pylist())
    if missing := sorted(needed - set(given)):
        told = " ".join(f"--source {name}=PATH" for name in missing)
        raise PublishError(f"rows of {', '.join(missing)} are withheld too: give {told}")
    if strangers := sorted(set(given) - needed):
        raise PublishError(f"nothing is withheld of {', '.join(strangers)}; of {', '.join(sorted(needed))} it is")


def remake(corpus: Path, store: Store, name: str, root: Path, lock: dict[str, Any], say: Any) -> Remade:
    """Makes the source's units again by its recipe. Raises PublishError where this medloom can't."""
    from medloom.converters.registry import load_converter
    from medloom.flows.recipe import keyed

    if not root.is_dir():
        raise PublishError(f"--source {name}={root}: there is no such folder")
    recipe = msgspec.json.decode((corpus / "rejoin" / f"{name}.json").read_bytes(), type=Recipe)
    recipe = msgspec.structs.replace(recipe, root=str(root.absolute()))
    if keyed(recipe.source) != recipe.keyed:
        raise PublishError(f"the patients of {name} are told by digests under a key: set MEDLOOM_PATIENT_KEY to it")
    for difference in _differences(recipe, lock):
        say(f"note: {difference}; if the bytes differ, install that version")
    found = load_converter(recipe.source.converter).samples(root.absolute(), recipe.source)
    samples = store.samples(name)
    listing = list_source(found, recipe.source, samples, UNIT_SAMPLES, recipe.source_use.limit)
    places: list[UnitPlace] = []
    records: dict[str, Ref] = {}
    views: dict[str, Ref] = {}
    for partition in listing.partitions:
        folder = store.unit(name, slot_of(recipe, partition))
        work = Work(recipe=recipe, partition=partition, samples=str(samples / partition.name), folder=str(folder))
        report = run_unit(work)
        number = len(places)
        places.append(UnitPlace(folder=str(folder), root=recipe.root, key=report.key))
        records |= {one: (number, row) for row, one in enumerate(_ids(folder / "records.arrow"))}
        views |= {one: (number, row) for row, one in enumerate(_ids(folder / "views.arrow"))}
    say(f"{name}: {len(records):,} records made again from {root}")
    return Remade(tuple(places), records, views)


def _ids(path: Path) -> list[str]:
    with pa.memory_map(str(path)) as source:
        ids: list[str] = pa.ipc.open_file(source).read_all().column("id").to_pylist()
    return ids


def _differences(recipe: Recipe, lock: dict[str, Any]) -> list[str]:
    """What of this medloom is another version than the one that built the corpus."""
    from medloom.flows.recipe import words_digest

    here = versions()
    told = [
        f"{name} is {here.get(name, 'missing')} here, {version} built the corpus"
        for name, version in lock["versions"].items()
        if here.get(name) != version
    ]
    return told + (["templates or vocabulary differ"] if words_digest() != recipe.words else [])


def _rewrite(corpus: Path, path: str, entry: dict[str, Any], remade: list[Remade], store: Store) -> Path:
    """The full shard, in the store. Raises PublishError where its digest isn't the one that the lock keeps."""
    config, _ = terms_of_config(path.split("/")[1])
    places: list[UnitPlace] = []
    records: dict[str, Ref] = {}
    views: dict[str, Ref] = {}
    for each in remade:
        start = len(places)
        places += each.places
        records |= {one: (start + unit, row) for one, (unit, row) in each.records.items()}
        views |= {one: (start + unit, row) for one, (unit, row) in each.views.items()}
    published = pq.ParquetFile(corpus / path).read(columns=["id", "views.list.element.id", "records.list.element.id"])
    rows = []
    for row in published.to_pylist():
        shown, told = ([one["id"] for one in row[name]] for name in ("views", "records"))
        lost = [one for one in told if one not in records] + [one for one in shown if one not in views]
        if lost:
            raise PublishError(
                f"{path}: {len(lost)} records or views of row {row['id']} can't be made from this source"
            )
        views_at, records_at = tuple(views[one] for one in shown), tuple(records[one] for one in told)
        rows.append(Row(id=row["id"], views=views_at, records=records_at))
    plan = store.work / "plan.msgpack"
    plan.write_bytes(msgspec.msgpack.encode(rows))
    described = json.dumps(features(row_schema(config)), sort_keys=True)
    shard = write_shard(
        ShardJob(
            rows=str(plan),
            config=config,
            split=entry["split"],
            units=tuple(places),
            folder=str(store.shards),
            features=described,
        )
    )
    if shard.sha256 != entry["sha256"]:
        raise PublishError(f"{path} comes out as other bytes than it was: {_blame(corpus, records, places)}")
    return store.shards / shard.file


def _blame(corpus: Path, records: Mapping[str, Ref], places: list[UnitPlace]) -> str:
    """Which part of how many records differs from what was published."""
    from medloom.flows.fingerprints import PARTS

    published = pl.scan_parquet(corpus / "lineage.parquet").filter(pl.col("shard").is_not_null())
    old = published.select("id", *PARTS).filter(pl.col("id").is_in(list(records))).collect()
    new = pl.concat([pl.read_ipc(Path(place.folder) / "fingerprints.arrow") for place in places])
    new = new.with_columns(id=pl.Series([one for one, _ in sorted(records.items(), key=lambda item: item[1])]))
    both = old.join(new, on="id", suffix="_new")
    counts = {part: both.filter(pl.col(part) != pl.col(f"{part}_new")).height for part in PARTS}
    told = ", ".join(f"{part} of {count}" for part, count in counts.items() if count)
    if told:
        return f"{told} of {both.height} records differ; is it the release of the source that its card names?"
    return "every record is as it was, so the Parquet writer is another; see the notes above"


def _carry(corpus: Path, fresh: Path, lock: dict[str, Any]) -> None:
    """Everything beside the shards, and a lock that says that nothing is withheld any more."""
    for name in ("README.md", "NOTICE", "croissant.json", "CHANGELOG.md", "lineage.parquet", "quarantine.parquet"):
        if (corpus / name).is_file():
            shutil.copyfile(corpus / name, fresh / name)
    whole = {
        path: {name: value for name, value in entry.items() if name not in ("withheld", "published")}
        for path, entry in lock["shards"].items()
    }
    content = json.dumps(lock | {"shards": whole}, indent=1, ensure_ascii=False) + "\n"
    write_whole(fresh / "corpus.lock.json", content.encode())
