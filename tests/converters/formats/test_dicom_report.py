"""Measurements of TID 1500 reports: read by highdicom, stated of their series, and asked in records."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medloom.converters.formats.dicom_report import groups_of
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Measured, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.task import CaseTask, Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.vocabulary import load_vocabulary

PLACES = [0.0, 2.0, 4.0, 6.0, 8.0]
NODULE = Code("27925004", "SCT", "Nodule")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
HU = Code("[hnsf'U]", "UCUM", "Hounsfield unit")


@pytest.fixture
def study(tmp_path: Path, scanner) -> Path:
    """A CT of five slices, a SEG of a nodule on three of them, and a report of what was measured of it."""
    images = scanner.series(tmp_path / "ct", PLACES)
    mask = np.zeros((5, 24, 32), np.uint8)
    mask[1:4, 8:14, 10:18] = 1
    mask[2, 7:15, 9:19] = 1
    described = hd.seg.SegmentDescription(
        1, "nodule", codes.SCT.MorphologicallyAbnormalStructure, NODULE, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    )
    seg = hd.seg.Segmentation(
        images, mask, "BINARY", [described], scanner.uid("seg"), 2, scanner.uid("seg", 1), 1, "us", "m", "1", "1"
    )
    seg.save_as(tmp_path / "seg.dcm")
    report(images, seg, scanner).save_as(tmp_path / "sr.dcm")
    return tmp_path


def report(images, seg, scanner) -> hd.sr.ComprehensiveSR:
    def measurement(name: Code, value: float, unit: Code, **more: Code) -> hd.sr.Measurement:
        return hd.sr.Measurement(name=name, value=value, unit=unit, **more)

    sources = [hd.sr.SourceImageForSegmentation(one.SOPClassUID, one.SOPInstanceUID) for one in images[1:4]]
    of_segment = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(scanner.uid("n1"), "Nodule of Jane Doe"),
        referenced_segment=hd.sr.ReferencedSegment(seg.SOPClassUID, seg.SOPInstanceUID, 1, source_images=sources),
        finding_type=NODULE,
        measurements=[
            measurement(codes.SCT.Volume, 0.352, Code("cm3", "UCUM", "cubic centimetre")),
            measurement(codes.SCT.Diameter, 9.5, codes.UCUM.Millimeter, method=Code("112050", "DCM", "Drawn by hand")),
            measurement(ATTENUATION, 44.4, HU, derivation=codes.SCT.Mean),
            measurement(ATTENUATION, 12.0, HU),
            measurement(codes.SCT.Diameter, 3.0, Code("inches", "99US", "inches")),
        ],
    )
    missing = scanner.slice(np.zeros((4, 4)), (0, 0, 0), "not here")
    elsewhere = hd.sr.MeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(scanner.uid("n2"), "other"),
        finding_type=NODULE,
        measurements=[measurement(codes.SCT.Volume, 7, Code("ml", "UCUM", "ml"))],
        source_images=[hd.sr.SourceImageForMeasurementGroup(missing.SOPClassUID, missing.SOPInstanceUID)],
    )
    person = hd.sr.PersonObserverIdentifyingAttributes(name="Reader^Some")
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(hd.sr.ObserverContext(codes.DCM.Person, person)),
        codes.LN.CTUnspecifiedBodyRegion, [of_segment, elsewhere],
    )  # fmt: skip
    return hd.sr.ComprehensiveSR([*images, seg, missing], content, scanner.uid("sr"), 3, scanner.uid("sr", 1), 1, "us")


CARD = {"labels": {"nodule": "lung_nodule", "Nodule": "lung_nodule"}, "modality": "ct", "exhaustive": {"regions": True}}


def test_measurements_are_stated_of_their_series(study: Path, make_card, read) -> None:
    samples, refusals = read(study, make_card("dicom_series", {"measurements": True, "states": []}, **CARD))
    (sample,) = samples
    told = {(one.name, one.derivation, one.value, one.unit, one.of, one.method) for one in sample.measured}
    assert told == {
        ("Volume", None, 0.352, "cm3", "Nodule", None),
        ("Diameter", None, 9.5, "mm", "Nodule", "Drawn by hand"),
        ("Attenuation Coefficient", "Mean", 44.4, "[hnsf'U]", "Nodule", None),
        ("Attenuation Coefficient", None, 12.0, "[hnsf'U]", "Nodule", None),
    }
    assert [one.pointer for one in sample.measured] == [f"sr.dcm#group=1,measurement={n}" for n in (1, 2, 3, 4)]
    assert {one.media for one in sample.measured} == {"image"}
    assert sorted((one.reason, one.file, one.detail.split(" ")[0]) for one in refusals) == [
        ("no_number", "sr.dcm", "1"), ("no_such_series", "sr.dcm", "1"),
    ]  # fmt: skip
    assert "Jane" not in repr(samples) and "Reader" not in repr(samples)


def test_reports_are_told_where_they_are_not_asked_for(study: Path, make_card, read) -> None:
    (sample,), refusals = read(study, make_card("dicom_series", {"states": []}, **CARD))
    assert not sample.measured
    assert [(one.file, one.reason) for one in refusals] == [("sr.dcm", "not_an_image")]


def _asked(sample: Sample, card, root: Path) -> list:
    vocabulary = load_vocabulary()
    case = scenes_of(sample, Origin(card, root, vocabulary)).case
    task = load_task("measurement.stated", {})
    assert isinstance(task, CaseTask) and case is not None
    return list(task.of_case(case, Context(vocabulary, load_templates(), Census())))


def test_measurements_reach_records(study: Path, make_card, read) -> None:
    card = make_card("dicom_series", {"measurements": True, "states": []}, **CARD)
    (sample,), _ = read(study, card)
    made = _asked(sample, card, study)
    told = {one.measurements[0].name: one for one in made}
    assert {name: (one.answer.text, one.answer.number, one.answer.unit) for name, one in told.items()} == {
        "volume": ("352 mm³", 352.0, "mm3"),
        "diameter": ("9.5 mm", 9.5, "mm"),
        "mean attenuation": ("44 HU", 44.4, "HU"),
    }
    fact = told["volume"].evidence[0]
    assert (fact.value, fact.number, fact.unit, fact.pointer) == (
        "Volume",
        0.352,
        "cm3",
        "sr.dcm#group=1,measurement=1",
    )
    assert told["diameter"].measurements[0].method == "Drawn by hand"
    for one in made:
        assert "the lung nodule" in one.turns[0].text and one.turns[1].text == one.answer.text
        (place,) = one.places
        x0, y0, x1, y1 = place.box
        assert (x1 - x0) / (y1 - y0) == pytest.approx(10 / 8)  # the slice where it is largest
    assert len({one.id for one in made}) == 3


def test_of_two_of_one_name_neither_is_asked(study: Path, make_card, read) -> None:
    import msgspec

    card = make_card("dicom_series", {"measurements": True, "states": []}, **CARD)
    (sample,), _ = read(study, card)
    second = Measured(name="Volume", value=3, unit="ml", of="Nodule", pointer="sr.dcm#group=9,measurement=1")
    made = _asked(msgspec.structs.replace(sample, measured=(*sample.measured, second)), card, study)
    assert {one.measurements[0].name for one in made} == {"diameter", "mean attenuation"}


def test_a_real_report_of_pet_measurements(data_dir: Path) -> None:
    groups, lost = groups_of(data_dir / "dcmqi_seg/data/sr-example/sr.dcm", "sr.dcm")
    stated = {(one.name, one.derivation): (one.value, one.unit) for one in groups[0].measured}
    assert stated["Volume", None] == (33.5824, "ml") or ("Volume", None) in stated
    assert all(group.drawn and group.series for group in groups) and lost == 0
    assert {one.unit for group in groups for one in group.measured} == {"{SUVbw}g/ml", "ml", "g", "%"}


@pytest.mark.parametrize(
    ("file", "reason"),
    [("reportsi.dcm", "not_measurements"), ("test-SR.dcm", "undecodable"), ("CT_small.dcm", "not_measurements")],
)
def test_what_is_no_report_of_measurements(file: str, reason: str) -> None:
    from pydicom.data import get_testdata_file

    with pytest.raises(BadInput) as caught:
        groups_of(Path(str(get_testdata_file(file, download=False))), file)
    assert caught.value.reason == reason
