"""Apart: a unit over which a process died is done Sample by Sample in child processes, so that only culprits are lost.

One child goes through the Samples. Where it dies, the next one begins with the Sample that was at work: a Sample that
ends two children, the second time before anything else was done in it, is the culprit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from medloom.flows.apart_child import Outcome
from medloom.flows.unit import Work, origin_of
from medloom.flows.unit_result import Result
from medloom.schemas.errors import BadInput, BuildError
from medloom.schemas.sample import Refusal, Sample, first_file
from medloom.synthesis.origin import FileMark


def do_apart(work: Work, samples: list[Sample], result: Result) -> list[FileMark]:
    """Does the Samples in child processes; one that ends its process is refused.

    Reasons: ``decoder_crash`` (died twice), ``time_limit`` and ``memory_limit`` (the catalog's limits). The detail says
    nothing that could differ from run to run. Raises what a Sample's own code raised; BuildError where no child starts.
    """
    marks: list[FileMark] = []
    origin = origin_of(work.recipe)
    with tempfile.TemporaryDirectory(prefix=".apart.", dir=Path(work.folder).parent) as scratch:
        at, died_at = 0, -1
        while at < len(samples):
            child = _Child(work, at, Path(scratch))
            for outcome in child.outcomes():
                _take(outcome, result, marks)
                at += 1
            reason = child.reason(at, len(samples))
            if reason is None:
                continue
            if reason == "decoder_crash" and died_at != at:
                died_at = at  # what was done before it in that process may have broken it
                continue
            result.refused.append(_stopped(samples[at], reason, child.file, work))
            result.lost[reason] += 1
            result.stopped.append((samples[at].key, reason))
            origin.deidentifier.sample(samples[at])  # so that it knows the files behind their aliases
            for file in child.files:
                with suppress(BadInput):
                    origin.path(file)
            at += 1
    return [*origin.marks.values(), *marks]


def _take(outcome: Outcome, result: Result, marks: list[FileMark]) -> None:
    result.records.extend(outcome.records)
    result.briefs.extend(outcome.briefs)
    result.views.extend(outcome.views)
    result.looks.extend(outcome.looks)
    result.refused.extend(outcome.refused)
    result.lost.update(outcome.lost)
    result.silent += outcome.silent
    result.glances.extend(outcome.glances)
    result.waiting.update(outcome.waiting)
    for place, kind, count in outcome.identity:
        result.identity[place, kind] += count
    for sha256, data in outcome.pictures.items():
        result.pictures.add(sha256, data)
    marks.extend(outcome.marks)


def _stopped(sample: Sample, reason: str, file: str | None, work: Work) -> Refusal:
    said = {
        "decoder_crash": "the process that worked on it died, and so did another one that worked on nothing else",
        "time_limit": f"more than {work.allowance.seconds:g} s of work (limits.seconds_per_sample)",
        "memory_limit": f"more than {work.allowance.memory_mb} MB of memory (limits.memory_mb)",
    }[reason]
    return Refusal(unit=sample.key, reason=reason, detail=said, file=file or first_file(sample), stage="convert")


class _Child:
    """One child process over the Samples from number `start` on, and what it tells through its pipe.

    `files` are those that it opened for the Sample at work, `file` the last of them.
    """

    def __init__(self, work: Work, start: int, scratch: Path) -> None:
        self.scratch = scratch
        self.files: list[str] = []
        self._started = self._out_of_memory = False
        self._raised: Path | None = None
        order = scratch / "order.json"
        order.write_bytes(msgspec.json.encode(work))
        self._tells, tells = os.pipe()
        # The child finds what this process finds: plugins too, wherever they were put on the path.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "medloom.flows.apart_child", str(order), str(start), str(tells)]
        self._process = subprocess.Popen(command, env=environment, pass_fds=[tells], stdin=subprocess.DEVNULL)
        os.close(tells)

    @property
    def file(self) -> str | None:
        return self.files[-1] if self.files else None

    def outcomes(self) -> Iterator[Outcome]:
        """What each Sample gave, in order, until the child ends. Raises what the Sample's own code raised there."""
        try:
            with open(self._tells, encoding="utf-8") as told:  # noqa: PTH123 (a pipe)
                for line in told:
                    what, _, rest = line.rstrip("\n").partition(" ")
                    if what == "began":
                        self._started = True
                        self.files.clear()
                    elif what == "file":
                        self.files.append(msgspec.json.decode(rest, type=str))
                    elif what == "done":
                        path = self.scratch / rest
                        yield msgspec.msgpack.decode(path.read_bytes(), type=Outcome)
                        path.unlink()
                    elif what == "memory":
                        self._out_of_memory = True
                    elif what == "raised":
                        self._raised = self.scratch / rest
        finally:
            if self._process.poll() is None and sys.exc_info()[0] is not None:
                self._process.kill()
            self._process.wait()
        if self._raised is not None:
            import pickle

            raise pickle.loads(self._raised.read_bytes())  # our own child's, never a stranger's bytes

    def reason(self, at: int, count: int) -> str | None:
        """Why the child ended before the last of `count` Samples; None where it didn't. `at` is where it stopped."""
        code = self._process.returncode
        if at == count:
            return None
        if not self._started:
            raise BuildError(f"no process could be started to work apart (exit code {code}); limits.memory_mb too low?")
        if self._out_of_memory:
            return "memory_limit"
        return "time_limit" if code == -signal.SIGALRM else "decoder_crash"
