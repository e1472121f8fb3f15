"""Series: sorted by position, and what is missing, doubled, mixed or beside the point is found and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medloom.converters.identity.dicom_profile import CAPTURED, DECLARED
from medloom.converters.pixels.dicom_series import read_series
from medloom.converters.registry import load_converter
from medloom.schemas.errors import BadInput

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
EVEN = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
PLAIN = {"states": []}


def reasons(refusals) -> list[tuple[str, str]]:
    return sorted((one.reason, one.detail) for one in refusals)


def hu(volume) -> list[int]:
    """The one value of each slice."""
    return [int(volume.data[0, 0, k]) for k in range(volume.shape[2])]


@pytest.fixture
def listed(tmp_path: Path, make_card, read):
    def run(**params):
        return read(tmp_path, make_card("dicom_series", PLAIN | params, modality="ct"))

    return run


def volume_of(sample, root: Path, number: int = 0):
    media = sample.media[number]
    return read_series([root / file for file in media.files], media.frame)


def test_slices_go_by_position_not_by_name_or_number(tmp_path: Path, scanner, listed) -> None:
    places = [6.0, 0.0, 10.0, 4.0, 2.0, 8.0]
    made = scanner.series(tmp_path / "ct", places)
    (sample,), refusals = listed()
    volume = volume_of(sample, tmp_path)
    assert not refusals and sample.key == "ct"
    by_place = sorted(zip(places, range(6), strict=True))
    assert hu(volume) == [10 * number for _, number in by_place]
    assert [one for one, _ in volume.series.instances] == [str(made[number].SOPInstanceUID) for _, number in by_place]
    assert volume.affine @ (0, 0, 5, 1) == pytest.approx((10, 20, 10, 1))


@pytest.mark.parametrize(
    ("places", "reason", "word"),
    [
        ([0, 2, 4, 8, 10], "series_gap", "1 of 6 slices are missing, after 4.00 mm"),
        ([0, 2, 4, 4, 6], "duplicate_positions", "1 slices lie where another one does"),
        ([0, 2, 4.7, 6, 8], "uneven_spacing", "from"),
    ],
)
def test_what_is_no_even_volume_is_told(places, reason, word, tmp_path: Path, scanner, listed) -> None:
    for number, z in enumerate(places):  # the second of two in one place is another instance
        scanner.slice(np.full((8, 8), 1000 + number), (0, 0, z), ImageComments=str(number)).save_as(
            tmp_path / f"{number}.dcm", enforce_file_format=True
        )
    samples, ((found, told),) = listed()[0], reasons(listed()[1])
    assert not samples
    assert found == reason and told.startswith(word)


def test_a_series_with_a_gap_may_be_split_into_runs(tmp_path: Path, scanner, listed) -> None:
    scanner.series(tmp_path / "ct", [0, 2, 4, 10, 12])
    (sample,), refusals = listed(gaps="split")
    assert not refusals
    assert [len(media.files) for media in sample.media] == [3, 2]
    assert hu(volume_of(sample, tmp_path)) == [0, 10, 20] and hu(volume_of(sample, tmp_path, 1)) == [30, 40]


def test_a_slice_that_is_there_twice_is_taken_once(tmp_path: Path, scanner, listed) -> None:
    made = scanner.series(tmp_path / "ct", EVEN)
    made[2].save_as(tmp_path / "ct" / "copy.dcm", enforce_file_format=True)
    (sample,), refusals = listed()
    assert not refusals and len(sample.media[0].files) == 6
    assert any("is there twice and was taken once" in note for note in sample.notes)


def test_orientations_are_parted_and_localisers_left_out(tmp_path: Path, scanner, listed) -> None:
    scanner.series(tmp_path, EVEN)
    for number in range(3):
        pixels = np.full((24, 32), 1500 + number)
        across = scanner.slice(pixels, (0, 3.0 * number, 0), axes=CORONAL)
        across.save_as(tmp_path / f"coronal{number}.dcm", enforce_file_format=True)
        kind = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        scout = scanner.slice(pixels, (5.0 * number, 0, 0), axes=(0, 1, 0, 0, 0, -1), ImageType=kind)
        scout.save_as(tmp_path / f"scout{number}.dcm", enforce_file_format=True)
    (sample,), refusals = listed()
    assert [len(media.files) for media in sample.media] == [6, 3]
    assert [one.reason for one in refusals] == ["localiser"] and refusals[0].part
    assert hu(volume_of(sample, tmp_path, 1)) in ([476, 477, 478], [478, 477, 476])
    (sample,), refusals = listed(localisers=True)
    assert [len(media.files) for media in sample.media] == [6, 3, 3] and not refusals
    with pytest.raises(BadInput, match="mixed_series"):
        read_series(sorted(tmp_path.glob("*.dcm")))


def test_echoes_of_one_place_are_volumes_of_their_own(tmp_path: Path, scanner, listed) -> None:
    for echo in (4.6, 9.2):
        for number, z in enumerate(EVEN):
            one = scanner.slice(np.full((8, 8), 1024 + number + int(echo)), (0, 0, z), EchoTime=echo)
            one.save_as(tmp_path / f"{number}_{echo}.dcm", enforce_file_format=True)
    (sample,), refusals = listed()
    assert not refusals and [media.role for media in sample.media] == ["EchoTime=4.6", "EchoTime=9.2"]
    assert hu(volume_of(sample, tmp_path, 1)) == [9, 10, 11, 12, 13, 14]


def test_two_patients_under_one_series_are_refused(tmp_path: Path, scanner, listed) -> None:
    scanner.series(tmp_path / "a", EVEN[:3])
    scanner.series(tmp_path / "b", EVEN[3:], PatientID="P2")
    samples, refusals = listed()
    assert not samples and [one.reason for one in refusals] == ["mixed_patients"]


def test_slices_that_dont_say_where_they_lie(tmp_path: Path, scanner, listed) -> None:
    for number in range(3):
        one = scanner.slice(np.full((8, 8), 1024), (0, 0, number))
        del one.ImagePositionPatient
        one.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    samples, refusals = listed()
    assert not refusals and [one.media[0].kind for one in samples] == ["picture"] * 3
    samples, refusals = listed(flat="refuse")
    assert not samples and {one.reason for one in refusals} == {"not_a_series"}
    with pytest.raises(BadInput, match="no_position"):
        read_series(sorted(tmp_path.glob("*.dcm")))


def test_each_slice_has_its_own_rescale_and_padding_is_dark(tmp_path: Path, scanner) -> None:
    for number, slope in enumerate((1, 0.5, 2)):
        pixels = np.full((8, 8), 1000, np.uint16)
        pixels[0] = 63536
        scanner.slice(
            pixels, (0, 0, number), RescaleSlope=slope, RescaleIntercept=-100, PixelPaddingValue=63536
        ).save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    volume = read_series(sorted(tmp_path.glob("*.dcm")))
    assert [float(volume.data[0, 4, k]) for k in range(3)] == [900, 400, 1900]
    assert volume.data[0, 0].tolist() == [400, 400, 400]
    assert "each slice has a rescale slope of its own" in volume.notes


def test_an_overlay_is_not_drawn_but_told(tmp_path: Path, scanner, listed) -> None:
    made = scanner.series(tmp_path, EVEN)
    for number, one in enumerate(made):
        one.add_new((0x6000, 0x0010), "US", 24)
        one.save_as(tmp_path / f"{(7 * number + 3) % 101:03d}.dcm", enforce_file_format=True)
    (sample,), _ = listed()
    assert "overlays are not shown" in sample.notes
    assert "overlays are not shown" in volume_of(sample, tmp_path).notes


def test_enhanced_multi_frame_states_everything_by_frame(tmp_path: Path, scanner, listed) -> None:
    """Frames in no order, two echoes, each with its own position, spacing, rescale and window."""
    from pydicom.dataset import Dataset

    def item(**attributes) -> Dataset:
        one = Dataset()
        for name, value in attributes.items():
            setattr(one, name, value)
        return one

    one = scanner.slice(np.zeros((8, 8)), (0, 0, 0), Modality="MR")
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
                    "RescaleIntercept", "SliceThickness"):  # fmt: skip
        del one[keyword]
    order = [(z, echo) for echo in (1, 2) for z in (4.0, 0.0, 6.0, 2.0)]
    one.NumberOfFrames = len(order)
    one.PixelData = b"".join(np.full((8, 8), 100 * echo + int(z), "<u2").tobytes() for z, echo in order)
    one.SharedFunctionalGroupsSequence = [item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25], SliceThickness=2)],
    )]  # fmt: skip
    one.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])],
            PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-10 * echo)],
            MREchoSequence=[item(EffectiveEchoTime=echo)],
            FrameVOILUTSequence=[item(WindowCenter=100 * echo, WindowWidth=50)],
        )
        for z, echo in order
    ]
    one.save_as(tmp_path / "mf.dcm", enforce_file_format=True)
    (sample,), refusals = listed()
    assert not refusals and [media.role for media in sample.media] == ["EffectiveEchoTime=1.0", "EffectiveEchoTime=2.0"]
    for number, echo in enumerate((1, 2)):
        volume = volume_of(sample, tmp_path, number)
        assert hu(volume) == [90 * echo + z for z in (0, 2, 4, 6)]
        assert volume.spacing == pytest.approx((0.25, 0.5, 2)) and volume.window == (100 * echo, 50)


def test_a_tilted_gantry_is_told(tmp_path: Path, scanner) -> None:
    for number in range(4):
        one = scanner.slice(np.full((8, 8), 1024), (0, 0.6 * number, 2.0 * number))
        one.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    volume = read_series(sorted(tmp_path.glob("*.dcm")))
    assert any("sheared by 16.7 degrees" in note for note in volume.notes)
    assert volume.affine @ (0, 0, 3, 1) == pytest.approx((0, -1.8, 6, 1))


def test_a_cine_object_keeps_what_its_header_says_of_text(tmp_path: Path, scanner, listed) -> None:
    capture = "1.2.840.10008.5.1.4.1.1.7.3"
    for name, says in (("a", {"BurnedInAnnotation": "YES"}), ("b", {"SOPClassUID": capture}), ("c", {})):
        one = scanner.slice(np.full((8, 8), 1024), (0, 0, 0), series=name, NumberOfFrames=2, FrameTime="40", **says)
        one.PixelData *= 2
        del one.ImagePositionPatient
        one.save_as(tmp_path / f"{name}.dcm", enforce_file_format=True)
    clips, refusals = listed()
    assert not refusals and [one.media[0].kind for one in clips] == ["clip"] * 3
    assert [one.notes for one in clips] == [(DECLARED,), (CAPTURED,), ()]
    shown, _ = listed(cine="pictures")
    assert [one.notes[1:] for one in shown] == [one.notes for one in clips], "beside the note of frames"


@pytest.mark.parametrize("which", range(3))
def test_what_one_slice_says_of_text_counts_for_its_series(which: int, tmp_path: Path, scanner, listed) -> None:
    for number in range(3):
        says = "YES" if number == which else "NO"
        one = scanner.slice(np.full((8, 8), 1024), (0, 0, number), BurnedInAnnotation=says)
        one.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    (sample,), refusals = listed()
    assert not refusals and sample.notes == (DECLARED,)


def dated(scanner, folder: Path, patient: str, date: str, series: str, flat: bool) -> None:
    folder.mkdir(parents=True)
    for number in range(1 if flat else 3):
        told = {"PatientID": patient, "StudyDate": date, "StudyInstanceUID": scanner.uid(series)}
        one = scanner.slice(np.full((8, 8), 1024), (0, 0, number), series=series, **told)
        if flat:
            del one.ImagePositionPatient
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)


@pytest.mark.parametrize("flat", [False, True], ids=("volumes", "pictures"))
def test_studies_of_a_known_patient_are_visits_by_days(flat, tmp_path: Path, scanner, make_card, read) -> None:
    days = {
        ("P1", "a"): "20200102",
        ("P1", "b"): "20200409",
        ("P2", "c"): "20190101",
        ("P2", "d"): "",
        ("", "e"): "20200102",
    }
    for (patient, series), date in days.items():
        dated(scanner, tmp_path / series, patient, date, series, flat)
    one = make_card("dicom_series", PLAIN, modality="ct", patient={"column": "PatientID"})
    samples, refusals = read(tmp_path, one)
    assert not refusals and {sample.media[0].kind for sample in samples} == {"picture" if flat else "series"}
    told = {sample.key[0]: sample.visit and (sample.visit.key, sample.visit.day) for sample in samples}
    assert told == {"a": ("1", 0.0), "b": ("2", 98.0), "c": ("1", 0.0), "d": None, "e": None}
    assert "2020" not in str([sample.visit for sample in samples])
    assert "visits" in load_converter("dicom_series").gives(one)


def test_visits_are_those_of_the_patients_that_the_card_tells_apart(tmp_path: Path, scanner, make_card, read) -> None:
    """Whoever shared these files gave each study another PatientID."""
    for number, (where, date) in enumerate((("p1/a", "20200102"), ("p1/b", "20200103"), ("p2/c", "20190101"))):
        dated(scanner, tmp_path / where, f"anon{number}", date, where, flat=False)
    by_folder = make_card("dicom_series", PLAIN, modality="ct", patient={"match": "^(p[0-9])/"})
    samples, _ = read(tmp_path, by_folder)
    assert {sample.key: sample.visit and sample.visit.day for sample in samples} == {"p1/a": 0, "p1/b": 1, "p2/c": 0}
    samples, _ = read(tmp_path, make_card("dicom_series", PLAIN, modality="ct"))
    assert [sample.visit for sample in samples] == [None] * 3, "nobody knows whose they are"
