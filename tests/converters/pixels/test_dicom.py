from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut, apply_windowing
from pydicom.uid import HTJ2K, ExplicitVRLittleEndian, HTJ2KLossless, HTJ2KLosslessRPCL

from medloom.converters.pixels.dicom import render
from medloom.converters.pixels.dicom_decode import frames_of
from medloom.converters.pixels.dicom_file import numbers, read_dicom
from medloom.schemas.card import WindowChoice
from medloom.schemas.errors import BadInput

FOLDER = Path(pydicom.__file__).parent / "data/test_files"


def path(name):
    return Path(get_testdata_file(name, download=False))


def made(pixels, **attributes):
    """A secondary capture of given stored values, as bytes."""
    import io

    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


RAMP = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


@pytest.mark.parametrize("name", ["MR_small.dcm", "693_J2KI.dcm", "examples_overlay.dcm", "77654033/CT2/17106"])
def test_stated_windows_agree_with_pydicom(name):
    file = FOLDER / "dicomdirtests" / name if "/" in name else path(name)
    dataset = pydicom.dcmread(file)
    values = apply_modality_lut(dataset.pixel_array, dataset)
    shown = apply_windowing(values.astype(np.float64), dataset)  # spans the modality's own range
    low, high = apply_windowing(np.array([-1e9, 1e9]), dataset)
    expected = np.rint((shown - low) / (high - low) * 255)
    array, picture = render(file)
    assert np.abs(array.astype(float) - expected).max() <= 1
    assert picture.shown == "window:stated"


def test_one_picture_in_every_encoding_is_one_picture():
    names = ["MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit", "MR_small_jp2klossless",
             "MR_small_jpeg_ls_lossless", "MR_small_padded"]  # fmt: skip
    first, _ = render(path("MR_small.dcm"))
    for name in names:
        assert np.array_equal(render(path(f"{name}.dcm"))[0], first), name


@pytest.mark.parametrize(
    "name", ["SC_rgb_rle", "SC_rgb_dcmtk_+eb+cr", "SC_rgb_gdcm_KY", "SC_ybr_full_422_uncompressed", "SC_rgb_jpeg_gdcm"]
)
def test_colour_agrees_with_simpleitk(name):
    file = path(f"{name}.dcm")
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0]
    array, picture = render(file)
    assert (array.shape, picture.shown, picture.window) == ((100, 100, 3), "colour", None)
    assert np.abs(array.astype(int) - other.astype(int)).max() <= 3


def test_deep_colour_keeps_its_upper_bits():
    eight, sixteen, thirty_two = (render(path(f"SC_rgb_rle{bits}.dcm"))[0] for bits in ("", "_16bit", "_32bit"))
    assert np.array_equal(eight, sixteen)
    assert np.array_equal(eight, thirty_two)


def test_palettes():
    array, picture = render(path("examples_palette.dcm"))
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(path("examples_palette.dcm"))))[0]
    assert (array.shape, array.dtype, picture.shown) == ((350, 800, 3), np.uint8, "palette")
    if other.ndim == 3:
        assert np.abs(array.astype(int) - (other >> 8 if other.dtype == np.uint16 else other)).max() <= 1
    assert len(np.unique(array.reshape(-1, 3), axis=0)) > 100


def test_monochrome1_and_inverse_presentation_are_turned_once():
    window = {"WindowCenter": 2048, "WindowWidth": 4096, "BitsStored": 12, "HighBit": 11}
    plain, _ = render(made(RAMP, **window))
    assert (plain[0, 0], plain[-1, -1]) == (0, 255)
    for turned in (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ):
        array, picture = render(made(RAMP, **window, **turned))
        assert np.array_equal(array, 255 - plain), turned
        assert picture.inverted


def test_padding_is_black_whatever_the_turn():
    pixels = RAMP.copy()
    pixels[:8] = 4095
    for how in ("MONOCHROME1", "MONOCHROME2"):
        given = {"PixelPaddingValue": 4095, "PhotometricInterpretation": how, "WindowCenter": 2048, "WindowWidth": 4096}
        array, _ = render(made(pixels, **given))
        assert (array[:8] == 0).all()
        assert array[8:].max() > 200


