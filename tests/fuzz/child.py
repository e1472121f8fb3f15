"""A process that lets mutants in through the doors of some media, in forks that may die.

``python child.py MEDIUM,MEDIUM DATA FOLDER SEED COUNT REPORT`` writes a line of JSON for each of COUNT mutants of each
medium: what became of it. ``python child.py MEDIUM DATA FOLDER SEED NUMBER`` runs one here, for a debugger, and leaves
it in its place.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from doors import Door, doors
from mutate import mutant

IMPORTS = (
    "cv2", "simplejpeg", "PIL.Image", "pydicom", "pydicom.pixels", "gdcm", "openjpeg", "highdicom", "nibabel", "isal",
    "av", "decord", "h5py", "tifffile", "imagecodecs", "scipy.ndimage", "defusedxml.ElementTree",
    "medloom.converters.registry", "medloom.synthesis.picture_scene", "medloom.synthesis.volume_scenes",
    "medloom.synthesis.clip_scenes", "medloom.synthesis.slide_scenes", "medloom.synthesis.vocabulary",
)  # fmt: skip
SECONDS, WAIT = 10, 60
"""A mutant that takes more seconds of a processor, or waits longer by the clock, hangs."""
MEMORY = 2 << 30
"""Bytes by which the process may grow over one mutant."""
BATCH = 20


def main() -> None:
    media, data, folder, seed, number, *rest = sys.argv[1:]
    if not rest:
        found, whole = opened(media, data, folder)
        unread = {} if media == "traps" else prove(found)
        found = [door for number_, door in enumerate(found) if number_ not in unread]
        place(found, whole, seed, int(number))
        print(found[int(number) % len(found)].enter())
        return
    for module in IMPORTS:  # once for all forks; nothing is decoded here, since decoders start threads
        importlib.import_module(module)
    with Path(rest[0]).open("w", buffering=1) as report:
        for medium in media.split(","):
            found, whole = opened(medium, data, f"{folder}/{medium}")
            unread = {} if medium == "traps" else prove(found)
            assert len(unread) < 0.3 * len(found), unread
            found = [door for number, door in enumerate(found) if number not in unread]
            at, last = 0, len(found) if medium == "traps" else int(number)
            while at < last:
                for line in fork(found, whole, seed, at, min(last, at + BATCH)):
                    report.write(json.dumps({"medium": medium, **line}) + "\n")
                    at = line["number"] + 1


def opened(medium: str, data: str, folder: str) -> tuple[list[Door], dict[tuple[Path, str], bytes]]:
    """The doors of a medium, and their whole files."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    found = doors(medium, Path(data), Path(folder))
    return found, {(door.root, door.file): (door.root / door.file).read_bytes() for door in found}


def prove(found: list[Door]) -> dict[int, str]:
    """The doors whose whole files are not read: they let nothing in that could be spoilt."""
    reads, writes = os.pipe()
    if os.fork() == 0:
        for number, door in enumerate(found):
            what = enter(door)
            if not what.get("told", {}).get("read"):
                tell(writes, {"number": number, "door": f"{door.file}: {what}"})
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        rows = [json.loads(line) for line in pipe]
        unread = {row["number"]: row["door"] for row in rows}
    os.wait()
    return unread


def place(found: list[Door], whole: dict[tuple[Path, str], bytes], seed: str, number: int) -> Door:
    """Puts mutant `number` in the place of a whole file."""
    door = found[number % len(found)]
    path = door.root / door.file
    path.write_bytes(mutant(whole[door.root, door.file], door.form, (seed, number)))
    return door


def fork(found: list[Door], whole: dict[tuple[Path, str], bytes], seed: str, first: int, last: int) -> list[dict]:
    """What became of mutants `first` to `last`; the list ends with the one that ended its process."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        code = 1
        try:
            limit(MEMORY)
            for number in range(first, last):
                tell(writes, {"number": number})
                door = place(found, whole, seed, number)
                clock(SECONDS, WAIT)
                began = time.process_time()
                became = enter(door) | {"seconds": round(time.process_time() - began, 2)}
                clock(0, 0)
                tell(writes, {"number": number, "door": f"{door.card.converter} {door.file}", **became})
                (door.root / door.file).write_bytes(whole[door.root, door.file])
            code = 0
        finally:
            os._exit(code)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        lines = [json.loads(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    done = [line for line in lines if len(line) > 1]
    if len(done) < last - first:
        number = lines[-1]["number"] if lines else first
        door = found[number % len(found)]
        late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)
        died = "hangs" if late else f"died: {status}"
        (door.root / door.file).write_bytes(whole[door.root, door.file])
        done.append({"number": number, "door": f"{door.card.converter} {door.file}", "bad": died})
    return done


def clock(seconds: int, wait: int) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(wait)


def limit(memory: int) -> None:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def enter(door: Door) -> dict:
    try:
        return {"told": door.enter()}
    except MemoryError:
        return {"bad": f"took more than {MEMORY >> 20} MB\n{traceback.format_exc(limit=-3)}"}
    except Exception:
        return {"bad": traceback.format_exc(limit=-5)}


def tell(pipe: int, what: dict) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
