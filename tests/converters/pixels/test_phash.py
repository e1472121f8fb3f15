from __future__ import annotations

import cv2
import imagehash
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medloom.converters.pixels.phash import dhash, hamming, phash
from medloom.converters.pixels.raster import decode_grey_reduced


def test_real_pictures_hash_as_imagehash_does(data_dir):
    files = sorted((data_dir / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:60]
    files += sorted((data_dir / "covid_cxr_gb/images").glob("*.jpg"))[:20]
    distances = []
    for file in files:
        grey = decode_grey_reduced(file.read_bytes())
        distances.append(hamming(phash(grey), int(str(imagehash.phash(Image.fromarray(grey))), 16)))
    assert max(distances) <= 6
    assert np.mean(distances) < 2


def test_with_the_same_resampling_it_is_imagehash_bit_for_bit(data_dir):
    for file in sorted((data_dir / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:60]:
        small = cv2.resize(decode_grey_reduced(file.read_bytes()), (32, 32), interpolation=cv2.INTER_AREA)
        assert hamming(phash(small), int(str(imagehash.phash(Image.fromarray(small))), 16)) <= 1


def test_a_recoded_or_smaller_copy_is_near_and_another_picture_is_far(data_dir):
    files = sorted((data_dir / "covid_cxr_gb/images").glob("*.jpg"))[:12]
    hashes = []
    for file in files:
        image = Image.open(file).convert("L")
        full = np.asarray(image)
        smaller = np.asarray(image.resize((image.width * 3 // 5, image.height * 3 // 5), Image.Resampling.BICUBIC))
        recoded = cv2.imdecode(cv2.imencode(".jpg", full, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0)
        hashes.append(phash(full))
        assert hamming(phash(full), phash(smaller)) <= 4
        assert hamming(phash(full), phash(recoded)) <= 4
    assert len(set(hashes)) == len(hashes)


def test_hashes_of_every_size_fit_64_bits(pictures):
    for shape in ((1, 1), (1, 300), (9, 8), (64, 64), (500, 77)):
        for array in (pictures.scene(*shape, 1), np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
            assert 0 <= phash(array) < 1 << 64
            assert 0 <= dhash(array) < 1 << 64


def test_dhash_is_imagehash_s_on_a_picture_of_its_size(pictures):
    small = pictures.scene(8, 9, 1)
    assert dhash(small) == int(str(imagehash.dhash(Image.fromarray(small))), 16)


words = st.integers(0, 2**64 - 1)


@given(words, st.lists(words, min_size=1, max_size=9))
def test_hamming_counts_bits(one, many):
    found = hamming(one, np.array(many, np.uint64))
    assert found.tolist() == [(one ^ other).bit_count() for other in many]
    assert hamming(one, many[0]) == (one ^ many[0]).bit_count()