def test_padding_does_not_move_the_percentiles():
    pixels = (RAMP % 500 + 1000).astype(np.int16)
    _, clean = render(made(pixels, Modality="MR"))
    pixels[:30] = -32768
    _, padded = render(made(pixels, Modality="MR", PixelPaddingValue=-32768))
    assert padded.window.how == "percentile"
    assert (padded.window.center, padded.window.width) == pytest.approx(
        (clean.window.center, clean.window.width), abs=5
    )


@pytest.mark.parametrize(
    ("attributes", "choice", "how", "window"),
    [
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}, None, "body_part:soft_tissue", (40, 400)),
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "BodyPartExamined": "HEAD"}, None,
         "body_part:brain", (40, 80)),
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": [30, 500],
          "WindowWidth": [100, 2000]}, None, "stated", (30, 100)),
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 30, "WindowWidth": 100},
         WindowChoice(preset="lung"), "preset:lung", (-600, 1500)),
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}, WindowChoice(center=1, width=2),
         "preset", (1, 2)),
        ({"Modality": "MR", "WindowCenter": 30, "WindowWidth": 100}, WindowChoice(preset="lung"), "stated", (30, 100)),
    ],
)  # fmt: skip
def test_which_window(attributes, choice, how, window):
    _, picture = render(made(RAMP, **attributes), window=choice)
    assert (picture.window.how, (picture.window.center, picture.window.width)) == (how, window)


def test_a_ct_without_rescale_is_not_taken_for_hounsfield_units():
    _, picture = render(made(RAMP, Modality="CT"))
    assert picture.window.how == "percentile"


def test_hounsfield_units_after_rescale():
    pixels = np.full((8, 8), 1064, np.uint16)  # 40 HU
    given = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400}
    assert abs(int(render(made(pixels, **given))[0][0, 0]) - 127) <= 1
    half = {**given, "RescaleSlope": 0.5, "RescaleIntercept": -492}
    assert abs(int(render(made(pixels, **half))[0][0, 0]) - 127) <= 1


def test_a_window_of_no_width_is_not_used():
    _, picture = render(made(RAMP, Modality="MR", WindowCenter=40, WindowWidth=0))
    assert picture.window.how == "percentile"
    assert any("not used" in note for note in picture.notes)


def test_eight_bits_are_grey_levels_already():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    array, picture = render(made(pixels))
    assert np.array_equal(array, pixels)
    assert (picture.shown, picture.window) == ("full range", None)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_voi_tables_agree_with_pydicom(bits):
    table = Dataset()
    entries = (np.linspace(0, 1, 4096) ** 2 * ((1 << bits) - 1)).astype(np.uint16)
    table.LUTDescriptor, table.LUTData = [4096, 0, bits], entries.tobytes()
    data = made(RAMP, BitsStored=12, HighBit=11, VOILUTSequence=[table], WindowCenter=1, WindowWidth=2)
    array, picture = render(data)
    import io

    dataset = pydicom.dcmread(io.BytesIO(data))
    expected = np.rint(apply_voi_lut(dataset.pixel_array, dataset) * (255 / ((1 << bits) - 1)))
    assert np.array_equal(array, expected.astype(np.uint8))
    assert (picture.shown, picture.window) == ("VOI LUT", None)


def test_where_a_slice_lies_agrees_with_simpleitk():
    file = path("CT_small.dcm")
    _, picture = render(file)
    image = sitk.ReadImage(str(file))
    for x, y in ((0, 0), (127, 0), (0, 127), (31, 77)):
        lps = np.array(image.TransformIndexToPhysicalPoint((x, y, 0)))
        assert picture.to_patient @ (x, y, 1) == pytest.approx(lps * (-1, -1, 1))
    assert picture.orientation == ("L", "P")
    assert picture.spacing_mm == pytest.approx(image.GetSpacing()[1::-1])


def test_spacing_goes_down_first():
    plane = {
        "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
        "ImagePositionPatient": [10, 20, 30],
        "PixelSpacing": [2, 0.5],
    }
    _, picture = render(made(RAMP, Modality="MR", **plane))
    assert (picture.spacing_mm, picture.orientation) == ((2, 0.5), ("P", "I"))
    assert picture.to_patient @ (4, 3, 1) == pytest.approx((-10, -22, 24))


