"""Tell: a unit's second part. Its briefs become requests, its answers become records, committed as one.

A worker goes through the unit's briefs with the answers that the cache has. Where some are missing it says which, and
is called again when they are there; where none is, it writes the records. So a resumed build is no other than a first
one, and only the driver ever speaks with an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.flows.assemble import link_or_copy
from medloom.flows.judge import FilterSpec, Trial, judge_unit
from medloom.flows.store import read_json, whole_folder
from medloom.flows.unit import UnitReport
from medloom.flows.unit_result import write_ipc
from medloom.schemas.errors import BuildError, MedloomError
from medloom.schemas.identity import digest
from medloom.schemas.synthesis import SamplingChoice
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.engines.request import Answer, Request, drawn
from medloom.synthesis.engines.tally import Usage, usage_of

if TYPE_CHECKING:
    from medloom.schemas.record import Record
    from medloom.synthesis.prompt import PromptBook
    from medloom.synthesis.writer import Exchange, Writer

WriterSpec = tuple[str, str, dict[str, Any]]
"""Name, version, parameters."""
OWN, JUDGED = ("records.arrow", "fingerprints.arrow", "briefs.arrow", "unit.json"), ("verdicts-", "scores-")
"""What a told unit doesn't share with its first part."""
EXAMPLES = 3
"""So many dropped answers are told in full, for each task and reason."""


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that changes what is asked and how it is answered, beside the briefs.

    `prompts` are folders of the catalog's own; `stamps` digest every prompt that the writers use, by id. `ears` are
    the model and revision of each engine, `sampling` the catalog's. `local` says that credentialed text may be asked.
    """

    writers: tuple[WriterSpec, ...]
    prompts: tuple[str, ...]
    stamps: dict[str, str]
    ears: dict[str, tuple[str, str]]
    sampling: dict[str, Any]
    local: bool = False

    @property
    def digest(self) -> str:
        return digest("voice", self.writers, self.stamps, self.ears, self.sampling)


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to tell: its folder, where the told one goes, the file with the answers, and those that failed."""

    folder: str
    into: str
    report: UnitReport
    voice: Voice
    cache: str
    filters: tuple[FilterSpec, ...]
    base: str = "."
    failed: dict[str, Answer] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that the cache has no answer for, by key, in order."""

    asked: tuple[tuple[str, Request], ...]


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was not written: of which brief and task, and why."""

    brief: str
    task: str
    reason: str
    detail: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``told.json``. `key` digests what was asked for, `answers` what came back.

    Of `briefs`, `mute` gave no record, by the first reason; `lost` counts everything that was not written, by task and
    reason, and `examples` show some. `uncertain` answers failed for reasons that may pass: the unit is told again next
    time. `usage` is what its answers took, whenever that was.
    """

    key: str
    answers: str
    report: UnitReport
    briefs: int
    written: int
    mute: dict[str, int] = {}
    lost: tuple[tuple[str, str, int], ...] = ()
    examples: tuple[Loss, ...] = ()
    asked: dict[str, int] = {}
    usage: Usage = Usage()
    uncertain: int = 0
    reused: bool = False


PASSING = ("server_error", "half_an_answer", "not_an_answer", "timed_out", "server_hung_up", "unfinished", "no_choice")
"""Reasons for which an answer failed that another day may not bring."""


def told_key(report: UnitReport, voice: Voice) -> str:
    """Digest of what the second part is made of, but for the answers."""
    return digest("told", report.key, voice.digest)


def found_told(job: Telling) -> Told | None:
    """The second part, where it is there and still what `job` would make."""
    done = read_json(Path(job.into) / "told.json", Told)
    if isinstance(done, Told) and done.key == told_key(job.report, job.voice) and not done.uncertain:
        return msgspec.structs.replace(done, reused=True)
    return None


def tell_unit(job: Telling) -> Told | Wanted:
    """The second part, or the requests that it needs first."""
    done = found_told(job)
    if done is None:
        story = _story(job)
        if isinstance(story, Wanted):
            return story
        done = _commit(job, story)
    judge_unit(Trial(folder=job.into, filters=job.filters, base=job.base))
    return done


class _Story:
    """Every brief of a unit with all that was asked and answered about it."""

    def __init__(self) -> None:
        self.past: list[tuple[Brief, Writer, list[Exchange]]] = []


def _story(job: Telling) -> _Story | Wanted:
    from medloom.synthesis.writer import ROUNDS, Exchange

    judged = "judge" in job.voice.ears
    writers = {
        name: _writer(name, version, msgspec.json.encode(params), judged) for name, version, params in job.voice.writers
    }
    prompts = prompt_book(job.voice.prompts, tuple(sorted(job.voice.stamps.items())))
    choice = SamplingChoice.model_validate(job.voice.sampling)
    story = _Story()
    wanted: dict[str, Request] = {}
    for brief in read_briefs(Path(job.folder)):
        if brief.access == "credentialed" and not job.voice.local:
            raise BuildError(f"{brief.source} is credentialed, and the engine is not local: nothing of it was sent")
        story.past.append((brief, writers[brief.task], []))
    alive = story.past
    with AnswerCache(Path(job.cache)) as cache:
        for _ in range(ROUNDS + 1 + judged):
            asked = []
            for entry in alive:
                brief, writer, past = entry
                requests = [_drawn(one, choice) for one in writer.requests(brief, prompts, past)]
                if requests:
                    asked.append((entry, [(one.key(*job.voice.ears[one.to]), one) for one in requests]))
            if not asked:
                break
            found = cache.get(key for _, keyed in asked for key, _ in keyed)
            alive = []
            for entry, keyed in asked:
                missing = {key: one for key, one in keyed if key not in found and key not in job.failed}
                if missing:
                    wanted.update(missing)
                    continue
                entry[2].extend(Exchange(one, found.get(key) or job.failed[key]) for key, one in keyed)
                alive.append(entry)
        else:
            if alive:
                raise BuildError(f"{alive[0][0].task} asked more than {ROUNDS} rounds about one brief: a mistake in it")
    return Wanted(asked=tuple(wanted.items())) if wanted else story


def _commit(job: Telling, story: _Story) -> Told:
    records: list[Record] = []
    notes: list[tuple[str, str, str]] = []
    losses: list[Loss] = []
    mute: Counter[str] = Counter()
    seen: set[str] = set()
    for brief, writer, past in story.past:
        written = writer.written(brief, past)
        said = [record for record in written.records if record.id not in seen]
        seen.update(record.id for record in said)
        lost = [Loss(brief=brief.id, task=brief.task, reason=one.reason, detail=one.detail) for one in written.refused]
        lost += [
            Loss(brief=brief.id, task=brief.task, reason="written_twice", detail=record.id)
            for record in written.records
            if record not in said
        ]
        records += said
        losses += lost
        if not said:
            mute[lost[0].reason if lost else "nothing_asked"] += 1
        notes += [(record.id, *_sources(past, job.voice)) for record in said]
    answers = {exchange.answer.key: exchange.answer for _, _, past in story.past for exchange in past}
    versions = Counter(f"{one.request.prompt}@{one.request.version}" for _, _, past in story.past for one in past)
    key = told_key(job.report, job.voice)
    heard = digest(
        "answers", sorted((one.key, one.text, one.finish, one.reason) for one in answers.values()), size=32
    )  # fmt: skip
    first = Path(job.folder)
    with whole_folder(Path(job.into)) as fresh:
        for path in first.iterdir():
            if path.name not in OWN and not path.name.startswith(JUDGED):
                link_or_copy(path, fresh / path.name)
        count = _write_records(first, records, fresh)
        write_ipc(fresh / "phrased.arrow", _phrased(notes))
        report = msgspec.structs.replace(job.report, key=digest("told unit", key, heard), records=count)
        (fresh / "unit.json").write_bytes(msgspec.json.encode(report))
        told = Told(
            key=key,
            answers=heard,
            report=report,
            briefs=len(story.past),
            written=len(records),
            mute=dict(sorted(mute.items())),
            lost=tuple((*what, n) for what, n in sorted(Counter((one.task, one.reason) for one in losses).items())),
            examples=_some(losses),
            asked=dict(sorted(versions.items())),
            usage=usage_of(answers.values()),
            uncertain=sum(one.finish == "failed" and one.reason in PASSING for one in answers.values()),
        )
        (fresh / "told.json").write_bytes(msgspec.json.encode(told))
    return told


def _write_records(first: Path, more: Sequence[Record], into: Path) -> int:
    """Writes the first part's records and `more` in one order, with their fingerprints; returns how many they are."""
    import pyarrow as pa

    from medloom.flows.fingerprints import fingerprint_batch
    from medloom.schemas.arrow import from_table, to_batch
    from medloom.schemas.record import Record
    from medloom.schemas.view import View

    views = from_table(View, _read(first / "views.arrow"))
    records = pa.concat_tables([_read(first / "records.arrow"), pa.Table.from_batches([to_batch(Record, more)])])
    prints = pa.concat_tables(
        [_read(first / "fingerprints.arrow"), pa.Table.from_batches([fingerprint_batch(more, views)])]
    )
    shown, ids = records.column("views").to_pylist(), records.column("id").to_pylist()
    order = pa.array(sorted(range(len(ids)), key=lambda row: (shown[row], ids[row])), pa.int64())
    for table, name in ((records, "records.arrow"), (prints, "fingerprints.arrow")):
        sorted_rows = table.take(order).combine_chunks()
        write_ipc(into / name, (sorted_rows.to_batches() or [pa.RecordBatch.from_pylist([], sorted_rows.schema)])[0])
    return len(order)


