"""Copies are found however they were made; other pictures, alike as they may be, are not taken for copies."""

from __future__ import annotations

import cv2
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.pixels.phash import phash
from medloom.converters.pixels.raster import decode, reduce_grey
from medloom.converters.pixels.thumbnail import thumbnail
from medloom.quality.components import components
from medloom.quality.hash_variants import ranks, variants
from medloom.quality.likeness import alike_pairs, clusters, copies
from medloom.quality.thumbs import borders
from tests.quality.planted import DISTORTIONS, distorted


@pytest.fixture(scope="module")
def films(data_dir):
    files = sorted((data_dir / "covid_cxr_gb" / "images").iterdir())[:24]
    fields = sorted((data_dir / "bccd_voc" / "BCCD" / "JPEGImages").glob("*.jpg"))[100:124]
    return [np.asarray(decode(file.read_bytes())) for file in (*files, *fields)]


def _thumb(picture):
    return thumbnail(reduce_grey(picture))


def test_the_hash_of_a_thumb_is_nearly_that_of_its_picture(films):
    of = variants(np.stack([np.frombuffer(_thumb(film), np.uint8).reshape(64, 64) for film in films[:8]]))
    true = np.array([phash(reduce_grey(film)) for film in films[:8]], np.uint64)
    assert np.bitwise_count(of.whole ^ true).max() <= 4


@pytest.mark.parametrize("how", DISTORTIONS)
def test_real_pictures_are_found_again_after_a_distortion(films, how):
    copies = [distorted(film, how, np.random.default_rng(number)) for number, film in enumerate(films)]
    thumbs = pl.Series([_thumb(picture) for picture in (*films, *copies)])
    first, second = alike_pairs(thumbs, pl.Series(range(len(thumbs))))
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    wanted = {(number, number + len(films)) for number in range(len(films))}
    assert len(wanted & found) >= len(wanted) - 1, sorted(wanted - found)
    assert len(found - wanted) <= 1, sorted(found - wanted)


def test_fewer_pairs_chain_the_same_together(films):
    many = [distorted(film, how, np.random.default_rng(7)) for film in films[::12] for how in DISTORTIONS]
    thumbs = [_thumb(picture) for picture in (*films, *many)]
    grey = [np.frombuffer(thumb, np.uint8) for thumb in thumbs]
    pictures = pl.DataFrame(
        {"thumb": thumbs, "phash": [f"{phash(one.reshape(64, 64)):016x}" for one in grey], "width": 64, "height": 64,
         "mean": [float(one.mean()) for one in grey], "std": [float(one.std()) for one in grey]}
    ).with_row_index("owner").with_columns(sha256=pl.format("{}", pl.col("owner") + 100))  # fmt: skip
    every, few = copies(pictures), copies(pictures, chained=True)
    assert len(few[0]) < len(every[0])
    assert components(len(pictures), *few).tolist() == components(len(pictures), *every).tolist()
    assert clusters(pictures).n_unique() < len(pictures)


def test_what_belongs_to_one_owner_is_not_compared(films):
    thumbs = pl.Series([_thumb(films[0])] * 3 + [None])
    assert [side.tolist() for side in alike_pairs(thumbs, pl.Series(["a", "a", "b", "b"]))] == [[0, 1], [2, 2]]


@given(st.tuples(*[st.integers(0, 40)] * 4), st.integers(0, 2**32 - 1))
def test_borders_are_measured_to_within_a_pixel_of_the_thumb(edges, seed):
    top, bottom, left, right = edges
    inner = np.random.default_rng(seed).integers(60, 256, (256, 200)).astype(np.uint8)
    padded = cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    small = cv2.resize(padded, (64, 64), interpolation=cv2.INTER_AREA)
    height, width = padded.shape
    wanted = np.array([top / height, bottom / height, left / width, right / width])
    assert np.abs(borders(small[None])[0] - wanted).max() < 1.1 / 64


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.8, 1.5]))
def test_ranks_do_not_change_with_a_rising_curve(seed, power):
    thumb = np.random.default_rng(seed).integers(0, 40, (1, 64, 64)).astype(np.uint8)
    curve = np.cumsum(1 + np.rint(4 * (np.arange(40) / 39) ** power)).astype(np.uint8)
    assert np.allclose(ranks(thumb), ranks(curve[thumb]))