@pytest.mark.parametrize(
    "attributes",
    [
        {"Modality": "DX", "PixelSpacing": [0.1, 0.1]},
        {"Modality": "DX", "ImagerPixelSpacing": [0.1, 0.1]},
        {"Modality": "MR", "PixelSpacing": [0, 1]},
        {"Modality": "MR"},
    ],
)
def test_no_spacing_in_the_patient_no_millimetre(attributes):
    assert render(made(RAMP, **attributes))[1].spacing_mm is None


def test_calibrated_projections_have_spacing_and_directions():
    given = {"Modality": "DX", "PixelSpacing": [0.1, 0.1], "PixelSpacingCalibrationType": "FIDUCIAL"}
    _, picture = render(made(RAMP, **given, PatientOrientation=["L", "F"]))
    assert (picture.spacing_mm, picture.orientation, picture.to_patient) == ((0.1, 0.1), ("L", "I"), None)


def test_nonsense_orientation_is_none():
    _, picture = render(made(RAMP, Modality="MR", ImageOrientationPatient=[1, 0, 0, 1, 0, 0], PixelSpacing=[1, 1]))
    assert (picture.orientation, picture.to_patient) == (None, None)


def test_enhanced_objects_state_things_by_frame():
    def item(**attributes):
        one = Dataset()
        for name, value in attributes.items():
            setattr(one, name, value)
        return one

    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[2, 3])],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=0)],
    )
    frames = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 10 * number])],
             FrameVOILUTSequence=[item(WindowCenter=100 * number, WindowWidth=50)])
        for number in (1, 2)
    ]  # fmt: skip
    pixels = np.stack([RAMP, RAMP])
    data = made(pixels, Modality="MR", NumberOfFrames=2, SharedFunctionalGroupsSequence=[shared],
                PerFrameFunctionalGroupsSequence=frames)  # fmt: skip
    _, picture = render(data, frame=1)
    assert (picture.window.center, picture.spacing_mm, picture.orientation) == (200, (2, 3), ("L", "P"))
    assert picture.to_patient @ (0, 0, 1) == pytest.approx((0, 0, 20))
    with pytest.raises(BadInput, match="no_frame"):
        render(data, frame=2)


def test_frames_are_stretched_alike():
    pixels = np.stack([RAMP, RAMP // 4])
    _, first = render(made(pixels, Modality="MR", NumberOfFrames=2), frame=0)
    _, second = render(made(pixels, Modality="MR", NumberOfFrames=2), frame=1)
    assert (first.window.how, first.window) == ("percentile", second.window)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_dicom"),
        (b"just words, and enough of them to fill the preamble of a file" * 9, "not_dicom"),
        (bytes(200), "not_dicom"),
        ("MR_truncated.dcm", "undecodable"),
        ("rtplan.dcm", "no_pixels"),
        ("badVR.dcm", "undecodable"),
        ("meta_missing_tsyntax.dcm", "undecodable"),
    ],
)
def test_what_can_not_be_shown(data, reason):
    with pytest.raises(BadInput) as caught:
        render(path(data) if isinstance(data, str) else data)
    assert caught.value.reason == reason


def test_a_picture_too_large_is_refused_before_it_is_decoded():
    data = made(RAMP, Rows=65535, Columns=65535)
    with pytest.raises(BadInput, match="decompression_bomb"):
        render(data)


def test_of_pydicoms_own_files_all_show_that_can():
    """Every file with pixels, but for those that are broken on purpose."""
    shown, refused = 0, {}
    for file in sorted(FOLDER.rglob("*")):
        if not file.is_file():
            continue
        try:
            array, _ = render(file)
            assert array.dtype == np.uint8
            assert array.ndim == 2 or array.shape[2] == 3
            shown += 1
        except BadInput as bad:
            if bad.reason not in ("not_dicom", "no_pixels"):
                refused[file.name] = bad.reason
    assert set(refused) == {
        "JPEG2000-embedded-sequence-delimiter.dcm", "MR_truncated.dcm", "badVR.dcm", "meta_missing_tsyntax.dcm",
        "nested_priv_SQ.dcm",
    }  # fmt: skip
    assert shown == 90


def encapsulated(data, frame, syntax):
    """The same object with its frame encoded."""
    import io

    from pydicom.encaps import encapsulate

    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("syntax", [HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL])
def test_high_throughput_jpeg_2000(syntax):
    plain = made(RAMP, WindowCenter=2048, WindowWidth=4096)
    frame = imagecodecs.htj2k_encode(RAMP, reversible=True)
    assert np.array_equal(render(encapsulated(plain, frame, syntax))[0], render(plain)[0])


