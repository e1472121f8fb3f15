"""Plain loops: the least work that gives the same pictures, hashes and boxes, with the same codecs as medloom.

    python loops.py jpeg|masks|volumes|dicom|dicom_j2k|video FOLDER OUT --processes N [--bare]

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

import cv2
import decoded_loops
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from isal import isal_zlib
from row import Row, levels, phash, png, reduced, row

ROWS = 600
SHORT_SIDE = 512
QUALITY = 90
PER_VOLUME = 4
WINDOW = (40.0, 400.0)
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def jpegs(root: Path, files: list[str]) -> Iterator[Row]:
    """Bytes pass: read, SHA-256, header, grey decode at 1/8, hash."""
    for file in files:
        data = (root / file).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        grey = simplejpeg.decode_jpeg(data, "GRAY", min_factor=8, min_height=-(-height // 8), min_width=-(-width // 8))
        label = file.split("/", 1)[0]
        yield row(file, data, sha256, phash(grey[..., 0]), width, height, label=label)


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
        yield row(file, data, hashlib.sha256(data).hexdigest(), phash(reduced(small)), *size, boxes, sources)


def volumes(root: Path, files: list[str]) -> Iterator[Row]:
    """Inflate picture and labels, cut the slices that show most, window, encode as PNG; boxes of the labels."""
    for file in files:
        source, drawn = (root / file).read_bytes(), (root / file.replace("images/", "labels/", 1)).read_bytes()
        sources = hashlib.sha256(source).hexdigest(), hashlib.sha256(drawn).hexdigest()
        values, labels = _inflated(source), _inflated(drawn)
        for index in _chosen(labels):
            picture = np.ascontiguousarray(_shown(values, index))
            shown = levels(picture, *WINDOW)
            data = png(shown)
            cut = _shown(labels, index)
            boxes = [box for value in np.unique(cut)[1:] for box in _boxes((cut == value).view(np.uint8))]
            height, width = shown.shape
            digest = hashlib.sha256(data).hexdigest()
            yield row(f"{file}#{index}", data, digest, phash(reduced(shown)), width, height, boxes, sources)


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


JOBS: dict[str, tuple[Callable[[Path, list[str]], Iterator[Row]], str]] = {
    "jpeg": (jpegs, ".jpg"),
    "masks": (masks, ".png"),
    "volumes": (volumes, ".nii.gz"),
    "dicom": (decoded_loops.series, "/"),
    "dicom_j2k": (decoded_loops.series, "/"),
    "video": (decoded_loops.clips, ".mp4"),
}
BARE = {"dicom": decoded_loops.bare_series, "dicom_j2k": decoded_loops.bare_series, "video": decoded_loops.bare_clips}
"""The decoder alone: every slice or frame of the same files, and nothing done with them."""
_BOX = pa.list_(pa.list_(pa.float64()))
SCHEMA = pa.schema(
    [("id", pa.string()), ("image", _PICTURE), ("label", pa.string()), ("sha256", pa.string()), ("phash", pa.string()),
     ("width", pa.int64()), ("height", pa.int64()), ("boxes", _BOX), ("sources", pa.list_(pa.string()))]
)  # fmt: skip


def listed(kind: str, root: Path) -> list[str]:
    """The files to read, below `root`, in order."""
    start = root if kind == "jpeg" else root / "images"
    suffix = JOBS[kind][1]
    if suffix == "/":  # a folder each
        return sorted(f"images/{entry.name}" for entry in os.scandir(start))
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
    rows = ROWS if kind in ("jpeg", "masks") else max(1, min(ROWS // PER_VOLUME, len(files) // processes))
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
    parser.add_argument("--bare", action="store_true", help="only decode")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    began, used = time.perf_counter(), cpu_seconds()
    if asked.bare:
        pictures = BARE[asked.kind](asked.folder, listed(asked.kind, asked.folder))
    else:
        pictures = run(asked.kind, asked.folder, asked.out, asked.processes)
    print(json.dumps({"pictures": pictures, "seconds": time.perf_counter() - began, "cpu": cpu_seconds() - used}))


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
