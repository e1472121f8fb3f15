"""Plain loops: the least work that gives the same pictures, hashes and boxes, with the same codecs as medloom.

    python loops.py jpeg|masks|volumes FOLDER OUT --processes N

No labels are checked, nothing is refused, resumed, filtered, split or documented; a torn file or a kill in the middle
goes unseen. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import resource
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from isal import isal_zlib

ROWS = 600
SHORT_SIDE = 512
QUALITY = 90
PER_VOLUME = 4
WINDOW = (40.0, 400.0)
_BASIS = np.rint(2**15 * np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(32) + 1) / 64))
_BASIS_T = np.ascontiguousarray(_BASIS.T)
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

Row = dict[str, Any]


def phash(grey: np.ndarray) -> str:
    """The DCT hash of a reduced grey picture."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = (_BASIS @ small @ _BASIS_T).ravel()
    ordered = np.sort(low)
    return np.packbits(low > (ordered[31] + ordered[32]) / 2).tobytes().hex()


def jpegs(root: Path, files: list[str]) -> Iterator[Row]:
    """Bytes pass: read, SHA-256, header, grey decode at 1/8, hash."""
    for file in files:
        data = (root / file).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        grey = simplejpeg.decode_jpeg(data, "GRAY", min_factor=8, min_height=-(-height // 8), min_width=-(-width // 8))
        label = file.split("/", 1)[0]
        yield _row(file, data, sha256, phash(grey[..., 0]), width, height, label=label)


def masks(root: Path, files: list[str]) -> Iterator[Row]:
    """Decode, resize, encode; boxes of the mask's components in the stored picture."""
    for file in files:
        source = (root / file).read_bytes()
        drawn = (root / file.replace("images/", "masks/", 1)).read_bytes()
        sources = hashlib.sha256(source).hexdigest(), hashlib.sha256(drawn).hexdigest()
        array = cv2.cvtColor(cv2.imdecode(np.frombuffer(source, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        mask = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_GRAYSCALE)
        scale = SHORT_SIDE / min(array.shape[:2])
        size = (round(array.shape[1] * scale), round(array.shape[0] * scale))
        small = cv2.resize(array, size, interpolation=cv2.INTER_LINEAR)
        data = simplejpeg.encode_jpeg(small, QUALITY, "RGB", "444", fastdct=False)
        boxes = _boxes(mask, size)
        yield _row(file, data, hashlib.sha256(data).hexdigest(), phash(_reduced(small)), *size, boxes, sources)


def volumes(root: Path, files: list[str]) -> Iterator[Row]:
    """Inflate picture and labels, cut the slices that show most, window, encode as PNG; boxes of the labels."""
    for file in files:
        source, drawn = (root / file).read_bytes(), (root / file.replace("images/", "labels/", 1)).read_bytes()
        sources = hashlib.sha256(source).hexdigest(), hashlib.sha256(drawn).hexdigest()
        values, labels = _inflated(source), _inflated(drawn)
        for index in _chosen(labels):
            picture = np.ascontiguousarray(_shown(values, index))
            low, span = WINDOW[0] - 0.5 - (WINDOW[1] - 1) / 2, WINDOW[1] - 1
            levels = np.rint(np.clip((picture - low) * (255.0 / span), 0, 255)).astype(np.uint8)
            data = _png(levels)
            cut = _shown(labels, index)
            boxes = [box for value in np.unique(cut)[1:] for box in _boxes((cut == value).view(np.uint8))]
            height, width = levels.shape
            digest = hashlib.sha256(data).hexdigest()
            yield _row(f"{file}#{index}", data, digest, phash(_reduced(levels)), width, height, boxes, sources)


def _row(
    file: str,
    data: bytes,
    sha256: str,
    hashed: str,
    width: int,
    height: int,
    boxes: list[list[float]] | None = None,
    sources: tuple[str, ...] = (),
    label: str = "",
) -> Row:
    return {
        "id": file, "image": {"bytes": data, "path": file}, "label": label, "sha256": sha256, "phash": hashed,
        "width": width, "height": height, "boxes": boxes or [], "sources": sources,
    }  # fmt: skip


def _reduced(array: np.ndarray) -> np.ndarray:
    """Grey, area-averaged by the largest whole factor that leaves 64 pixels."""
    height, width = array.shape[:2]
    factor = min(height, width) // 64
    small = cv2.resize(array[: height // factor * factor, : width // factor * factor],
                       (width // factor, height // factor), interpolation=cv2.INTER_AREA)  # fmt: skip
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def _boxes(mask: np.ndarray, size: tuple[int, int] | None = None) -> list[list[float]]:
    """Half-open xyxy of each component, resized by the nearest centre where `size` is given."""
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask)
    # 16 bits: three times faster than 32, and there are never so many components here
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        mask[top : top + down, left : left + across], connectivity=8, ltype=cv2.CV_16U
    )
    found = []
    for number, (x, y, across, down, _) in enumerate(stats[1:count].tolist(), start=1):
        if size is None:
            found.append([left + x, top + y, left + x + across, top + y + down])
            continue
        part = parts[y : y + down, x : x + across] == number
        rows, columns = _centres(top + y, down, height, size[1]), _centres(left + x, across, width, size[0])
        kept = part[np.ix_(rows[1], columns[1])]
        shown_rows, shown_columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
        if shown_rows.size:
            x0, y0 = columns[0] + int(shown_columns[0]), rows[0] + int(shown_rows[0])
            found.append([x0, y0, columns[0] + int(shown_columns[-1]) + 1, rows[0] + int(shown_rows[-1]) + 1])
    return found


def _centres(start: int, length: int, old: int, new: int) -> tuple[int, np.ndarray]:
    """The first new pixel whose centre lies in [start, start + length) of the old ones, and what each of them shows."""
    first = max(0, -(-(2 * new * start - old) // (2 * old)))
    shows = (2 * np.arange(first, new) + 1) * old // (2 * new)
    shows = shows[(shows >= start) & (shows < start + length)] - start
    return first, shows


def _inflated(data: bytes) -> np.ndarray:
    wanted = int.from_bytes(data[-4:], "little")  # a gzip's last four bytes: its length unpacked
    raw = isal_zlib.decompressobj(wbits=31).decompress(data, wanted + 1)  # a third faster than in one call
    shape = struct.unpack_from("<3h", raw, 42)
    dtype = {2: np.uint8, 4: np.int16}[struct.unpack_from("<h", raw, 70)[0]]
    return np.frombuffer(raw, dtype, offset=352).reshape(shape, order="F")


def _chosen(labels: np.ndarray) -> list[int]:
    """Slices on which most components have their largest section."""
    from scipy import ndimage

    weights = np.zeros(labels.shape[2], np.int64)
    outer = _filled(labels)
    labels = labels[outer]
    for value, where in enumerate(ndimage.find_objects(labels.T), start=1):
        if where is None:
            continue
        where = where[::-1]
        parts, count = ndimage.label(labels[where] == value, np.ones((3, 3, 3)))
        for number in range(1, count + 1):
            areas = np.count_nonzero(parts == number, axis=(0, 1))
            weights[outer[2].start + where[2].start + int(areas.argmax())] += WEIGHTS[value]
    order = np.lexsort((np.arange(len(weights)), -weights))[:PER_VOLUME]
    return sorted(int(index) for index in order if weights[index])


WEIGHTS = {1: 1, 2: 1, 3: 16}


def _filled(labels: np.ndarray) -> tuple[slice, ...]:
    """The box of all labels, by projections of their joined bits."""
    slabs = labels.T.reshape(labels.shape[2], -1)
    flat = np.bitwise_or.reduce(labels, axis=2)
    shown = np.bitwise_or.reduce(flat, axis=1), np.bitwise_or.reduce(flat, axis=0), np.bitwise_or.reduce(slabs, axis=1)
    found = [np.flatnonzero(line) for line in shown]
    return tuple(slice(int(line[0]), int(line[-1]) + 1) for line in found)


def _shown(volume: np.ndarray, index: int) -> np.ndarray:
    """A slice of a RAS+ volume as radiologists see it: the patient's right on the left, front on top."""
    return volume[::-1, ::-1, index].T


def _png(array: np.ndarray) -> bytes:
    height, width = array.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = array[0]
    np.subtract(array[1:], array[:-1], out=rows[1:, 1:])
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, payload in ((b"IHDR", header), (b"IDAT", isal_zlib.compress(rows, 1)), (b"IEND", b"")):
        check = isal_zlib.crc32(payload, isal_zlib.crc32(kind))
        parts += [struct.pack(">I", len(payload)), kind, payload, struct.pack(">I", check)]
    return b"".join(parts)


JOBS: dict[str, tuple[Callable[[Path, list[str]], Iterator[Row]], str]] = {
    "jpeg": (jpegs, ".jpg"),
    "masks": (masks, ".png"),
    "volumes": (volumes, ".nii.gz"),
}
_BOX = pa.list_(pa.list_(pa.float64()))
SCHEMA = pa.schema(
    [("id", pa.string()), ("image", _PICTURE), ("label", pa.string()), ("sha256", pa.string()), ("phash", pa.string()),
     ("width", pa.int64()), ("height", pa.int64()), ("boxes", _BOX), ("sources", pa.list_(pa.string()))]
)  # fmt: skip


def listed(kind: str, root: Path) -> list[str]:
    """The files to read, below `root`, in order."""
    start = root if kind == "jpeg" else root / "images"
    suffix = JOBS[kind][1]
    found = (os.path.join(folder, name) for folder, _, names in os.walk(start) for name in names)
    return sorted(os.path.relpath(path, root) for path in found if path.endswith(suffix))


def write(kind: str, root: Path, files: list[str], path: Path) -> int:
    """One shard: pictures as they are, the rest zstd."""
    table = pa.Table.from_pylist(list(JOBS[kind][0](root, files)), SCHEMA)
    pq.write_table(
        table, path, compression={leaf: "NONE" if leaf == "image.bytes" else "ZSTD" for leaf in LEAVES},
        use_dictionary=["label"], write_statistics=["id"], row_group_size=len(table), write_batch_size=16,
    )  # fmt: skip
    return len(table)


def _leaves() -> list[str]:
    sink = pa.BufferOutputStream()
    pq.write_table(SCHEMA.empty_table(), sink)
    found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [found.column(number).path for number in range(len(found))]


LEAVES = _leaves()


def run(kind: str, root: Path, out: Path, processes: int = 1) -> int:
    """All shards; returns the number of pictures."""
    files = listed(kind, root)
    rows = ROWS if kind != "volumes" else max(1, min(ROWS // PER_VOLUME, len(files) // processes))
    out.mkdir(parents=True)
    jobs = [
        (kind, root, files[first : first + rows], out / f"{first:07d}.parquet") for first in range(0, len(files), rows)
    ]
    if processes == 1:
        return sum(write(*job) for job in jobs)
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return sum(pool.starmap(write, jobs, chunksize=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(JOBS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    began, used = time.perf_counter(), cpu_seconds()
    pictures = run(asked.kind, asked.folder, asked.out, asked.processes)
    print(json.dumps({"pictures": pictures, "seconds": time.perf_counter() - began, "cpu": cpu_seconds() - used}))


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
