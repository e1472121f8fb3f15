"""Unit: what a worker does at a time, from file references to finished records and pictures, committed as one."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from medloom.flows.listing import Partition, read_partition
from medloom.flows.recipe import Recipe
from medloom.flows.store import read_json, whole_folder
from medloom.schemas.identity import digest
from medloom.schemas.record import Record
from medloom.schemas.sample import Refusal, Sample, first_file
from medloom.schemas.view import View
from medloom.synthesis.origin import FileMark, Origin

if TYPE_CHECKING:
    import pyarrow as pa

    from medloom.synthesis.scenes import Made
    from medloom.synthesis.task import Context, Task

PICTURES_BYTES = 16 * 2**20
"""So many bytes of stored pictures wait in memory before they are written."""
PATIENT_KEY = "MEDLOOM_PATIENT_KEY"
"""Environment variable with the key for patient digests, where a source's own ids identify people."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to do: the recipe, the partition of Samples, and where the result is committed."""

    recipe: Recipe
    partition: Partition
    samples: str
    folder: str


class UnitReport(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``unit.json``: the key by content, the files read, counts, and seconds of work.

    `marks` tell whether the inputs are still what they were; `key` digests their bytes with the recipe. `lost` counts
    the Samples of which nothing could be shown, by reason; `silent` are the views that no task could ask about.
    """

    key: str
    slot: str
    marks: tuple[FileMark, ...]
    samples: int
    views: int
    records: int
    refused: int
    lost: dict[str, int]
    silent: int
    seconds: float
    reused: bool = False


def slot_of(recipe: Recipe, partition: Partition) -> str:
    """The unit's folder name: the recipe and the Samples, before any file is read."""
    return digest("unit", recipe.digest, partition.digest, size=12)


def run_unit(work: Work) -> UnitReport:
    """Does the unit, or finds it done: same recipe, same Samples, same bytes in every file that it read."""
    folder = Path(work.folder)
    done = read_json(folder / "unit.json", UnitReport)
    if isinstance(done, UnitReport) and unchanged(done.marks, work.recipe):
        return msgspec.structs.replace(done, reused=True)
    started = time.perf_counter()
    samples = read_partition(Path(work.samples))
    origin = origin_of(work.recipe)
    tasks, context = toolbox(work.recipe)
    with whole_folder(folder) as fresh:
        with _Pictures(fresh / "pictures.arrow") as pictures:
            result = _Result(pictures)
            for sample in samples:
                _do(sample, origin, work.recipe, tasks, context, result)
        result.write(fresh)
        marks = tuple(origin.marks[file] for file in sorted(origin.marks))
        report = UnitReport(
            key=digest("unit", work.recipe.digest, work.partition.digest, [(mark.file, mark.sha256) for mark in marks]),
            slot=folder.name,
            marks=marks,
            samples=len(samples),
            views=len(result.views),
            records=len(result.records),
            refused=len(result.refused),
            lost=dict(sorted(result.lost.items())),
            silent=result.silent,
            seconds=time.perf_counter() - started,
        )
        (fresh / "unit.json").write_bytes(msgspec.json.encode(report))
    return report


def unchanged(marks: tuple[FileMark, ...], recipe: Recipe) -> bool:
    """True where every file has the size and the time of change that it had, or else still the same bytes."""
    from medloom.flows.store import sha256_of

    root = recipe.folder
    for mark in marks:
        path = root / mark.file
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        if found.st_size != mark.size:
            return False
        if found.st_mtime_ns != mark.mtime_ns and (
            recipe.card.get("fingerprint") == "stat" or sha256_of(path) != mark.sha256
        ):
            return False
    return True


def origin_of(recipe: Recipe) -> Origin:
    """The source as this worker sees it; the patients' key comes from the environment alone."""
    from medloom.converters.pixels.picture import PicturePolicy
    from medloom.synthesis.vocabulary import load_vocabulary

    use, settings = recipe.source_use, recipe.settings
    key = os.environ.get(PATIENT_KEY)
    return Origin(
        card=recipe.source,
        root=recipe.folder,
        vocabulary=load_vocabulary(),
        views=use.views,
        window=use.window,
        pictures=PicturePolicy(
            short_side=settings.short_side,
            keep_if_smaller=settings.keep_if_smaller,
            reencode=settings.reencode,
            quality=settings.quality,
        ),
        key=key.encode() if key else None,
    )


def toolbox(recipe: Recipe) -> tuple[list[Task], Context]:
    """The tasks of the recipe, in order, and what they may look at."""
    from medloom.synthesis.registry import load_task
    from medloom.synthesis.task import Census, Context
    from medloom.synthesis.template import load_templates
    from medloom.synthesis.vocabulary import load_vocabulary

    census = Census(labels=recipe.census_labels, regions=recipe.census_regions)
    tasks = [load_task(name, params) for name, _, params in recipe.tasks]
    return tasks, Context(vocabulary=load_vocabulary(), templates=load_templates(), census=census)


class _Pictures:
    """The stored pictures that are not their source files' own, on their way to disk: few are in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: set[str] = set()
        self._waiting: dict[str, bytes] = {}
        self._size = 0

    def __enter__(self) -> _Pictures:
        import pyarrow as pa

        self._schema = pa.schema([("sha256", pa.string()), ("bytes", pa.large_binary())])
        self._sink = pa.OSFile(str(self.path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        return self

    def add(self, sha256: str, data: bytes) -> None:
        """Takes a picture once, however many views show it."""
        if sha256 in self._seen:
            return
        self._seen.add(sha256)
        self._waiting[sha256] = data
        self._size += len(data)
        if self._size >= PICTURES_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = [pa.array(self._waiting, pa.string()), pa.array(self._waiting.values(), pa.large_binary())]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._waiting.clear()
        self._size = 0

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            self._flush()
        self._writer.close()
        self._sink.close()


class _Result:
    def __init__(self, pictures: _Pictures) -> None:
        self.records: list[Record] = []
        self.views: list[View] = []
        self.refused: list[Refusal] = []
        self.pictures = pictures
        self.lost: Counter[str] = Counter()
        self.silent = 0

    def write(self, folder: Path) -> None:
        from medloom.schemas.arrow import to_batch

        # By id of the view, as shards are: what a shard wants of a unit then lies in one stretch.
        self.records.sort(key=lambda record: (record.views, record.id))
        self.views.sort(key=lambda view: view.id)
        write_ipc(folder / "records.arrow", to_batch(Record, self.records))
        write_ipc(folder / "views.arrow", to_batch(View, self.views))
        write_ipc(folder / "refused.arrow", to_batch(Refusal, self.refused))


def write_ipc(path: Path, batch: pa.RecordBatch) -> None:
    """An uncompressed Arrow IPC file of one batch: read through a memory map, so that a few rows cost a few pages."""
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _do(sample: Sample, origin: Origin, recipe: Recipe, tasks: list[Task], context: Context, result: _Result) -> None:
    from medloom.schemas.licence import releasable
    from medloom.synthesis.scenes import scenes_of
    from medloom.synthesis.task import CaseTask

    refused = releasable(origin.licence(sample), recipe.release)
    if refused is not None:
        row = Refusal(unit=sample.key, reason="licence", detail=refused, file=first_file(sample), stage="licence")
        result.refused.append(row)
        result.lost["licence"] += 1
        return
    made: Made = scenes_of(sample, origin)
    result.refused.extend(made.refused)
    before = len(result.records)
    shown: dict[str, View] = {}
    for scene in made.scenes:
        records = [record for task in tasks for record in task.records(scene, context)]
        result.records.extend(records)
        if records:
            shown[scene.view.id] = scene.view
    if made.case is not None and (case_tasks := [task for task in tasks if isinstance(task, CaseTask)]):
        views = {view.id: view for view in (*(scene.view for scene in made.scenes), *made.whole)}
        for task in case_tasks:
            for record in task.of_case(made.case, context):
                result.records.append(record)
                shown.update((view, views[view]) for view in record.views)
    if not made.scenes and sample.media and len(result.records) == before:
        result.lost[next((row.reason for row in made.refused if not row.part), "nothing_shown")] += 1
    result.silent += len(made.scenes) + len(made.whole) - len(shown)
    for view in shown.values():
        result.views.append(view)
        if view.sha256 in made.pictures:
            result.pictures.add(view.sha256, made.pictures[view.sha256])
