"""Result: what a unit's Samples gave, gathered and written as one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from medloom.schemas.appearance import Appearance
from medloom.schemas.record import Record
from medloom.schemas.sample import Refusal
from medloom.schemas.view import View
from medloom.synthesis.brief import Brief

if TYPE_CHECKING:
    import pyarrow as pa

    from medloom.synthesis.glance import Glance
    from medloom.synthesis.scene import Case
    from medloom.synthesis.task import Context

PICTURES_BYTES = 16 * 2**20
"""So many bytes of stored pictures wait in memory before they are written."""


class Pictures(Protocol):
    """Takes the stored pictures that are not their source files' own."""

    def add(self, sha256: str, data: bytes) -> None:
        """Takes a picture once, however many views show it."""


class PictureFile:
    """Pictures on their way to disk: few are in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: set[str] = set()
        self._waiting: dict[str, bytes] = {}
        self._size = 0

    def __enter__(self) -> PictureFile:
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


class Result:
    """What Samples gave.

    `looks` are those of `views`, one for one; `lost` counts Samples of which nothing could be shown, by reason;
    `silent` are the views that no task could ask about; `stopped` are the (key, reason) of Samples that were ended from
    outside. `identity` counts what could have told who a patient is, by (place, kind).
    """

    def __init__(self, pictures: Pictures) -> None:
        self.records: list[Record] = []
        self.briefs: list[Brief] = []
        self.views: list[View] = []
        self.looks: list[Appearance] = []
        self.refused: list[Refusal] = []
        self.pictures = pictures
        self.lost: Counter[str] = Counter()
        self.silent = 0
        self.stopped: list[tuple[str, str]] = []
        self.identity: Counter[tuple[str, str]] = Counter()
        self.glances: list[Glance] = []
        self.waiting: set[str] = set()

    def look_back(self, case: Case, context: Context, shown: dict[str, View]) -> None:
        """Keeps what a comparison of visits needs of this one; its views wait, and are added to `shown`."""
        from medloom.synthesis.glance import glance

        found = glance(case, context)
        if found is None:
            return
        self.glances.append(found)
        for view in found.views:
            if view.id not in shown:
                self.waiting.add(view.id)
                shown[view.id] = view

    def keep_shown(self) -> None:
        """Drops the waiting views that no record shows."""
        if not self.waiting:
            return
        used = {view for record in self.records for view in record.views}
        self.silent -= len(self.waiting & used)
        unused = self.waiting - used
        self.views = [view for view in self.views if view.id not in unused]

    def write(self, folder: Path) -> None:
        """Writes records, views, refusals and what waits for an engine as Arrow files into `folder`."""
        from medloom.flows.fingerprints import fingerprint_batch
        from medloom.schemas.arrow import to_batch

        # By id of the view, as shards are: what a shard wants of a unit then lies in one stretch.
        self.records.sort(key=lambda record: (record.views, record.id))
        self.views.sort(key=lambda view: view.id)
        self.looks.sort(key=lambda look: look.id)
        write_ipc(folder / "records.arrow", to_batch(Record, self.records))
        write_ipc(folder / "views.arrow", to_batch(View, self.views))
        write_ipc(folder / "appearance.arrow", to_batch(Appearance, self.looks))
        write_ipc(folder / "refused.arrow", to_batch(Refusal, self.refused))
        write_ipc(folder / "fingerprints.arrow", fingerprint_batch(self.records, self.views))
        if self.briefs:
            self.briefs.sort(key=lambda brief: brief.id)
            write_ipc(folder / "briefs.arrow", to_batch(Brief, self.briefs))


def write_ipc(path: Path, batch: pa.RecordBatch) -> None:
    """An uncompressed Arrow IPC file of one batch: read through a memory map, so that a few rows cost a few pages."""
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
