"""The same jobs with `datasets.map` and py-data-juicer, on the same files. Runs in the peers' own environment.

    python peers.py datasets|loop_in_datasets|data_juicer jpeg|masks|volumes FOLDER OUT --processes N

``datasets`` and ``data_juicer`` do what their documentation shows: pictures through their own loaders (Pillow), hashes
by imagehash, volumes by nibabel. Neither has an operator for label maps or slices, so those functions are written here.
``loop_in_datasets`` maps the body of the plain loop, with its codecs: what is left is the framework's own share.
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import PIL.Image

sys.path.insert(0, str(Path(__file__).parent))
import loops

Row = dict[str, Any]


def jpeg(root: str, file: str, picture: PIL.Image.Image, data: bytes) -> Row:
    """Bytes pass; hashes of the decoded picture."""
    return {
        "image": {"bytes": data, "path": file}, "label": file.split("/", 1)[0], "width": picture.width,
        "height": picture.height, "sha256": hashlib.sha256(data).hexdigest(), "phash": str(imagehash.phash(picture)),
    }  # fmt: skip


def masks(root: str, file: str, picture: PIL.Image.Image, data: bytes) -> Row:
    """Resize, encode, boxes of the mask's components."""
    from scipy import ndimage

    drawn = Path(root, file.replace("images/", "masks/", 1)).read_bytes()
    scale = loops.SHORT_SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    small = picture.convert("RGB").resize(size, PIL.Image.Resampling.BILINEAR)
    stored = io.BytesIO()
    small.save(stored, "JPEG", quality=loops.QUALITY, subsampling=0)
    mask = np.asarray(PIL.Image.open(io.BytesIO(drawn)).resize(size, PIL.Image.Resampling.NEAREST))
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    return {
        "image": {"bytes": stored.getvalue(), "path": file}, "width": size[0], "height": size[1],
        "boxes": [[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(parts)],
        "sha256": hashlib.sha256(stored.getvalue()).hexdigest(), "phash": str(imagehash.phash(small)),
        "sources": [hashlib.sha256(data).hexdigest(), hashlib.sha256(drawn).hexdigest()],
    }  # fmt: skip


def volume(root: str, file: str) -> list[Row]:
    """Slices that show most, windowed, as PNG, with the boxes of the labels."""
    import nibabel
    from scipy import ndimage

    image = nibabel.load(Path(root, file))
    labels = np.asarray(nibabel.load(Path(root, file.replace("images/", "labels/", 1))).dataobj)
    values = np.asarray(image.dataobj)
    sources = [hashlib.sha256(Path(root, name).read_bytes()).hexdigest()
               for name in (file, file.replace("images/", "labels/", 1))]  # fmt: skip
    rows = []
    for index in loops._chosen(labels):
        low, high = loops.WINDOW[0] - loops.WINDOW[1] / 2, loops.WINDOW[0] + loops.WINDOW[1] / 2
        cut = values[::-1, ::-1, index].T
        picture = PIL.Image.fromarray(((np.clip(cut, low, high) - low) / (high - low) * 255).astype(np.uint8))
        stored = io.BytesIO()
        picture.save(stored, "PNG")
        drawn = labels[::-1, ::-1, index].T
        boxes = []
        for value in np.unique(drawn)[1:]:
            parts, _ = ndimage.label(drawn == value, np.ones((3, 3)))
            boxes += [[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(parts)]
        rows.append(
            {"image": {"bytes": stored.getvalue(), "path": f"{file}#{index}"}, "width": picture.width,
             "height": picture.height, "boxes": boxes, "sha256": hashlib.sha256(stored.getvalue()).hexdigest(),
             "phash": str(imagehash.phash(picture)), "sources": sources}
        )  # fmt: skip
    return rows


WORK = {"jpeg": jpeg, "masks": masks}


def features(kind: str) -> Any:
    """What a row holds."""
    from datasets import Features, Image, List, Value

    found: Row = {"image": Image(), "width": Value("int32"), "height": Value("int32"), "sha256": Value("string"),
                  "phash": Value("string")}  # fmt: skip
    if kind == "jpeg":
        return Features(found | {"label": Value("string")})
    return Features(found | {"boxes": List(List(Value("float64"))), "sources": List(Value("string"))})


def datasets_map(kind: str, root: str, out: Path, processes: int, through_loop: bool = False) -> int:
    """`Dataset.map` and `to_parquet`, in shards as the plain loop has them."""
    from datasets import Dataset

    files = loops.listed(kind, Path(root))

    def one(row: Row) -> Row:
        data = Path(root, row["file"]).read_bytes()
        return WORK[kind](root, row["file"], PIL.Image.open(io.BytesIO(data)), data)

    def several(batch: Row) -> Row:
        body = loops.JOBS[kind][0]
        if through_loop:
            rows = list(body(Path(root), batch["file"]))
        else:
            rows = [row for file in batch["file"] for row in volume(root, file)]
        return {name: [row[name] for row in rows] for name in features(kind)}

    whole = through_loop or kind == "volumes"
    made = Dataset.from_dict({"file": files}).map(
        several if whole else one, batched=whole, batch_size=100 if kind != "volumes" else 1,
        remove_columns=["file"], features=features(kind), num_proc=processes if processes > 1 else None,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(made), loops.ROWS):
        shard = made.select(range(first, min(len(made), first + loops.ROWS)))
        shard.to_parquet(str(out / f"{first:07d}.parquet"))
    return len(made)


def register(kind: str, root: str) -> None:
    """The operators that py-data-juicer lacks, added as its documentation says."""
    from data_juicer.ops import base_op
    from data_juicer.ops.base_op import OPERATORS, Mapper
    from data_juicer.utils.lazy_loader import LazyLoader
    from data_juicer.utils.mm_utils import load_image

    def refuse(package: str, *_: Any) -> None:
        raise ImportError(f"py-data-juicer wants to install {package} while it is being measured")

    LazyLoader._install_package = staticmethod(refuse)  # it would install torch, to empty a cache of GPUs
    base_op.free_models = lambda: None

    @OPERATORS.register_module("bench_mapper")
    class BenchMapper(Mapper):
        _batched_op = kind == "volumes"

        def process_single(self, sample: Row) -> Row:
            file = sample["images"][0]
            data = Path(file).read_bytes()
            found = WORK[kind](root, os.path.relpath(file, root), load_image(data), data)
            found["image"] = found["image"]["bytes"]
            return {**sample, **found}

        def process_batched(self, samples: Row) -> Row:
            rows = [row for files in samples["images"] for row in volume(root, os.path.relpath(files[0], root))]
            for row in rows:
                row["image"] = row["image"]["bytes"]
            return {name: [row[name] for row in rows] for name in rows[0]}


def data_juicer(kind: str, root: str, out: Path, processes: int) -> tuple[int, float, float]:
    """Its default executor over a configuration of one operator. Returns pictures, and clock and CPU at the start."""
    from loguru import logger

    logger.remove()
    register(kind, root)
    from data_juicer.config import init_configs
    from data_juicer.core.executor import DefaultExecutor

    logger.remove()
    out.mkdir(parents=True, exist_ok=True)
    listed = out / "files.jsonl"
    rows = [json.dumps({"text": "", "images": [str(Path(root, file))]}) for file in loops.listed(kind, Path(root))]
    listed.write_text("\n".join(rows) + "\n")
    config = out / "config.yaml"
    config.write_text(json.dumps({
        "dataset_path": str(listed), "export_path": str(out / "out.parquet"), "np": processes, "work_dir": str(out),
        "process": [{"bench_mapper": {}}], "use_cache": False, "open_tracer": False, "text_keys": "text",
        "event_logging": {"enabled": False},
    }))  # fmt: skip
    executor = DefaultExecutor(init_configs(["--config", str(config)]))
    logger.remove()
    began, used = time.perf_counter(), loops.cpu_seconds()
    made = executor.run()
    return len(made), began, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=("datasets", "loop_in_datasets", "data_juicer"))
    parser.add_argument("kind", choices=sorted(loops.JOBS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    os.environ["HF_HOME"] = str(asked.out.absolute() / "cache")
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = str(asked.folder.absolute())
    if asked.peer == "data_juicer":
        pictures, began, used = data_juicer(asked.kind, folder, asked.out.absolute(), asked.processes)
    else:
        import datasets

        datasets.disable_progress_bars()
        began, used = time.perf_counter(), loops.cpu_seconds()
        through_loop = asked.peer == "loop_in_datasets"
        pictures = datasets_map(asked.kind, folder, asked.out.absolute(), asked.processes, through_loop)
    seconds = time.perf_counter() - began
    line = json.dumps({"pictures": pictures, "seconds": seconds, "cpu": loops.cpu_seconds() - used})
    os.write(1, f"\n{line}\n".encode())  # py-data-juicer takes sys.stdout for its log


if __name__ == "__main__":
    main()
