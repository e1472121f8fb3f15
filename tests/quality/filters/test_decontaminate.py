from __future__ import annotations

import numpy as np
import pytest

from medloom.quality.benchmark_index import About, IndexMaker, read_index
from medloom.quality.registry import load_filter
from medloom.schemas.appearance import THUMB_SIDE, Appearance
from medloom.schemas.errors import CatalogError


def noise(seed):
    import cv2

    small = np.random.default_rng(seed).integers(0, 255, (9, 9), np.uint8)
    return cv2.resize(small, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def index(tmp_path):
    maker = IndexMaker(About(name="Exam 2", licence="CC-BY-4.0"))
    maker.add_pictures(["ab" * 32, "cd" * 32], np.stack([noise(1), noise(2)]))
    asked = [f"which of the many structures number {number} is shown here" for number in range(3)]
    maker.add_texts(asked, [f"{text} and the answer is the left upper lobe" for text in asked])
    maker.write(tmp_path / "exam.index.parquet")
    return tmp_path


def apply(kit, folder, rows, views, looks, **params):
    one = load_filter("decontaminate", {"against": ["exam.index.parquet"], **params}, folder)
    dropped = one.drops(*kit.seen(one, rows, views, looks))
    return dict(dropped.select("record", "reason").iter_rows())


def test_each_kind_drops_under_the_name_of_the_benchmark(kit, index):
    views = [
        kit.view("a", sha256="ab" * 32),
        kit.view("b", sha256="11" * 32),
        kit.view("c", sha256="22" * 32),
    ]
    looks = [Appearance(id=name, thumb=noise(seed).tobytes()) for name, seed in (("a", 7), ("b", 2), ("c", 9))]
    told = kit.change(
        kit.record("r4", views=("c",)),
        turns=kit.turns("Which of the many structures, number 1, is shown here?", "Lung."),
    )
    rows = [kit.record(f"r{n}", views=(name,)) for n, name in ((1, "a"), (2, "b"), (3, "c"))]
    found = apply(kit, index, [*rows, told], views, looks)
    assert found == {"r1": "exact_exam_2", "r2": "perceptual_exam_2", "r4": "text_exam_2"}
    assert apply(kit, index, rows, views, looks, kinds=["exact"]) == {"r1": "exact_exam_2"}


def test_another_index_is_another_version_and_a_wrong_one_is_told(index):
    first = load_filter("decontaminate", {"against": ["exam.index.parquet"]}, index).fingerprint()
    maker = IndexMaker(About(name="Exam 2"))
    maker.add_pictures(["ef" * 32], noise(5)[None])
    maker.write(index / "other.index.parquet")
    assert load_filter("decontaminate", {"against": ["other.index.parquet"]}, index).fingerprint() != first
    with pytest.raises(CatalogError, match=r"no benchmark index at .*gone"):
        load_filter("decontaminate", {"against": ["gone.parquet"]}, index)
    (index / "text.parquet").write_text("no")
    with pytest.raises(CatalogError, match="can't be read as a benchmark index"):
        load_filter("decontaminate", {"against": ["text.parquet"]}, index)


def test_the_same_benchmark_gives_the_same_bytes_and_its_texts_are_not_in_them(index):
    data = (index / "exam.index.parquet").read_bytes()
    assert b"structures" not in data and b"lobe" not in data
    assert read_index(index / "exam.index.parquet").about.pictures == 2
