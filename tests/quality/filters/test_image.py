from __future__ import annotations

import cv2
import numpy as np
import pytest

from medloom.converters.pixels.picture import PicturePolicy, from_array, prepare
from medloom.converters.pixels.raster import decode
from medloom.quality.registry import load_filter
from medloom.schemas.appearance import Appearance

BROKEN = {
    "too_small": {"width": 31},
    "extreme_aspect": {"width": 640, "height": 64},
    "blank": {"std": 0.4, "mean": 128.0},
    "underexposed": {"dark": 0.998, "mean": 1.5, "std": 6.0},
    "overexposed": {"bright": 0.999, "mean": 254.0, "std": 5.0},
    "not_finite": {"mean": float("nan")},
}


def test_keeps_what_is_valid(kit):
    assert kit.reasons("image", kit.valid()) == {}


@pytest.mark.parametrize("reason", BROKEN)
def test_names_what_is_wrong_with_a_picture(kit, reason_of, reason):
    assert reason_of("image", kit.record(), [kit.view(**BROKEN[reason])]) == reason


def test_one_bad_picture_of_several_is_enough_and_others_are_not_touched(kit):
    rows = [
        kit.record("both", views=("v0", "v1"), turns=kit.turns("Which?", "The first.", pictures=2)),
        kit.record("good", views=("v0",)),
    ]
    assert kit.reasons("image", rows, [kit.view("v0"), kit.view("v1", std=0.0)]) == {"both": "blank"}


def test_blur_is_judged_on_request(kit, reason_of):
    soft = [kit.view(sharpness=60.0)]
    assert reason_of("image", kit.record(), soft) is None
    assert reason_of("image", kit.record(), soft, min_sharpness=70.0) == "blurred"


def test_a_parameter_moves_its_bound(kit, reason_of):
    assert reason_of("image", kit.record(), [kit.view(width=31)], min_side=16) is None


REAL = {
    "dsb2018_nuclei": "stage1_train/*/images/*.png",
    "bccd_voc": "BCCD/JPEGImages/*.jpg",
    "covid_cxr_gb": "images/*",
}


def of(kit, made, name):
    """View and Appearance of a prepared picture."""
    grey = {"mean": made.stats.mean, "std": made.stats.std, "sharpness": made.stats.sharpness}
    shares = {"dark": made.stats.dark_fraction, "bright": made.stats.bright_fraction}
    view = kit.view(name, width=made.width, height=made.height, **grey, **shares)
    return view, Appearance(id=name, thumb=made.thumb, chroma=made.chroma)


@pytest.mark.parametrize("source", REAL)
def test_keeps_real_pictures_however_dark(kit, data_dir, source):
    files = sorted((data_dir / source).glob(REAL[source]))[:40]
    assert files
    views, looks = zip(
        *(of(kit, prepare(file.read_bytes(), PicturePolicy()), file.name) for file in files), strict=True
    )
    rows = [kit.record(view.id, views=(view.id,)) for view in views]
    assert kit.reasons("image", rows, views, looks) == {}


def spoilt(how, picture, rng):
    side = min(picture.shape[:2])
    if how == "noise_only":
        return rng.integers(0, 256, picture.shape).astype(np.uint8)
    if how == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), side / 12)
    if how == "mostly_border":
        edge = 2 * max(picture.shape[:2])
        return cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    if how == "blank":
        return np.full_like(picture, 90)
    return np.zeros_like(picture) if how == "underexposed" else np.full_like(picture, 254)


@pytest.mark.parametrize("how", ["noise_only", "blurred", "mostly_border", "blank", "underexposed"])
def test_tells_what_was_done_to_a_real_radiograph(kit, data_dir, how):
    rng = np.random.default_rng(0)
    files = sorted((data_dir / "covid_cxr_gb" / "images").iterdir())[:6]
    for file in files:
        picture = np.asarray(decode(file.read_bytes()))
        view, look = of(kit, from_array(spoilt(how, picture, rng), PicturePolicy()), "v0")
        wanted = {"underexposed": "blank"}.get(how, how)
        assert kit.reasons("image", [kit.record()], [view], [look]) == {"r0": wanted}, file.name


def test_the_score_is_the_roughness_of_the_smoothest_picture(kit):
    both = kit.record("both", views=("v0", "v1"), turns=kit.turns("Which?", "The first.", pictures=2))
    found = kit.judgement("image", [both], [kit.view("v0"), kit.view("v1", sharpness=160.0)])
    assert found.scores.rows() == [("both", pytest.approx(160 / 40**2))]


def test_looks_say_value_bound_and_what_would_change_it(kit):
    one = load_filter("image", {"min_side": 60})
    looks = one.looks("r0", *kit.seen(one, [kit.record()]))
    (small,) = [look for look in looks if look.passed is False]
    assert (small.what, small.value, small.bound) == ("shorter side of v0", "48 px", "min_side ≥ 60")
    assert small.change == "min_side: 48 would keep it"
    assert next(look for look in looks if look.what.startswith("flat border")).passed is None  # nobody made a thumb
