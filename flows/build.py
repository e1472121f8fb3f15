"""Build: the stages of one corpus as plain methods, each leaving a store that the next one reads."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.flows.check import Resolved, ResolvedSource, resolve_root
from medloom.flows.listing import Listing, list_source
from medloom.flows.progress import Progress
from medloom.flows.recipe import CODECS, Recipe, keyed, versioned_filters, versioned_tasks, versions, words_digest
from medloom.flows.source_state import SourceState, reasons_of
from medloom.flows.store import Store, write_whole
from medloom.flows.tracing import span
from medloom.flows.unit import Allowance, UnitReport, Work, run_unit, slot_of
from medloom.flows.workers import Workers
from medloom.schemas.errors import BuildError

if TYPE_CHECKING:
    from medloom.flows.assemble import Placed
    from medloom.flows.corpus import Decisions
    from medloom.flows.gate import Held
    from medloom.flows.judge import Drop, FilterSpec
    from medloom.flows.layout import Earlier
    from medloom.flows.lock import SourceLock
    from medloom.flows.synthesize import Conversation
    from medloom.flows.tell import Voice
    from medloom.flows.unit_rows import UnitPlace
    from medloom.schemas.sample import Refusal


class Build:
    """One build. The stages are `list_one` and `convert_one` for each source, then `decide`, `assemble`, `finish`."""

    def __init__(self, resolved: Resolved, store: Store, workers: Workers, progress: Progress, began: float) -> None:
        from medloom.synthesis.task import PatientTask

        self.catalog = resolved.catalog
        self.resolved = resolved
        self.store = store
        self.workers = workers
        self.progress = progress
        self.started = began
        self.seconds: dict[str, float] = {}
        self.filters: tuple[FilterSpec, ...] = versioned_filters(resolved)
        self.tasks = versioned_tasks(resolved)
        self.compares_visits = any(isinstance(task, PatientTask) for task in resolved.tasks)
        self.words = words_digest()
        self.earlier = self._earlier()
        self.versions = versions()
        self.sources = {source.card.source: self._state(source) for source in resolved.sources}
        self.decisions: Decisions | None = None
        self.shards: list[Placed] = []
        self.held: tuple[Held, ...] = ()
        self.talk: Conversation | None = None
        self.voice: Voice | None = self._voice()
        self._clock = threading.Lock()

    def _state(self, source: ResolvedSource) -> SourceState:
        root = resolve_root(source.use, source.card, self.resolved.folder, self.store.phantoms)
        return SourceState(source, root)

    def _earlier(self) -> Earlier | None:
        """The layout of the version that this one follows. Raises CatalogError where the catalog names none."""
        if (follows := self.catalog.shards.follows) is None:
            return None
        from medloom.flows.layout import read_earlier

        return read_earlier(self.resolved.folder / Path(follows).expanduser())

    def _voice(self) -> Voice | None:
        """What writers say and hear with; None where templates alone phrase."""
        from medloom.synthesis.writer import Writer

        if not any(isinstance(task, Writer) for task in self.resolved.tasks):
            return None
        from medloom.flows.synthesize import voice_of

        return voice_of(self)

    # ---- stages -------------------------------------------------------------------------------------------------

    def list_one(self, name: str) -> None:
        """Names what the source holds; decodes nothing. Raises BuildError where too much of it is refused."""
        state = self.sources[name]
        card, use = state.resolved.card, state.resolved.use
        converter = state.resolved.converter
        with self._timed("list"), self.progress.bar(f"{name}: list", "samples") as bar:
            found = self._counted(converter.samples(state.root, card), bar)
            together = self.compares_visits and "visits" in converter.gives(card)
            samples = self.store.samples(name)
            state.listing = list_source(found, card, samples, self.catalog.unit_samples, use.limit, together)
            self.progress.advance(bar, max(0, state.listing.samples - bar.done))
            state.recipe = self._recipe(state, state.listing, converter.version)
        self._check_refused(state)

    def convert_one(self, name: str) -> None:
        """Converts and synthesizes every partition of the source that isn't done yet, and judges it."""
        state = self.sources[name]
        assert state.listing is not None and state.recipe is not None
        listing = state.listing
        reports: dict[str, UnitReport] = {}
        drops: dict[str, tuple[Drop, ...]] = {}
        self._start_talking()
        with self._timed("convert"), self.progress.bar(f"{name}: convert", "samples", listing.samples) as bar:
            for report, dropped in self.workers.map(_run_and_judge, self.works(state)):
                reports[report.slot] = report
                drops[report.slot] = dropped
                self.progress.advance(bar, report.samples)
        slots = [slot_of(state.recipe, partition) for partition in listing.partitions]
        state.reports = [reports[slot] for slot in slots]
        state.folders = [self.store.unit(name, slot) for slot in slots]
        state.drops = [drop for slot in slots for drop in drops[slot]]
        self._check_refused(state)
        write_whole(self.store.work / "recipes" / f"{name}.json", msgspec.json.encode(state.recipe))

    def _check_refused(self, state: SourceState) -> None:
        """Raises BuildError as the source's own check does; what was refused is left in the store then."""

        def told() -> list[Refusal]:
            from medloom.flows.collect import refusals_of

            return list(refusals_of(self, state))

        try:
            state.check_refused(told)
        except BuildError as error:
            raise BuildError(f"{error}{self._leave_quarantine()}") from None

    def _leave_quarantine(self) -> str:
        """Writes what was refused so far where a build that stops leaves it, and says where, if there is anything."""
        from medloom.flows.collect import quarantined
        from medloom.flows.leave import write_quarantine

        if next(quarantined(self), None) is None:
            return ""
        path = self.store.work / "quarantine.parquet"
        write_quarantine(path, self)
        return f"; all are in {path}"

    def synthesize_one(self, name: str) -> None:
        """Lets an engine phrase what the source's tasks have left for it. Nothing where they left nothing.

        Raises BuildError where the engine can't go on, or its budget is spent: what was answered is kept.
        """
        from medloom.flows.judge import Trial, judge_unit
        from medloom.flows.synthesize import tellings

        state = self.sources[name]
        if self.talk is None or self.voice is None:
            return
        jobs = dict(tellings(self, name, self.voice, self.talk.cache_file))
        total = sum(job.report.briefs for job in jobs.values())
        with self._timed("synthesize"), self.progress.bar(f"{name}: synthesize", "briefs", total) as bar:
            state.told = self.talk.tell(
                jobs.values(), [state.root] * len(jobs), lambda told: self.progress.advance(bar, told.briefs)
            )
        state.first_folders = [state.folders[number] for number in jobs]
        for (number, job), told in zip(jobs.items(), state.told, strict=True):
            state.folders[number] = Path(job.into)
            state.reports[number] = told.report
            state.drops += judge_unit(Trial(folder=job.into, filters=self.filters, base=job.base)).drops

    def _start_talking(self) -> None:
        """Starts the engines, if anybody will speak with them, while the first pictures are converted."""
        if self.voice is not None:
            self.conversation()

    def conversation(self) -> Conversation:
        """The engines, which are started where they aren't yet."""
        from medloom.flows.synthesize import Conversation

        with self._clock:
            if self.talk is None:
                self.talk = Conversation(
                    self.catalog.synthesis, self.store.answers, self.workers, self.progress
                ).__enter__()
            return self.talk

    def close(self) -> None:
        """Ends the engines, however the build ended."""
        if self.talk is not None:
            self.talk.__exit__(None, None, None)

    def decide(self) -> None:
        """Runs the corpus-scope filters and the split, and asserts that no patient or picture is in two splits."""
        from medloom.flows.blind import answerer_of
        from medloom.flows.corpus import decide
        from medloom.flows.heap import give_back

        if self.folders:
            with self._timed("filter and split"), self.progress.bar("corpus: filter and split", "records") as bar:
                drops = [drop for state in self.sources.values() for drop in state.drops]
                self.decisions = decide(self.folders, drops, self.filters, self.catalog.split, answerer_of(self))
                self.progress.advance(bar, len(self.decisions.records))
            give_back()
        if self.decisions is None or self.decisions.kept.is_empty():
            from medloom.flows.collect import quarantined

            reasons = reasons_of(row for _, row in quarantined(self))
            raise BuildError(
                "no record is left: every source gave none, or the filters dropped all; see `medloom plan`"
                + (f"; refused: {reasons}{self._leave_quarantine()}" if reasons else "")
            )

    def assemble(self) -> None:
        """Writes the shards that aren't there yet."""
        from medloom.flows.assemble import assemble
        from medloom.flows.heap import give_back

        assert self.decisions is not None
        with self._timed("assemble"), self.progress.bar("corpus: assemble", "shards") as bar:
            for placed in assemble(
                self.store, self.decisions, self.places, self.catalog.shards, self.workers, self.earlier
            ):
                self.shards.append(placed)
                self.progress.advance(bar)
            self.shards.sort(key=lambda placed: placed.path)
            for state in self.sources.values():
                state.assert_unchanged()
        give_back()

    def finish(self) -> None:
        """Writes what stands beside the shards, and puts the whole corpus in place."""
        from medloom.flows.assemble import forget_shards, place
        from medloom.flows.leave import leave_documents

        with self._timed("document"), self.progress.bar("corpus: document", "files") as bar:
            shutil.rmtree(self.store.next, ignore_errors=True)
            self.store.next.mkdir(parents=True)
            place(self.store, self.shards)
            if self.catalog.gate.run:
                from medloom.flows.gate import gate

                self.held = gate(self, self.store.next)
            for _ in leave_documents(self):
                self.progress.advance(bar)
            self.store.swap_in()
            forget_shards(self.store, self.shards)
            self._forget_units()

    # ---- what the stages share ------------------------------------------------------------------------------------

    @property
    def folders(self) -> list[Path]:
        """Folders of all units, sources in the catalog's order, partitions in theirs."""
        return [folder for state in self.sources.values() for folder in state.folders]

    @property
    def places(self) -> tuple[UnitPlace, ...]:
        from medloom.flows.unit_rows import UnitPlace

        return tuple(
            UnitPlace(folder=str(folder), root=str(state.root), key=report.key)
            for state in self.sources.values()
            for folder, report in zip(state.folders, state.reports, strict=True)
        )

    def source_locks(self) -> dict[str, SourceLock]:
        """What the lock says of each source."""
        from medloom.flows.lock import source_lock

        locks = {}
        for name, state in self.sources.items():
            assert state.recipe is not None and state.listing is not None
            locks[name] = source_lock(state.recipe, state.reports, len(state.listing.refused))
        return locks

    def _recipe(self, state: SourceState, listing: Listing, converter_version: str) -> Recipe:
        return Recipe(
            card=state.resolved.card.model_dump(mode="json"),
            use=state.resolved.use.model_dump(mode="json"),
            root=str(state.root),
            image=self.catalog.image.model_dump(mode="json"),
            converter_version=converter_version,
            tasks=self.tasks,
            words=self.words,
            release=self.catalog.release.licence,
            census_labels=listing.labels,
            census_regions=listing.regions,
            codecs={name: self.versions[name] for name in CODECS},
            identity=self.catalog.identity.model_dump(mode="json"),
            keyed=keyed(state.resolved.card),
        )

    def works(self, state: SourceState) -> Iterator[tuple[Work, tuple[FilterSpec, ...], str]]:
        """The units of a source that was listed, with the filters that judge them and the catalog's folder."""
        assert state.listing is not None and state.recipe is not None
        samples = self.store.samples(state.name)
        limits = self.catalog.limits
        allowance = Allowance(seconds=limits.seconds_per_sample, memory_mb=limits.memory_mb)
        for partition in state.listing.partitions:
            work = Work(
                recipe=state.recipe,
                partition=partition,
                samples=str(samples / partition.name),
                folder=str(self.store.unit(state.name, slot_of(state.recipe, partition))),
                allowance=allowance,
                expendable=self.workers.count > 0,
            )
            yield work, self.filters, str(self.resolved.folder.absolute())

    def _forget_units(self) -> None:
        """Removes units that this catalog no longer uses, once the corpus is whole."""
        for name, state in self.sources.items():
            used = {folder.name for folder in (*state.folders, *state.first_folders)}
            units = self.store.work / "units" / name
            for folder in units.iterdir() if units.is_dir() else ():  # a source that was refused whole has none
                if folder.is_file():
                    folder.unlink()
                elif folder.name not in used:
                    shutil.rmtree(folder, ignore_errors=True)

    def _counted(self, found: Iterator[Any], bar: Any) -> Iterator[Any]:
        for number, item in enumerate(found, start=1):
            yield item
            if number % 1000 == 0:
                self.progress.advance(bar, 1000)

    def _timed(self, stage: str) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def clock() -> Iterator[None]:
            began = time.monotonic()
            with span(f"medloom {stage}", **{"medloom.corpus": self.catalog.corpus}):
                yield
            with self._clock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began

        return clock()


def _run_and_judge(job: tuple[Work, tuple[FilterSpec, ...], str]) -> tuple[UnitReport, tuple[Drop, ...]]:
    from medloom.flows.judge import Trial, judge_unit
    from medloom.flows.light_import import arrow_alone

    arrow_alone()
    work, filters, base = job
    report = run_unit(work)
    if report.briefs:  # judged when it is told
        return report, ()
    return report, judge_unit(Trial(folder=work.folder, filters=filters, base=base)).drops
