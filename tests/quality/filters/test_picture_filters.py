"""Slices that repeat, colours that can't be, and what an embedding takes for one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from medloom.converters.pixels.raster import decode, reduce_grey
from medloom.converters.pixels.thumbnail import thumbnail
from medloom.quality.embedding import gradients, onnx_model
from medloom.quality.registry import load_filter
from medloom.schemas.appearance import Appearance
from medloom.schemas.errors import CatalogError
from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation


def small_model() -> Path:
    """A small network that ships in a package: rapidocr's classifier of text direction."""
    spec = importlib.util.find_spec("rapidocr")
    return sorted(Path(spec.origin).parent.rglob("*cls*.onnx"))[0]


@pytest.fixture(scope="module")
def films(data_dir):
    files = sorted((data_dir / "covid_cxr_gb" / "images").iterdir())[:12]
    return [np.asarray(decode(file.read_bytes())) for file in files]


def looks(pictures):
    return [Appearance(id=f"v{n}", thumb=thumbnail(reduce_grey(picture))) for n, picture in enumerate(pictures)]


def test_a_slice_that_shows_nothing_new_goes(kit, films):
    first, other = films[0], films[1]
    nearly = cv2.convertScaleAbs(first, alpha=1.0, beta=2)
    pictures = [first, nearly, other, first]
    cuts = [Derivation(plane="axial", slice_index=number) for number in range(3)]
    views = [kit.view(f"v{n}", source="s", sample="case", derivation=cut) for n, cut in enumerate(cuts)]
    views.append(kit.view("v3", source="s", sample="another", derivation=cuts[0]))
    rows = [kit.record(f"r{n}", views=(f"v{n}",)) for n in range(4)]
    rows.append(kit.record("both", views=("v1", "v2"), turns=kit.turns("Which?", "The first.", pictures=2)))
    assert kit.reasons("similar_slices", rows, views, looks(pictures)) == {"r1": "similar_slice"}
    assert kit.reasons("similar_slices", rows, views) == {}
    assert kit.reasons("similar_slices", rows[::-1], views[::-1], looks(pictures)) == {"r1": "similar_slice"}


@pytest.mark.parametrize(
    ("modality", "chroma", "reason"),
    [("xray", 40.0, "colour_in_grey_modality"), ("xray", 1.5, None), ("dermoscopy", 0.0, "no_colour"),
     ("dermoscopy", 60.0, None), ("ultrasound", 40.0, None), (None, 40.0, None), ("ct", None, None)],
)  # fmt: skip
def test_colours_are_held_against_the_modality(kit, reason_of, modality, chroma, reason):
    view = kit.view(acquisition=Acquisition(modality=modality))
    look = Appearance(id="v0", chroma=chroma)
    assert reason_of("modality", kit.record(), [view], looks=[look]) == reason
    one = load_filter("modality", {})
    (told,) = one.looks("r0", *kit.seen(one, [kit.record()], [view], [look]))
    assert (told.passed is False) == (reason is not None)


def test_an_embedding_finds_copies_and_tells_others_apart(kit, films):
    pictures = [*films, *(cv2.resize(film, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA) for film in films)]
    views = [kit.view(f"v{n}", source=f"s{n // len(films)}") for n in range(len(pictures))]
    rows = [kit.record(view.id, source=view.source, sample=view.sample, views=(view.id,)) for view in views]
    wanted = {f"v{n}": "embedding_duplicate" for n in range(len(films), len(pictures))}
    assert kit.reasons("embedding_duplicates", rows, views, looks(pictures)) == wanted
    assert kit.reasons("embedding_duplicates", rows, views) == {}
    found = kit.reasons("embedding_duplicates", rows, views, looks(pictures), model=str(small_model()), cosine=0.99)
    assert len(set(wanted) & set(found)) >= 10


def test_vectors_have_length_one_and_a_wrong_model_is_told(films, tmp_path):
    thumbs = np.stack([np.frombuffer(look.thumb, np.uint8).reshape(64, 64) for look in looks(films)])
    assert np.allclose(np.linalg.norm(gradients(thumbs), axis=1), 1)
    assert np.allclose(np.linalg.norm(onnx_model(small_model())(thumbs), axis=1), 1, atol=1e-5)
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(CatalogError, match="no ONNX model"):
        onnx_model(tmp_path / "no.onnx")
