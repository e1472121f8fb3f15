from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull
from skimage import measure

from medloom.converters.pixels import measure as ours

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)).filter(lambda m: m.any())
spacings = st.tuples(st.floats(0.2, 3), st.floats(0.2, 3))


def disc(diameter_mm: float, spacing, margin: float = 1.2):
    """A disc of this diameter in mm on a grid of this spacing (down, right), its centre off the pixels' centres."""
    down, right = spacing
    height, width = int(diameter_mm * margin / down) + 4, int(diameter_mm * margin / right) + 4
    y, x = ((np.arange(n) + 0.5) * s for n, s in ((height, down), (width, right)))
    cy, cx = height * down / 2 + 0.13, width * right / 2 - 0.21
    return ((y[:, None] - cy) ** 2 + (x - cx) ** 2) <= (diameter_mm / 2) ** 2


def ellipse(major_mm: float, minor_mm: float, angle_deg: float, spacing):
    """A full ellipse in mm, its major axis turned clockwise from the picture's right."""
    down, right = spacing
    height, width = int(major_mm * 1.2 / down) + 4, int(major_mm * 1.2 / right) + 4
    y = (np.arange(height)[:, None] + 0.5) * down - height * down / 2
    x = (np.arange(width)[None] + 0.5) * right - width * right / 2
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = x * c + y * s, y * c - x * s
    return (along / (major_mm / 2)) ** 2 + (across / (minor_mm / 2)) ** 2 <= 1


def rectangle(length_mm: float, width_mm: float, angle_deg: float, spacing):
    """A full rectangle in mm, its length turned clockwise from the picture's right."""
    down, right = spacing
    side = np.hypot(length_mm, width_mm) * 1.2
    height, width = int(side / down) + 4, int(side / right) + 4
    y = (np.arange(height)[:, None] + 0.5) * down - height * down / 2
    x = (np.arange(width)[None] + 0.5) * right - width * right / 2
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return (np.abs(x * c + y * s) <= length_mm / 2) & (np.abs(y * c - x * s) <= width_mm / 2)


ANISOTROPIC = [(1.0, 1.0), (0.8, 2.5), (2.5, 0.8), (0.35, 0.35)]


@pytest.mark.parametrize("spacing", ANISOTROPIC)
@pytest.mark.parametrize("diameter", [20.0, 61.3])
def test_a_disc_has_its_diameter_in_every_measure(spacing, diameter):
    mask = disc(diameter, spacing)
    step = max(spacing)
    found = ours.feret(mask, spacing)
    assert found.long_mm == pytest.approx(diameter, abs=step)
    assert found.short_mm == pytest.approx(diameter, abs=step)
    axes = ours.ellipse_axes(mask, spacing)
    assert (axes.major_mm, axes.minor_mm) == pytest.approx((diameter, diameter), rel=0.03)
    assert ours.equivalent_diameter_mm(mask, spacing) == pytest.approx(diameter, rel=0.02)
    assert ours.area_mm2(mask, spacing) == pytest.approx(np.pi * diameter**2 / 4, rel=0.03)


@pytest.mark.parametrize("spacing", ANISOTROPIC)
@pytest.mark.parametrize("angle", [-80, -45, -10, 0, 15, 33, 60, 90])
def test_an_ellipse_has_its_axes_however_it_is_turned(spacing, angle):
    mask = ellipse(60, 24, angle, spacing)
    axes = ours.ellipse_axes(mask, spacing)
    assert axes.major_mm == pytest.approx(60, rel=0.02)
    assert axes.minor_mm == pytest.approx(24, rel=0.035)
    assert (axes.angle_deg - angle + 90) % 180 - 90 == pytest.approx(0, abs=1.5)
    found = ours.feret(mask, spacing)
    assert found.long_mm == pytest.approx(60, abs=max(spacing))
    assert found.short_mm == pytest.approx(24, abs=1.2 * max(spacing))


@pytest.mark.parametrize("spacing", ANISOTROPIC)
@pytest.mark.parametrize("angle", [0, 20, 45, 75, 90, 130])
def test_a_turned_rectangle_has_its_diagonal_and_the_chord_across_it(spacing, angle):
    length, width = 50.0, 20.0
    found = ours.feret(rectangle(length, width, angle, spacing), spacing)
    diagonal = np.hypot(length, width)
    # The longest line perpendicular to a diagonal runs from a long side to the other: width / cos(its tilt).
    across = width / np.cos(np.arctan2(width, length))
    assert found.long_mm == pytest.approx(diagonal, abs=1.2 * max(spacing))
    assert found.short_mm == pytest.approx(across, abs=1.6 * max(spacing))


