"""Unit: what a worker does at a time, from file references to finished records and pictures, committed as one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from medloom.flows.listing import Partition, read_partition
from medloom.flows.patient_key import patient_key
from medloom.flows.recipe import Recipe
from medloom.flows.store import read_json, whole_folder
from medloom.flows.unit_result import PictureFile, Result
from medloom.schemas.identity import digest
from medloom.schemas.sample import Refusal, Sample, first_file
from medloom.synthesis.origin import FileMark, Origin

if TYPE_CHECKING:
    from medloom.schemas.view import View
    from medloom.synthesis.glance import Glance
    from medloom.synthesis.scenes import Made
    from medloom.synthesis.task import Context, Task


UNIT_VERSION = "3"
"""Changes with the files that a unit consists of, and where pictures or regions are read otherwise than before."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one Sample may take: seconds of work, and megabytes that its process may hold."""

    seconds: float = 600
    memory_mb: int = 32768


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to do: the recipe, the partition of Samples, and where the result is committed.

    `expendable` says that the process may be ended over a Sample that takes too much: a Ray worker, not the user's own.
    """

    recipe: Recipe
    partition: Partition
    samples: str
    folder: str
    allowance: Allowance = Allowance()
    expendable: bool = False


class UnitReport(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``unit.json``: the key by content, the files read, counts, and seconds of work.

    `marks` tell whether the inputs are still what they were; `key` digests their bytes with the recipe. `lost` counts
    the Samples of which nothing could be shown, by reason; `silent` are the views that no task could ask about.
    `briefs` are left for an engine to phrase (`flows/tell.py`).
    `stopped_at` is the allowance under which Samples were stopped, where any was: another one may let them pass.
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
    stopped_at: Allowance | None = None
    briefs: int = 0
    identity: tuple[tuple[str, str, int], ...] = ()


def slot_of(recipe: Recipe, partition: Partition) -> str:
    """The unit's folder name: the recipe and the Samples, before any file is read."""
    return digest("unit", UNIT_VERSION, recipe.digest, partition.digest, size=12)


def run_unit(work: Work) -> UnitReport:
    """Does the unit, or finds it done: same recipe, same Samples, same bytes in every file that it read.

    A file beside the unit's folder says that it has begun. Who finds that file, and no unit, knows that a process died
    over it, and does the Samples apart (`flows/apart.py`): the one that kills its process is then quarantined alone.
    """
    folder = Path(work.folder)
    done = read_json(folder / "unit.json", UnitReport)
    if isinstance(done, UnitReport) and holds(done, work):
        return msgspec.structs.replace(done, reused=True)
    begun = folder.with_name(f".{folder.name}.begun")
    apart = begun.exists()
    if not apart:
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
        try:
            report = _commit(work, _together)
        except MemoryError:
            apart = True
        except Exception:  # a process that can tell of its failure is alive
            begun.unlink()
            raise
    if apart:
        from medloom.flows.apart import do_apart

        report = _commit(work, do_apart)
    begun.unlink(missing_ok=True)
    return report


def holds(done: UnitReport, work: Work) -> bool:
    """Whether a finished unit is still what `work` would make."""
    return done.stopped_at in (None, work.allowance) and unchanged(done.marks, work.recipe)


def _commit(work: Work, do: Callable[[Work, list[Sample], Result], Iterable[FileMark]]) -> UnitReport:
    """Lets `do` fill a Result, and puts it in place; `do` returns the marks of the files that it read."""
    started = time.perf_counter()
    folder = Path(work.folder)
    samples = read_partition(Path(work.samples))
    with whole_folder(folder) as fresh:
        with PictureFile(fresh / "pictures.arrow") as pictures:
            result = Result(pictures)
            found = do(work, samples, result)
            compare_visits(work.recipe, result)
        result.write(fresh)
        by_file = {mark.file: mark for mark in found}
        marks = tuple(by_file[file] for file in sorted(by_file))
        facts = [work.recipe.digest, work.partition.digest, [(mark.file, mark.sha256) for mark in marks]]
        report = UnitReport(
            key=digest("unit", *facts, *([result.stopped] if result.stopped else [])),
            slot=folder.name,
            marks=marks,
            samples=len(samples),
            views=len(result.views),
            records=len(result.records),
            briefs=len(result.briefs),
            refused=len(result.refused),
            lost=dict(sorted(result.lost.items())),
            silent=result.silent,
            seconds=time.perf_counter() - started,
            stopped_at=work.allowance if result.stopped else None,
            identity=tuple((*what, count) for what, count in sorted(result.identity.items())),
        )
        (fresh / "unit.json").write_bytes(msgspec.json.encode(report))
    return report


