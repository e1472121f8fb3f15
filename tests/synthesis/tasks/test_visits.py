"""Visits compared: the phantom's courses by their truth, and the lesions that changed in a real patient."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import msgspec
import nibabel
import numpy as np
import pytest
from scipy import ndimage

from medloom.converters.phantom.bids_folder import FOLDER, write_bids_folder
from medloom.converters.phantom.course import patients
from medloom.converters.phantom.film_folder import FOLDER as FILMS
from medloom.converters.phantom.film_folder import write_film_folder
from medloom.converters.registry import load_converter
from medloom.flows.cards import load_card
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.sample import Sample
from medloom.synthesis.glance import Glance, glance
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.task import Census
from medloom.synthesis.vocabulary import load_vocabulary

SAID = {"new": "new", "gone": "gone", "grown": "worse", "shrunk": "better", "same": "same"}


def made_of(name: str, root: Path, **views: object) -> list[Made]:
    card = load_card(name)
    origin = Origin(card=card, root=root, vocabulary=load_vocabulary(), views=ViewPolicy(**views))
    found = list(load_converter(card.converter).samples(root, card))
    assert all(isinstance(one, Sample) for one in found)
    return [scenes_of(one, origin) for one in found]


def records_of(made: list[Made], context, census: Census, **params: object):
    context = replace(context, census=census)
    seen = [one for each in made if (one := glance(each.case, context)) is not None]
    back = msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=list[Glance])  # as it comes from a child process
    assert back == seen
    by_patient: dict[str, list[Glance]] = {}
    for one in back:
        by_patient.setdefault(one.who, []).append(one)
    task = load_task("difference.visits", params)
    return [record for visits in by_patient.values() for record in task.of_patient(visits, context)]


def test_tumours_of_repeated_scans(tmp_path: Path, context) -> None:
    truth = write_bids_folder(tmp_path, 7, patients(7, 13))
    made = made_of("phantom_bids", tmp_path / FOLDER, policy="every_label", per_volume=8)
    records = records_of(made, context, Census(regions=("brain_tumour", "brain_oedema", "brain", "lateral_ventricle")))
    told = {
        (one.sample, one.answer.text)
        for one in records
        if one.concepts == ("brain_tumour",)
    }  # fmt: skip
    expected = {
        (file.removeprefix(f"{FOLDER}/"), SAID[one.change])
        for one in truth
        for file in one.files
        if one.change is not None
    }
    assert told == expected and {answer for _, answer in told} >= {"worse", "better", "gone"}
    volumes = {file.removeprefix(f"{FOLDER}/"): one.tumour_mm3 for one in truth for file in one.files}
    for one in records:
        assert one.type == 17 and len(one.views) == 2 and "97 days later" in one.turns[0].text
        for measured in one.measurements if one.concepts == ("brain_tumour",) else ():
            if measured.name == "after":
                assert measured.value**3 == pytest.approx(volumes[one.sample], rel=1e-3)
    places = {view.id: view for each in made for view in (scene.view for scene in each.scenes)}
    for one in records:
        first, second = (places[view] for view in one.views)
        assert first.acquisition.sequence == second.acquisition.sequence
        if one.answer.text in ("new", "gone"):  # the other visit shows the same place
            assert abs(first.derivation.slice_index - second.derivation.slice_index) <= 2


def test_findings_of_repeated_films(tmp_path: Path, context) -> None:
    truth = write_film_folder(tmp_path, 7, patients(7, 16))
    records = records_of(
        made_of("phantom_xray", tmp_path / FILMS), context,
        Census(labels=("lung_nodule", "pleural_effusion", "consolidation", "cardiomegaly", "pneumothorax")),
    )  # fmt: skip
    visits = {visit.film.removeprefix(f"{FILMS}/"): (one, visit) for one in truth for visit in one.visits}
    assert len(records) >= 6 and {one.answer.text for one in records} >= {"new", "gone"}
    for one in records:
        person, after = visits[one.sample]
        (concept,) = one.concepts
        (before,) = (visit for visit in person.visits if visit.day == after.day - one.evidence[2].number)
        assert (before.view, person.key) == (after.view, one.sample.split("/")[1][:4])
        states = (before.findings[concept], after.findings[concept])
        if one.answer.text in ("new", "gone"):
            assert states == (("absent", "present") if one.answer.text == "new" else ("present", "absent"))
            continue
        assert states == ("present", "present")
        lengths = [next(o.lesion.long_axis_mm for o in visit.objects if o.lesion) for visit in (before, after)]
        ratio = lengths[1] / lengths[0]
        assert {"worse": ratio > 1.1, "better": ratio < 0.8, "same": 0.85 < ratio < 1.15}[one.answer.text]


def test_what_is_not_dated_or_not_of_one_kind_is_not_compared(tmp_path: Path, context) -> None:
    write_film_folder(tmp_path, 7, patients(7, 3))
    made = made_of("phantom_xray", tmp_path / FILMS)
    context = replace(context, census=Census(labels=("lung_nodule", "pleural_effusion")))
    seen = [glance(each.case, context) for each in made]
    assert all(seen)
    undated = msgspec.structs.replace(made[0].case.sample, visit=None)
    assert glance(replace(made[0].case, sample=undated), context) is None
    task = load_task("difference.visits", {})
    mine = [one for one in seen if one.who == "P003"]
    assert len(mine) == 3 and list(task.of_patient(mine, context))
    other = [msgspec.structs.replace(one, kind=(*one.kind[:2], str(number))) for number, one in enumerate(mine)]
    assert not list(task.of_patient(other, context))
    at_once = [msgspec.structs.replace(one, day=0.0) for one in mine]
    assert not list(task.of_patient(at_once, context))


@pytest.fixture(scope="module")
def sclerosis(data_dir: Path) -> Made:
    (made,) = made_of("open_ms_long", data_dir / "open_ms_long_p12", per_volume=6)
    assert not made.refused
    return made


def test_changed_lesions_lie_where_the_mask_puts_them(sclerosis: Made, context, data_dir: Path) -> None:
    """Every box is that of a component of the change mask, resampled here by SimpleITK."""
    import SimpleITK as sitk

    folder = data_dir / "open_ms_long_p12/longitudinal/raw/patient12"
    image = sitk.ReadImage(str(folder / "study2_FLAIR.nii.gz"), sitk.sitkFloat32)
    way = sitk.ReadTransform(str(folder / "study2_FLAIR_to_common_space.txt")).GetInverse()
    drawn = (
        sitk.GetArrayFromImage(
            sitk.Resample(sitk.ReadImage(str(folder / "gt.nii.gz")), image, way, sitk.sitkNearestNeighbor)
        )
        > 0
    )
    records = list(load_task("difference.changes", {}).of_case(sclerosis.case, context))
    scenes = {scene.view.id: scene for scene in sclerosis.scenes}
    grounded = [one for one in records if one.config == "grounding"]
    assert len(grounded) == 6 and len(records) == 12
    found = 0
    for one in grounded:
        earlier, later = (scenes[view] for view in one.views)
        assert (earlier.view.media, later.view.media) == ("earlier", "later")
        assert earlier.view.to_patient == pytest.approx(later.view.to_patient)
        assert not earlier.instances and not later.instances and "81 days later" in one.turns[0].text
        plane = drawn[later.view.derivation.slice_index]  # z, y, x as stored: L, P, S is how it is shown
        components, _ = ndimage.label(plane, np.ones((3, 3)))
        boxes = {(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(components)}
        ours = {tuple(map(int, place.box)) for place in one.places}
        assert all(place.view == 1 for place in one.places)
        found += len(ours & boxes)
        assert len(ours & boxes) >= 0.8 * len(ours), (ours, boxes)
    assert found >= 20


def test_the_earlier_slice_shows_the_same_place(sclerosis: Made) -> None:
    """Registered pictures of one place agree far better than pictures of neighbouring slices do."""
    import cv2

    def pixels(media: str) -> list[np.ndarray]:
        shown = [scene.view.sha256 for scene in sclerosis.case.of(media)]
        return [cv2.imdecode(np.frombuffer(sclerosis.pictures[sha256], np.uint8), 0).astype(float) for sha256 in shown]

    before, after = pixels("earlier"), pixels("later")
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        inside = one > 0
        wrong = after[(number + 3) % len(after)]
        right = np.corrcoef(one[inside], other[inside])[0, 1]
        assert right > 0.9 and right > np.corrcoef(one[inside], wrong[inside])[0, 1]


def test_contrasts_are_told_apart(data_dir: Path, context) -> None:
    (made,) = made_of("sct_spinal_cord", data_dir / "sct_testing")
    records = list(load_task("contrast.which", {}).of_case(made.case, context))
    roles = {"T1w": "T1-weighted", "T2w": "T2-weighted", "T2*w": "T2*-weighted"}
    media = {one.key: roles.get(one.role) for one in made.case.sample.media}
    views = {scene.view.id: scene.view.media for scene in made.scenes}
    assert len(records) == 2 and all(one.type == 18 for one in records)
    for one in records:
        right = media[views[one.views[int(one.answer.text) - 1]]]
        assert f" {right} MR picture" in one.turns[0].text


def test_a_whole_volume_comes_back(tmp_path: Path, context) -> None:
    write_bids_folder(tmp_path, 7, patients(7, 3))
    made = made_of("phantom_bids", tmp_path / FOLDER, per_volume=1, keep_whole=True)
    context = replace(context, census=Census(regions=("brain_tumour", "brain", "lateral_ventricle", "brain_oedema")))
    for each in made[:3]:
        (view,) = each.whole
        source = nibabel.load(tmp_path / FOLDER / view.source_file)
        kept = nibabel.Nifti1Image.from_bytes(gzip.decompress(each.pictures[view.sha256]))
        assert np.array_equal(np.asanyarray(kept.dataobj), np.asanyarray(source.dataobj))
        assert np.allclose(kept.affine, source.affine) and kept.header.get_xyzt_units()[0] == "mm"
        assert (view.width, view.height, view.frames) == source.shape
        assert bytes(kept.header["descrip"]).strip(b"\0") == b"" and not kept.header.extensions
        records = list(load_task("volume.closed", {}).of_case(each.case, context))
        assert records and all(one.config == "volume" and one.type == 21 for one in records)
    last = next(each for each in made if "ses-3" in each.case.sample.key)
    (no,) = (
        one for one in load_task("volume.closed", {}).of_case(last.case, context) if one.concepts == ("brain_tumour",)
    )
    assert (no.answer.text == "No" and "tumor" in no.evidence[0].pointer) or "dseg" in no.evidence[0].pointer


def test_a_montage_shows_its_slices_in_reading_order(tmp_path: Path) -> None:
    import cv2

    write_bids_folder(tmp_path, 7, patients(7, 3))
    sheet = made_of("phantom_bids", tmp_path / FOLDER, policy="montage", per_volume=5, planes=("axial", "sagittal"))[0]
    alone = made_of("phantom_bids", tmp_path / FOLDER, policy="even", per_volume=5, planes=("axial", "sagittal"))[0]
    assert [scene.view.derivation.plane for scene in sheet.scenes] == ["axial", "sagittal"]
    for scene in sheet.scenes:
        those = [one for one in alone.scenes if one.view.derivation.plane == scene.view.derivation.plane]
        assert scene.view.derivation.montage == tuple(one.view.derivation.slice_index for one in those)
        picture = cv2.imdecode(np.frombuffer(sheet.pictures[scene.view.sha256], np.uint8), 0)
        height, width = those[0].view.height, those[0].view.width
        assert picture.shape == (2 * height, 3 * width) and not scene.instances
        for number, one in enumerate(those):
            tile = cv2.imdecode(np.frombuffer(alone.pictures[one.view.sha256], np.uint8), 0)
            y, x = divmod(number, 3)
            assert np.array_equal(picture[y * height : (y + 1) * height, x * width : (x + 1) * width], tile)


@pytest.mark.parametrize(("policy", "frame"), [("first", 0), ("middle", 2), ("named", None)])
def test_of_several_volumes_in_one_file(tmp_path: Path, policy: str, frame: int | None) -> None:
    stack = np.zeros((8, 9, 6, 4), np.int16)
    stack[..., :] = np.arange(1, 5) * 100
    path = tmp_path / "sub-1/anat/sub-1_T1w.nii.gz"
    path.parent.mkdir(parents=True)
    stack[0, 0] = 0
    nibabel.save(nibabel.Nifti1Image(stack, np.diag([2.0, 2, 2, 1])), path)
    card = load_card("phantom_bids").model_copy(update={"patient": "unknown"})
    origin = Origin(card=card, root=tmp_path, vocabulary=load_vocabulary(), views=ViewPolicy(of_several=policy))
    (sample,) = load_converter("bids").samples(tmp_path, card)
    made = scenes_of(sample, origin)
    if frame is None:
        assert [one.reason for one in made.refused] == ["which_frame"]
        return
    from medloom.synthesis.media_volume import read_volume

    assert read_volume(sample.media[0], origin).data.max() == (frame + 1) * 100 and made.scenes