def _read(path: Path) -> Any:
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _sources(past: Sequence[Exchange], voice: Voice) -> tuple[str, str]:
    """The prompts and the models that were asked for a record."""
    prompts = dict.fromkeys(f"{one.request.prompt}@{one.request.version}" for one in past)
    models = dict.fromkeys("@".join(filter(None, voice.ears[one.request.to])) for one in past)
    return " ".join(prompts), " ".join(models)


def _phrased(notes: list[tuple[str, str, str]]) -> Any:
    import pyarrow as pa

    columns = list(zip(*notes, strict=True)) or [(), (), ()]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], ["id", "prompt", "model"])


def _some(losses: list[Loss]) -> tuple[Loss, ...]:
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for loss in losses:
        seen[loss.task, loss.reason] += 1
        if seen[loss.task, loss.reason] <= EXAMPLES:
            found.append(msgspec.structs.replace(loss, detail=loss.detail[:300]))
    return tuple(found)


def read_briefs(folder: Path) -> list[Brief]:
    """What the unit left for an engine, by id; nothing where it left nothing."""
    from medloom.schemas.arrow import from_table

    path = folder / "briefs.arrow"
    return from_table(Brief, _read(path)) if path.exists() else []


@cache
def _writer(name: str, version: str, params: bytes, judged: bool) -> Writer:
    from medloom.synthesis.judge import JudgedWriter
    from medloom.synthesis.registry import load_task
    from medloom.synthesis.writer import Writer

    found = load_task(name, msgspec.json.decode(params))
    if not isinstance(found, Writer) or found.version != version:
        raise MedloomError(f"the task {name!r} here is not the one of the build (version {version})")
    return JudgedWriter(found) if judged else found


def _drawn(request: Request, choice: SamplingChoice) -> Request:
    """The catalog says how the writer's answers are drawn; the judge's as its prompt has it."""
    return drawn(request, choice) if request.to == "writer" else request


@cache
def prompt_book(folders: tuple[str, ...], stamps: tuple[tuple[str, str], ...]) -> PromptBook:
    """The prompts, which must be those that the build began with."""
    from medloom.synthesis.prompt import load_prompts

    book = load_prompts(tuple(Path(folder) for folder in folders))
    for prompt, stamp in stamps:
        if book[prompt].stamp != stamp:
            raise BuildError(f"the prompt {prompt!r} has changed since the build began; build again with --resume")
    return book