def _together(work: Work, samples: list[Sample], result: Result) -> Iterable[FileMark]:
    """Does the Samples one after another in this process."""
    from medloom.flows.heap import keep_freed, settle
    from medloom.synthesis import ahead

    keep_freed()
    origin = origin_of(work.recipe)
    tasks, context = toolbox(work.recipe)
    settle()
    with held_to(work.allowance) if work.expendable else nullcontext():
        for first in range(0, len(samples), ahead.SAMPLES):
            some = samples[first : first + ahead.SAMPLES]
            for sample in _timed(some, work):
                origin.ahead.begin(sample, origin)
            origin.ahead.look()
            for sample in _timed(some, work):
                do_sample(sample, origin, work.recipe, tasks, context, result)
    return origin.marks.values()


def _timed(samples: list[Sample], work: Work) -> Iterator[Sample]:
    """The Samples; an expendable process ends over one that takes longer than allowed."""
    for sample in samples:
        if work.expendable:
            signal.setitimer(signal.ITIMER_REAL, work.allowance.seconds)
        yield sample


@contextmanager
def held_to(allowance: Allowance) -> Iterator[None]:
    """While it lasts, this process may hold no more memory than allowed, and a timer that is set ends it.

    The timer is the kernel's: it also ends a decoder that never comes back to Python. Memory is what the process may
    write to; files that are mapped for reading don't count.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = allowance.memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def compare_visits(recipe: Recipe, result: Result) -> None:
    """Records of the tasks that compare visits, from what was kept of each; views that only they could have shown go
    where none of them does.
    """
    from medloom.synthesis.task import PatientTask

    by_patient: dict[str, list[Glance]] = {}
    for glance in result.glances:
        by_patient.setdefault(glance.who, []).append(glance)
    if by_patient:
        tasks, context = toolbox(recipe)
        for task in (task for task in tasks if isinstance(task, PatientTask)):
            for visits in by_patient.values():
                result.records.extend(task.of_patient(visits, context))
    result.keep_shown()


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

    use, settings, card = recipe.source_use, recipe.settings, recipe.source
    return Origin(
        card=card,
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
        key=patient_key(card),
        identity=recipe.identity_settings,
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


def do_sample(
    sample: Sample, origin: Origin, recipe: Recipe, tasks: list[Task], context: Context, result: Result
) -> None:
    """Everything that one Sample gives, from its files to its records, into `result`."""
    from medloom.schemas.appearance import Appearance
    from medloom.schemas.licence import releasable
    from medloom.synthesis.scenes import scenes_of
    from medloom.synthesis.task import CaseTask, PatientTask
    from medloom.synthesis.writer import Writer

    writers = [task for task in tasks if isinstance(task, Writer)]
    refused = releasable(origin.licence(sample), recipe.release)
    if refused is not None:
        row = Refusal(unit=sample.key, reason="licence", detail=refused, file=first_file(sample), stage="licence")
        result.refused.append(row)
        result.lost["licence"] += 1
        return
    made: Made = scenes_of(sample, origin)
    result.refused.extend(made.refused)
    result.identity.update(made.found)
    before = len(result.records) + len(result.briefs)
    shown: dict[str, View] = {}
    for scene in made.scenes:
        records = [record for task in tasks for record in task.records(scene, context)]
        briefs = [brief for writer in writers for brief in writer.briefs(scene, context)]
        result.records.extend(records)
        result.briefs.extend(briefs)
        if records or briefs:
            shown[scene.view.id] = scene.view
    if made.case is not None and (case_tasks := [task for task in tasks if isinstance(task, CaseTask)]):
        views = {view.id: view for view in (*(scene.view for scene in made.scenes), *made.whole)}
        for task in case_tasks:
            for record in task.of_case(made.case, context):
                result.records.append(record)
                shown.update((view, views[view]) for view in record.views)
        for brief in (brief for writer in writers for brief in writer.briefs_of_case(made.case, context)):
            result.briefs.append(brief)
            shown.update((view.id, views[view.id]) for view in brief.views)
    if not made.scenes and sample.media and len(result.records) + len(result.briefs) == before:
        result.lost[next((row.reason for row in made.refused if not row.part), "nothing_shown")] += 1
    result.silent += len(made.scenes) + len(made.whole) - len(shown)
    if made.case is not None and any(isinstance(task, PatientTask) for task in tasks):
        result.look_back(made.case, context, shown)
    for view in shown.values():
        result.views.append(view)
        result.looks.append(made.looks.get(view.id) or Appearance(id=view.id))
        if view.sha256 in made.pictures:
            result.pictures.add(view.sha256, made.pictures[view.sha256])