def test_jpeg_of_twelve_bits_agrees_with_simpleitk():
    file = path("JPGExtended.dcm")
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0]
    assert np.array_equal(next(frames_of(read_dicom(file))), other)
    assert other.max() > 255


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
@pytest.mark.parametrize("spare", [0, 3])
def test_numbers_of_every_width_and_sign(dtype, spare):
    bits = 8 * np.dtype(dtype).itemsize - spare
    low = -(1 << (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    stored = np.linspace(low, low + (1 << bits) - 1, 64 * 64).round().astype(dtype).reshape(64, 64)
    window = {"WindowCenter": low + (1 << (bits - 1)), "WindowWidth": 1 << bits}
    array, picture = render(made(stored, BitsStored=bits, HighBit=bits - 1, **window))
    expected = (stored.astype(np.float64) - low) / ((1 << bits) - 1) * 255
    assert np.abs(array - expected).max() <= 0.51
    assert picture.shown == "window:stated"


def test_what_lies_above_the_stored_bits_is_no_pixel():
    """Old files keep an overlay there."""
    given = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 2048, "WindowWidth": 4096}
    clean, _ = render(made(RAMP, **given))
    assert np.array_equal(render(made(RAMP | 0x8000, **given))[0], clean)


def test_a_modality_table_comes_before_the_window():
    table = Dataset()
    table.LUTDescriptor, table.LUTData, table.ModalityLUTType = [4096, 0, 16], (4095 - RAMP.ravel()).tobytes(), "US"
    given = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 2048, "WindowWidth": 4096}
    turned, _ = render(made(RAMP, **given, ModalityLUTSequence=[table]))
    assert np.array_equal(turned, render(made(4095 - RAMP, **given))[0])


def test_sigmoid_and_exact_windows():
    given = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 2048, "WindowWidth": 1000}
    smooth, _ = render(made(RAMP, **given, VOILUTFunction="SIGMOID"))
    assert np.abs(smooth - 255 / (1 + np.exp(-4 * (RAMP - 2048.0) / 1000))).max() <= 0.51
    exact, _ = render(made(RAMP, **given, VOILUTFunction="LINEAR_EXACT"))
    assert np.abs(exact - ((RAMP - 1548.0) / 1000 * 255).clip(0, 255)).max() <= 0.51


@pytest.mark.parametrize("kind", ["FloatPixelData", "DoubleFloatPixelData"])
def test_floating_point_pixels(kind):
    import io

    values = (RAMP / 4095 * 1e-3).astype(np.float32 if kind == "FloatPixelData" else np.float64)
    dataset = pydicom.dcmread(
        io.BytesIO(made(RAMP, WindowCenter=5e-4, WindowWidth=1e-3, VOILUTFunction="LINEAR_EXACT"))
    )
    dataset.BitsAllocated = 8 * values.itemsize
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        del dataset[keyword]
    setattr(dataset, kind, values.tobytes())
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    array, picture = render(out.getvalue())
    assert np.abs(array - RAMP / 4095 * 255).max() <= 0.51
    assert picture.shown == "window:stated"


@pytest.mark.parametrize("change", [{"Columns": 65279}, {"Rows": 51}, {"BitsAllocated": 32}, {"SamplesPerPixel": 3}])
def test_a_jpeg_ls_frame_that_denies_its_data_set_never_reaches_the_decoder(change):
    """GDCM would end the process."""
    dataset = read_dicom(path("JPEGLSNearLossless_16.dcm"))
    for name, value in change.items():
        setattr(dataset, name, value)
    with pytest.raises(BadInput, match="corrupt: a JPEG-LS frame"):
        render(dataset)


def test_broken_values_are_no_numbers():
    assert numbers(b"12", 2) is None
    assert numbers([1, "2.5"], 2) == (1, 2.5)
    assert numbers([1, "nan"], 2) is None


def test_several_values_where_one_belongs_are_no_crash():
    several = read_dicom(made(RAMP, Modality=["CT", "MR"], PixelSpacing=[1, 2]))
    assert render(several)[1].spacing_mm == (1, 2)
    several.file_meta.TransferSyntaxUID = ["1.2.3", "1.2.4"]
    with pytest.raises(BadInput):
        render(several)
