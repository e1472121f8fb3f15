from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels import apply_windowing

from medloom.converters.pixels.window import CT_PRESETS, Window, apply_window, choose_window, percentile_window


def dataset(center: float, width: float, function: str) -> pydicom.Dataset:
    ds = pydicom.Dataset()
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = center, width, function
    ds.PhotometricInterpretation, ds.BitsStored, ds.PixelRepresentation = "MONOCHROME2", 16, 1
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    return ds


@pytest.mark.filterwarnings("ignore:overflow")  # pydicom's sigmoid
@given(
    st.integers(-1500, 1500), st.integers(2, 4000), st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.sampled_from([np.int16, np.int32, np.float32]), st.booleans(),
)  # fmt: skip
def test_the_three_functions_are_pydicoms(center, width, function, dtype, large):
    values = np.arange(-3000, 3000, 1 if large else 7).astype(dtype)
    values = np.concatenate([values] * 4) if large else values
    # pydicom spans the stored range (-32768 to 32767); ours is 0 to 255.
    expected = (apply_windowing(values, dataset(center, width, function)) + 32768) / 65535 * 255
    found = apply_window(values, center, width, function)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.501


def test_the_standards_own_corner_cases():
    values = np.array([-1, 0, 1, 2], np.int16)
    np.testing.assert_array_equal(apply_window(values, 1, 1), [0, 0, 255, 255])  # C.11.2.1.2.1: width 1 is a step
    np.testing.assert_array_equal(apply_window(np.array([0, 255]), 128, 256), [0, 255])
    np.testing.assert_array_equal(apply_window(np.array([0, 256]), 128, 256, "LINEAR_EXACT"), [0, 255])
    assert apply_window(np.array([np.nan, np.inf, -np.inf]), 0, 10, "LINEAR_EXACT").tolist() == [0, 255, 0]


@pytest.mark.parametrize(("function", "width"), [("LINEAR", 0.5), ("LINEAR", 0), ("LINEAR_EXACT", 0), ("SIGMOID", -1)])
def test_widths_that_the_standard_forbids(function, width):
    with pytest.raises(ValueError, match="width"):
        apply_window(np.zeros(3), 0, width, function)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.uint8, np.int32, np.float32, np.float64])
def test_percentiles_of_the_whole_volume_are_numpys(dtype, order):
    rng = np.random.default_rng(3)
    volume = np.clip(rng.gamma(3, 20, (40, 30, 20)), 0, 127).astype(dtype, order=order)
    if dtype in (np.int8, np.int32):
        volume -= 60  # values below 0
    kept = volume[volume > 0] if volume.min() == 0 else volume
    low, high = np.percentile(kept.astype(float), (0.5, 99.5))
    assert percentile_window(volume) == pytest.approx(((low + high) / 2, high - low), rel=1e-6)


def test_a_removed_background_does_not_move_the_window():
    rng = np.random.default_rng(4)
    brain = rng.normal(500, 50, (30, 30, 30)).astype(np.int16)
    padded = np.zeros((90, 90, 90), np.int16)
    padded[30:60, 30:60, 30:60] = brain
    assert percentile_window(padded) == pytest.approx(percentile_window(brain))
    hounsfield = brain - 1000  # negative values: a zero is a value like any other
    assert percentile_window(hounsfield)[0] == pytest.approx(percentile_window(brain)[0] - 1000)


def test_odd_volumes_have_a_window_too():
    assert percentile_window(np.zeros((3, 3, 3), np.int16)) == (0, 1)
    assert percentile_window(np.full((3, 3, 3), 5.0)) == (5, 1)
    assert percentile_window(np.array([np.nan, np.inf])) == (0, 1)
    assert percentile_window(np.array([np.nan, 1.0, 3.0]), 0, 100) == (2, 2)


def test_the_order_of_choice():
    volume = np.arange(1, 1002)
    assert choose_window("ct", "chest", (1, 2), "lung") == Window(-600, 1500, how="preset:lung")
    assert choose_window("ct", "chest", (1, 2), (3, 4)) == Window(3, 4, how="preset")
    assert choose_window("ct", "chest", (1, 2)) == Window(1, 2, how="stated")
    assert choose_window("CT", "HEAD") == Window(40, 80, how="body_part:brain")
    assert choose_window("ct", "Head/Neck") == Window(*CT_PRESETS["soft_tissue"], how="body_part:soft_tissue")
    assert choose_window("ct", None).how == "body_part:soft_tissue"
    mr = choose_window("mr", "brain", volume=volume)
    assert (mr.how, mr.function) == ("percentile", "LINEAR_EXACT")
    with pytest.raises(ValueError, match="no window"):
        choose_window("mr", "brain")
    with pytest.raises(KeyError):
        choose_window("ct", preset="nonsense")