def test_one_pixel_and_a_line_of_pixels_have_their_own_size():
    one = np.zeros((5, 7), bool)
    one[2, 3] = True
    assert ours.feret(one, (1, 1)).long_mm == 1
    assert ours.feret(one, (0.8, 2.5)).long_mm == 2.5
    assert ours.feret(one, (0.8, 2.5)).short_mm == pytest.approx(0.8)
    line = np.zeros((5, 20), bool)
    line[2, 4:14] = True
    found = ours.feret(line, (1, 0.5))
    assert found.long_mm == 5
    assert found.long_ends == ((4, 2.5), (14, 2.5))
    axes = ours.ellipse_axes(line, (1, 0.5))
    # A bar of length L has variance L²/12: 4·√(L²/12).
    assert (axes.major_mm, axes.minor_mm) == pytest.approx((4 * 5 / np.sqrt(12), 4 / np.sqrt(12)))


@given(masks, spacings)
def test_feret_is_the_brute_force_over_all_edge_midpoints(mask, spacing):
    y, x = np.nonzero(mask)
    midpoints = np.concatenate([np.stack([x + a, y + b], 1) for a, b in ((0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1))])
    points = midpoints * (spacing[1], spacing[0])
    longest = max(np.hypot(*(p - q)) for p, q in itertools.combinations(points[ConvexHull(points).vertices], 2))
    found = ours.feret(mask, spacing)
    assert found.long_mm == pytest.approx(longest)
    ends = np.array(found.long_ends) * (spacing[1], spacing[0])
    assert np.hypot(*(ends[0] - ends[1])) == pytest.approx(longest)


@settings(deadline=None)
@given(masks, spacings)
def test_the_short_axis_is_the_longest_chord_at_right_angles(mask, spacing):
    found = ours.feret(mask, spacing)
    scale = np.array((spacing[1], spacing[0]))
    long, short = np.array(found.long_ends) * scale, np.array(found.short_ends) * scale
    assert np.hypot(*(short[0] - short[1])) == pytest.approx(found.short_mm, abs=1e-9)
    assert (long[1] - long[0]) @ (short[1] - short[0]) == pytest.approx(0, abs=1e-6 * found.long_mm**2)
    assert found.short_mm <= found.long_mm * (1 + 1e-9)
    # Independent: clip the hull by many perpendicular lines (the chord's length is concave along the axis).
    y, x = np.nonzero(mask)
    midpoints = np.concatenate([np.stack([x + a, y + b], 1) for a, b in ((0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1))])
    hull = ConvexHull(midpoints * scale)
    axis = (long[1] - long[0]) / found.long_mm
    normal = np.array((-axis[1], axis[0]))
    best = 0.0
    for share in np.linspace(0.001, 0.999, 400):
        base = long[0] + share * (long[1] - long[0])
        a, b = hull.equations[:, :2] @ normal, hull.equations[:, :2] @ base + hull.equations[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = -b / a
        best = max(best, t[a > 1e-12].min() - t[a < -1e-12].max())
    assert best <= found.short_mm * (1 + 1e-6) + 1e-9
    assert best >= found.short_mm * 0.97


@given(masks, spacings, st.integers(0, 3), st.booleans())
def test_turning_and_mirroring_change_no_length(mask, spacing, turns, mirror):
    turned = np.rot90(mask[:, ::-1] if mirror else mask, turns)
    turned_spacing = spacing if turns % 2 == 0 else spacing[::-1]
    assert ours.feret(turned, turned_spacing).long_mm == pytest.approx(ours.feret(mask, spacing).long_mm)
    one, other = ours.ellipse_axes(mask, spacing), ours.ellipse_axes(turned, turned_spacing)
    assert (one.major_mm, one.minor_mm) == pytest.approx((other.major_mm, other.minor_mm), abs=1e-6)


@given(masks, spacings)
def test_the_ellipse_is_scikit_images_with_the_pixels_own_extent(mask, spacing):
    region = measure.regionprops(mask.astype(np.uint8), spacing=spacing)[0]
    moments = region.moments_central
    covariance = np.array([[moments[2, 0], moments[1, 1]], [moments[1, 1], moments[0, 2]]]) / moments[0, 0]
    plain = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0)) * 4
    assert plain[::-1] == pytest.approx((region.axis_major_length, region.axis_minor_length), abs=1e-5)
    minor, major = np.sqrt(np.linalg.eigvalsh(covariance + np.diag(np.square(spacing)) / 12)) * 4
    found = ours.ellipse_axes(mask, spacing)
    assert (found.major_mm, found.minor_mm) == pytest.approx((major, minor), rel=1e-6)


