from __future__ import annotations

import pytest

from medloom.schemas.view import View

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
    soft = [kit.view(sharpness=3.0)]
    assert reason_of("image", kit.record(), soft) is None
    assert reason_of("image", kit.record(), soft, min_sharpness=5.0) == "blurred"


def test_a_parameter_moves_its_bound(kit, reason_of):
    assert reason_of("image", kit.record(), [kit.view(width=31)], min_side=16) is None


REAL = {
    "dsb2018_nuclei": "stage1_train/*/images/*.png",
    "bccd_voc": "BCCD/JPEGImages/*.jpg",
    "covid_cxr_gb": "images/*",
}


@pytest.mark.parametrize("source", REAL)
def test_keeps_real_pictures_however_dark(kit, data_dir, source):
    from medloom.converters.pixels.picture import PicturePolicy, prepare

    files = sorted((data_dir / source).glob(REAL[source]))[:40]
    assert files
    views = []
    for file in files:
        made = prepare(file.read_bytes(), PicturePolicy())
        grey = {"mean": made.stats.mean, "std": made.stats.std, "sharpness": made.stats.sharpness}
        shares = {"dark": made.stats.dark_fraction, "bright": made.stats.bright_fraction}
        views.append(kit.view(file.name, width=made.width, height=made.height, **grey, **shares))
    assert all(isinstance(view, View) for view in views)
    rows = [kit.record(view.id, views=(view.id,)) for view in views]
    assert kit.reasons("image", rows, views) == {}
