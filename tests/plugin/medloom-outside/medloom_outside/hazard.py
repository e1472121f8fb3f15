"""A task that does to its process what a broken decoder does, on the Samples that its parameters name."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medloom.schemas.record import Record
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, Task, TaskParams


class Params(TaskParams):
    """Keys of the Samples that segfault, exit, hang in C and eat memory; `once` is a file: the first process that
    finds it missing makes it and dies, as where the machine ran out of memory by another's fault."""

    segfault: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    hang: tuple[str, ...] = ()
    eat: tuple[str, ...] = ()
    once: str = ""


class Hazard(Task):
    """Makes no record."""

    name: ClassVar[str] = "outside.hazard"
    type: ClassVar[int] = 1
    config = "image_text"
    needs = ()
    Params = Params
    params: Params

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        key = scene.sample.key
        if self.params.once and not Path(self.params.once).exists():
            Path(self.params.once).touch()
            os.kill(os.getpid(), 9)
        if key in self.params.segfault:
            ctypes.string_at(8)
        if key in self.params.leave:
            os._exit(0)
        if key in self.params.hang:
            ctypes.PyDLL(None).sleep(10_000)  # keeps the interpreter's lock: no thread of this process can act
        if key in self.params.eat:
            held = []
            while True:
                held.append(bytearray(64 << 20))  # counts as held before a page of it is written
        return iter(())