@given(masks, spacings)
def test_area_centroid_and_diameter_are_scikit_images(mask, spacing):
    region = measure.regionprops(mask.astype(np.uint8), spacing=spacing)[0]
    assert ours.area_mm2(mask, spacing) == pytest.approx(region.area)
    assert ours.equivalent_diameter_mm(mask, spacing) == pytest.approx(region.equivalent_diameter_area)
    x, y = ours.centroid(mask)
    assert ((y - 0.5) * spacing[0], (x - 0.5) * spacing[1]) == pytest.approx(region.centroid)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.8, 2.5)])
def test_convex_shapes_have_scikit_images_feret_diameter(spacing):
    for mask in (disc(40, spacing), ellipse(60, 24, 33, spacing), rectangle(50, 20, 20, spacing)):
        region = measure.regionprops(mask.astype(np.uint8), spacing=spacing)[0]
        # Theirs goes round the hull after drawing it in pixels.
        hull = region.image_convex
        assert ours.feret(hull, spacing).long_mm == pytest.approx(region.feret_diameter_max)
        grown = max(np.hypot(*spacing), 0)
        assert 0 <= region.feret_diameter_max - ours.feret(mask, spacing).long_mm <= grown


def test_a_real_lesion_agrees_with_simpleitk(data_dir):
    from medloom.converters.pixels.volume import read_nifti

    path = data_dir / "sct_testing/t2/t2_fake_lesion_lesion_seg.nii.gz"
    volume = read_nifti(path)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(sitk.ReadImage(str(path)))
    labels = shapes.GetLabels()
    assert labels
    for label in labels:
        mask = volume.values() == label
        assert ours.volume_mm3(mask, volume.affine) == pytest.approx(shapes.GetPhysicalSize(label), rel=1e-5)
        assert ours.volume_mm3(mask, volume.spacing) == pytest.approx(shapes.GetPhysicalSize(label), rel=1e-5)


@pytest.mark.parametrize("angle", [0, 30, 75])
def test_a_2d_mask_agrees_with_simpleitk(angle):
    spacing = (0.8, 2.5)
    mask = ellipse(60, 24, angle, spacing)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing((2.5, 0.8))
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputeFeretDiameterOn()
    shapes.Execute(image)
    assert ours.area_mm2(mask, spacing) == pytest.approx(shapes.GetPhysicalSize(1))
    # Theirs joins the centres of the outermost pixels: short of ours by at most one pixel's diagonal.
    longest = ours.feret(mask, spacing).long_mm
    assert 0 <= longest - shapes.GetFeretDiameter(1) <= np.hypot(*spacing)
    minor, major = shapes.GetPrincipalMoments(1)
    found = ours.ellipse_axes(mask, spacing)
    assert (found.major_mm, found.minor_mm) == pytest.approx((4 * major**0.5, 4 * minor**0.5), abs=0.3)


def test_the_largest_diameter_of_a_bent_shape_spans_its_ends():
    y, x = np.mgrid[:60, :60] - 30.2
    radius = np.hypot(x, y)
    horseshoe = (radius > 23.5) & (radius < 26.5) & (y > 0)
    found = ours.feret(horseshoe, (1, 1))
    assert found.long_mm == pytest.approx(53, abs=1)
    assert found.short_mm == pytest.approx(26.5, abs=1)  # of its hull: from the opening to the bottom of the bend


points2 = st.tuples(st.floats(-100, 100), st.floats(-100, 100))
points3 = st.tuples(*[st.floats(-100, 100)] * 3)


@given(points2, points2, spacings)
def test_distance_on_a_picture(p, q, spacing):
    expected = np.hypot((p[0] - q[0]) * spacing[1], (p[1] - q[1]) * spacing[0])
    assert ours.distance_mm(p, q, spacing) == pytest.approx(expected)


