"""What `torch.utils.data.DataLoader` reads of a corpus; torch itself is not needed to make it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medloom.schemas.identity import shuffled
from medloom.schemas.sample import Split

if TYPE_CHECKING:
    from medloom.flows.load import Corpus, Item


def torch_iterable(corpus: Corpus, config: str, split: Split, seed: int | None) -> Any:
    """An iterable over one config and split; a subclass of torch's IterableDataset where torch is installed."""
    try:
        from torch.utils.data import IterableDataset
    except ImportError:
        return Records(corpus, config, split, seed)
    kind = type("Records", (Records, IterableDataset), {})
    return kind(corpus, config, split, seed)


class Records:
    """Elements of one config and split, each once over all ranks and workers.

    Ranks are those of RANK and WORLD_SIZE, as torchrun sets them. Shards are dealt out where there are enough of them
    for all; otherwise everybody reads all shards and keeps every n-th row.
    """

    def __init__(self, corpus: Corpus, config: str, split: Split, seed: int | None) -> None:
        self.corpus, self.config, self.split, self.seed = corpus, config, split, seed
        self.epoch = 0
        self.names = corpus.names(config, split)

    def set_epoch(self, epoch: int) -> None:
        """Another epoch is another order, the same on every rank."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        from medloom.flows.load import items_of

        names = self.names if self.seed is None else shuffled(self.names, "epoch", self.seed, self.epoch)
        number, of = _place()
        dealt = len(names) >= of
        at = 0
        for name in names[number::of] if dealt else names:
            for row in self.corpus.read(name):
                if dealt or at % of == number:
                    yield from map(element, items_of(row))
                at += 1


def element(item: Item) -> dict[str, Any]:
    """A record as trainers take it: `messages` in order, `images` the bytes of what it shows."""
    record = item.record
    return {
        "id": record.id,
        "task": record.task,
        "messages": [{"role": turn.role, "content": turn.text} for turn in record.turns],
        "images": list(item.media),
        "record": record,
    }


def _place() -> tuple[int, int]:
    """This process's number among all that read, and how many there are."""
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    try:
        from torch.utils.data import get_worker_info

        info = get_worker_info()
    except ImportError:
        info = None
    return (rank, ranks) if info is None else (rank * info.num_workers + info.id, ranks * info.num_workers)