@given(points3, points3, st.floats(0, 3))
def test_distance_in_a_volume_is_simpleitks(p, q, tilt):
    spacing = (0.7, 1.3, 2.9)
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    image = sitk.Image(3, 3, 3, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    image.SetDirection(turn.ravel().tolist())
    expected = np.linalg.norm(
        np.subtract(image.TransformContinuousIndexToPhysicalPoint(p), image.TransformContinuousIndexToPhysicalPoint(q))
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    assert ours.distance_mm(p, q, affine) == pytest.approx(expected, abs=1e-9)
    assert ours.distance_mm(p, q, spacing) == pytest.approx(expected, abs=1e-9)


@given(st.floats(-180, 180), st.floats(-180, 180), spacings)
def test_angles_are_acute_and_in_mm(one, other, spacing):
    lines = []
    for angle in (one, other):
        direction = np.array((np.cos(np.radians(angle)), np.sin(np.radians(angle)))) * 40
        lines.append(((3.0, 4.0), (3.0 + direction[0] / spacing[1], 4.0 + direction[1] / spacing[0])))
    between = abs(one - other) % 180
    expected = min(between, 180 - between)
    assert ours.angle_deg(lines[0], lines[1], spacing) == pytest.approx(expected, abs=1e-5)
    assert ours.angle_deg(lines[0], lines[1][::-1], spacing) == pytest.approx(expected, abs=1e-5)


def test_wrong_pairs_of_points_and_spacing_are_refused():
    for p, q, space in (((0, 0), (1, 1, 1), (1, 1)), ((0, 0), (1, 1), (1, 1, 1)), ((0, 0), (1, 1), np.eye(4))):
        with pytest.raises(ValueError, match="coordinates"):
            ours.distance_mm(p, q, space)
    with pytest.raises(ValueError, match="no length"):
        ours.angle_deg(((0, 0), (0, 0)), ((0, 0), (1, 1)), (1, 1))


def test_no_spacing_no_millimetre():
    mask = np.ones((3, 3), bool)
    for function in (ours.area_mm2, ours.equivalent_diameter_mm, ours.feret, ours.ellipse_axes):
        with pytest.raises(ValueError, match="no spacing"):
            function(mask, None)
    with pytest.raises(ValueError, match="no spacing"):
        ours.distance_mm((0, 0), (1, 1), None)
    with pytest.raises(ValueError, match="no spacing"):
        ours.angle_deg(((0, 0), (1, 1)), ((0, 0), (1, 0)), None)


def test_an_empty_mask_has_no_measure():
    for function in (ours.feret, ours.ellipse_axes):
        with pytest.raises(ValueError, match="empty"):
            function(np.zeros((3, 3)), (1, 1))
    with pytest.raises(ValueError, match="empty"):
        ours.centroid(np.zeros((3, 3)))
    assert ours.area_mm2(np.zeros((3, 3)), (1, 1)) == 0


@pytest.mark.parametrize(
    ("point", "grid", "quadrant", "side"),
    [((1, 1), "upper left", "upper left", "left"), ((45, 30), "centre", "lower right", "right"),
     ((89.9, 59.9), "lower right", "lower right", "right"), ((30, 5), "upper centre", "upper left", "left"),
     ((90, 60), "lower right", "lower right", "right"), ((5, 29), "middle left", "upper left", "left")],
)  # fmt: skip
def test_places_have_words(point, grid, quadrant, side):
    found = ours.place(point, 90, 60)
    assert (found.grid, found.quadrant, found.side) == (grid, quadrant, side)


@given(st.floats(0, 99), st.integers(1, 99))
def test_mirroring_a_picture_swaps_its_sides(x, width):
    assume(x < width and abs(2 * x - width) > 1e-9 and abs(3 * x - width) > 1e-9 and abs(3 * x - 2 * width) > 1e-9)
    words = {"left": "right", "right": "left", "centre": "centre"}
    one, other = ours.place((x, 1), width, 90), ours.place((width - x, 1), width, 90)
    assert one.side == words[other.side]
    assert one.grid.split()[1] == words[other.grid.split()[1]]


def test_the_patients_side_needs_an_orientation():
    assert ours.patient_side((80, 5), 100, ("L", "P")) == "left"
    assert ours.patient_side((20, 5), 100, ("L", "P")) == "right"
    assert ours.patient_side((20, 5), 100, ("R", "P")) == "left"
    assert ours.patient_side((20, 5), 100, ("P", "I")) is None
    assert ours.patient_side((20, 5), 100, None) is None
