"""Identifiers planted wherever a hospital's files hold some: after a whole build none is left in anything it wrote.

The table in docs/deidentification.md is written from what is measured here: ``MEDLOOM_WRITE_DOCS=1`` renews it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medloom.converters.identity.alias import is_alias
from medloom.flows.run import run_build
from medloom.flows.trace import tell
from medloom.schemas.errors import CatalogError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "deidentification.md"
KEY = "a key of the test, long enough"
CATALOG = """\
corpus: planted
version: 1.0.0
release: {licence: CC-BY-4.0, to: public}
sources:
  - {use: scans, path: scans}
  - {use: films, path: films}
  - {use: asked, path: films}
  - {use: volumes, path: volumes}
  - {use: loops, path: loops, views: {keep_whole: true}}
tasks: [caption, vqa.open, vqa.closed, question.given, grounding.box, grounding.mask, clip.open, report.generate]
filters: [structure, geometry]
split: {by: patient, ratios: {train: 1.0, validation: 0.0, test: 0.0}}
gate: {run: false}
"""
CARD = "licence: CC-BY-4.0\ncitation: the test\npatient_ids: identifying\nverified: layout\nmax_refused: 0.9\n"
CARDS = {
    "scans": "modality: ultrasound\nconverter: dicom_pictures\npatient: {column: PatientID}\n"
    'labels: {"modality:US": ultrasound, "body_part:ABDOMEN": abdomen}\nexhaustive: {labels: true}\n',
    "films": "modality: xray\nconverter: csv_labels\n"
    "params: {tables: [table.csv], picture: '{file}', columns: [finding], facts: {texts: {findings: report}}}\n"
    "patient: {column: mrn}\nlabels: {Pneumonia: pneumonia, Effusion: pleural_effusion}\nexhaustive: {labels: true}\n",
    "asked": "modality: xray\nconverter: vqa_table\n"
    "params: {tables: [questions.csv], pictures: ['{file}'], questions: {origin: people}}\npatient: {column: mrn}\n",
    "loops": "modality: endoscopy\nconverter: clips\n"
    "params: {tables: [clips.csv], picture: '{file}', columns: [finding]}\npatient: {column: mrn}\n"
    "labels: {Effusion: pleural_effusion, Pneumonia: pneumonia}\nexhaustive: {labels: true}\n",
    "volumes": "modality: ct\nconverter: nifti_pairs\n"
    "params: {volumes: '(?P<who>[^/]+)/ct[.]nii[.]gz', contrasts: [{masks: [{file: '{who}/seg.nii.gz', "
    "names: {1: liver}}]}]}\npatient: {match: '([^/]+)/'}\nlabels: {liver: liver}\nexhaustive: {regions: true}\n",
}
PLANTED = {
    "DICOM tags": ["THORNBURY", "Thornbury", "PID100238", "19390606", "Larkspur", "Bayview", "CASTELLANOS",
                  "ACC10442897"],
    "DICOM private tags": ["Whitfield-Private", "PRIV-884213"],
    "DICOM sequences": ["Deshpande", "REQ5512098"],
    "DICOM UIDs": ["1.2.826.0.1.3680043.9.7133.1", "1.2.826.0.1.3680043.9.7133.2"],
    "pixels": ["THORNBURY", "1939-06-06"],
    "file and folder names": ["WILLIAM_THORNBURY", "delacroix", "OYELARAN", "grunfeld_"],
    "EXIF and GPS": ["Winterbourne", "2019:07:22", "Galway-Bay"],
    "PNG text": ["Lindqvist"],
    "video metadata": ["Grunfeld-Title", "Grunfeld-Artist", "Grunfeld-Note"],
    "NIfTI header text": ["Oyelaran^T", "scan of Oyelaran", "EXT-Oyelaran"],
    "report text": ["Jakobsen", "02-Feb-2021", "617-555-0199", "Holloway"],
    "CSV columns": ["Delacroix Anne", "7741902", "Blanchard"],
    "questions": ["Sethi", "11 June 2018", "Okonjo"],
    "listing refusals": ["gone_Nowicka"],
}  # fmt: skip
FATES = {
    "pixels": "blackened", "file and folder names": "a keyed alias", "DICOM UIDs": "a keyed digest or alias",
    "report text": "scrubbed", "questions": "scrubbed", "CSV columns": "the patient's id: a keyed digest",
}  # fmt: skip
"""What becomes of the kinds that are read at all."""


def note(out: Path, name: str, pixels: np.ndarray, uid: str) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(out), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID = file.SeriesInstanceUID = uid
    file.Modality, file.BodyPartExamined, file.ViewPosition = "US", "ABDOMEN", "Thornbury"
    file.PatientName, file.PatientID, file.PatientBirthDate = name, "PID100238", "19390606"
    file.PatientAddress, file.InstitutionName = "1420 Larkspur Avenue", "Bayview Imaging"
    file.OperatorsName, file.AccessionNumber, file.PatientAge = "CASTELLANOS^R", "ACC10442897", "093Y"
    request = Dataset()
    request.RequestingPhysician, request.RequestedProcedureID = "Deshpande^Anil", "REQ5512098"
    file.RequestAttributesSequence = Sequence([request])
    block = file.private_block(0x0011, "Whitfield-Private", create=True)
    block.add_new(0x01, "LO", "PRIV-884213")
    file.Rows, file.Columns = pixels.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 8
    file.HighBit, file.PixelRepresentation, file.PixelData = 7, 0, pixels.tobytes()
    out.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(out, enforce_file_format=True)


def sector(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(60, 30, (360, 480)).clip(0, 255).astype(np.uint8)
    picture = np.zeros((360, 480), np.uint8)
    cv2.ellipse(picture, (240, 40), (220, 300), 0, 40, 140, 255, -1)
    return np.where(picture > 0, cv2.GaussianBlur(noise, (0, 0), 2), 0).astype(np.uint8)


def scans(folder: Path) -> None:
    for number in (1, 2):
        picture = sector(number)
        cv2.putText(picture, "THORNBURY, WILLIAM  1939-06-06", (8, 20), 0, 0.5, 255, 1, cv2.LINE_AA)
        cv2.putText(picture, "Depth 12 cm", (360, 350), 0, 0.45, 255, 1, cv2.LINE_AA)
        uid = f"1.2.826.0.1.3680043.9.7133.{number}"
        note(folder / "WILLIAM_THORNBURY" / f"{uid}.dcm", "THORNBURY^WILLIAM", picture, uid)


def films(folder: Path) -> None:
    folder.mkdir()
    exif = Image.Exif()
    exif[0x013B], exif[0x010E] = "Dr. Winterbourne", "film of Winterbourne"
    exif.get_ifd(0x8825).update({1: "N", 2: (53.0, 16.0, 2.0), 28: b"ASCII\0\0\0Galway-Bay", 29: "2019:07:22"})
    info = PngInfo()
    info.add_text("Author", "Lindqvist")
    rows = ["file,mrn,name,finding,report"]
    said = "Signed by T. Jakobsen on 02-Feb-2021. Call 617-555-0199. Mrs. Holloway has an effusion."
    asked = ["file,mrn,question,answer"]
    for number, suffix in enumerate(("jpg", "png", "jpg", "png")):
        picture = Image.fromarray(cv2.GaussianBlur(sector(10 + number), (0, 0), 6))
        name = f"delacroix_{number}.{suffix}"
        picture.save(folder / name, **({"exif": exif, "quality": 95} if suffix == "jpg" else {"pnginfo": info}))
        rows.append(f'{name},7741902,Delacroix Anne,{("Pneumonia", "Effusion")[number % 2]},"{said}"')
        asked.append(f'{name},7741902,"Did Dr. Sethi see this film of 11 June 2018?","Yes, with Ms. Okonjo."')
    rows += ["gone_Nowicka.png,7741902,Delacroix Anne,Pneumonia,none", f"delacroix_0.jpg,7741902,x,Blanchard Renee,{1}"]
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "questions.csv").write_text("\n".join(asked) + "\n")


def volumes(folder: Path) -> None:
    for who in ("OYELARAN_T_1", "OYELARAN_T_2"):
        at = folder / who
        at.mkdir(parents=True)
        grid = np.random.default_rng(len(who)).normal(40, 30, (40, 40, 6)).astype(np.int16)
        mask = np.zeros(grid.shape, np.uint8)
        mask[8:25, 10:30, 1:5] = 1
        for name, array in (("ct", grid), ("seg", mask)):
            image = nib.Nifti1Image(array, np.diag([2.0, 2.0, 3.0, 1.0]))
            image.header.set_xyzt_units("mm")
            image.header["descrip"], image.header["aux_file"] = b"scan of Oyelaran", b"Oyelaran^T"
            image.header["intent_name"], image.header["db_name"] = b"Oyelaran^T", b"Oyelaran^T"
            image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"EXT-Oyelaran"))
            nib.save(image, at / f"{name}.nii.gz")


def loops(folder: Path) -> None:
    import av

    folder.mkdir()
    rows = ["file,mrn,finding"]
    for number in range(2):
        name = f"grunfeld_{number}.mp4"
        with av.open(str(folder / name), "w") as container:
            container.metadata.update(title="Grunfeld-Title", artist="Grunfeld-Artist", comment="Grunfeld-Note")
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for index in range(20):
                grey = np.full((120, 160, 3), 60 + 4 * index + 30 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        assert b"Grunfeld-Title" in (folder / name).read_bytes()
        rows.append(f"{name},7741902,{('Effusion', 'Pneumonia')[number]}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hospital")
    scans(folder / "scans")
    films(folder / "films")
    volumes(folder / "volumes")
    loops(folder / "loops")
    (folder / "sources").mkdir()
    for name, text in CARDS.items():
        (folder / "sources" / f"{name}.yaml").write_text(f"source: {name}\ntitle: Made-up {name}\n{CARD}{text}")
    (folder / "catalog.yaml").write_text(CATALOG)
    return folder / "catalog.yaml"


@pytest.fixture(scope="module")
def built(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLOOM_PATIENT_KEY", KEY)
        run_build(hospital, out)
    return out


def leaves(column: pa.ChunkedArray) -> list[bytes]:
    """Every string and every byte string of a column, however deep."""
    kind = column.type
    if pa.types.is_struct(kind):
        inner = [
            pa.chunked_array([chunk.field(at) for chunk in column.chunks], kind.field(at).type)
            for at in range(kind.num_fields)
        ]
        return [leaf for part in inner for leaf in leaves(part)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return leaves(pa.chunked_array([chunk.flatten() for chunk in column.chunks], kind.value_type))
    values = [value for value in column.to_pylist() if value is not None]
    return [value if isinstance(value, bytes) else str(value).encode() for value in values]


def written(out: Path) -> bytes:
    """All that a build left: the names of files, their bytes, and what is packed in Parquet."""
    parts = []
    for path in sorted(out.rglob("*")):
        parts.append(path.relative_to(out).as_posix().encode())
        if path.is_file():
            parts.append(path.read_bytes())
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            parts.append(str(table.schema).encode())
            for name in table.column_names:
                parts.extend(leaves(table.column(name)))
    return b"\0".join(parts)


def pictures(out: Path) -> list[tuple[dict, np.ndarray]]:
    found = {}
    for shard in sorted((out / "data").rglob("*.parquet")):
        for row in pq.read_table(shard).to_pylist():
            still = [view for view in row["views"] if view["kind"] == "picture"]
            for stored, view in zip(row.get("images") or [], still, strict=True):
                found[view["id"]] = view, cv2.imdecode(np.frombuffer(stored["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE)
    return list(found.values())


def read_words(picture: np.ndarray) -> str:
    """What OCR reads in a picture, without our own test for letters before it."""
    from rapidocr import RapidOCR

    found = RapidOCR(params={"Global.log_level": "error"})(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    return " ".join(found.txts or ())


def table(out: Path) -> str:
    """Markdown: kind, planted, missed."""
    everything = written(out)
    shown = [read_words(picture) for view, picture in pictures(out) if view["source"] == "scans"]
    lines = ["| planted in | strings | left in the output | what becomes of it |", "|---|---|---|---|"]
    for kind, strings in PLANTED.items():
        left = [one for one in strings if one.encode() in everything]
        if kind == "pixels":
            left = [one for one in strings if any(one in words for words in shown)]
        lines.append(f"| {kind} | {len(strings)} | {len(left)} | {FATES.get(kind, 'never written')} |")
    return "\n".join(lines)


def test_no_build_begins_without_the_key(hospital, tmp_path, monkeypatch):
    monkeypatch.delenv("MEDLOOM_PATIENT_KEY", raising=False)
    with pytest.raises(CatalogError, match="MEDLOOM_PATIENT_KEY is not set"):
        run_build(hospital, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_sources_gave_records(built):
    rows = pq.read_table(built / "lineage.parquet").to_pylist()
    assert {row["source"] for row in rows if row["filter"] is None} == set(CARDS)
    quarantined = pq.read_table(built / "quarantine.parquet").to_pylist()
    assert quarantined, "a row without its picture is refused"
    asked = next(row for row in rows if row["task"] == "question.given" and row["filter"] is None)
    assert all(word in tell(asked["id"], built) for word in ("[NAME]", "[DATE]"))


@pytest.mark.parametrize("kind", [kind for kind in PLANTED if kind != "pixels"])
def test_nothing_planted_is_left(built, kind):
    everything = written(built)
    assert [one for one in PLANTED[kind] if one.encode() in everything] == []
    assert KEY.encode() not in everything


def test_text_in_pixels_is_black_and_technical_text_is_not(built):
    seen = [(view, picture) for view, picture in pictures(built) if view["source"] == "scans"]
    assert len(seen) == 2
    for view, picture in seen:
        assert len(view["derivation"]["masked"]) >= 1
        assert not view["passthrough"]
        words = read_words(picture)
        assert not any(planted in words for planted in PLANTED["pixels"])
        assert "12 cm" in words


def test_ages_are_capped_and_aliases_lead_nowhere_but_back(built, capsys):
    views = [view for view, _ in pictures(built)]
    assert {view["acquisition"]["age_years"] for view in views if view["source"] == "scans"} == {90.0}
    assert all(is_alias(view["source_file"]) and is_alias(view["sample"]) for view in views)
    record = next(row for row in pq.read_table(built / "lineage.parquet").to_pylist() if row["source"] == "volumes")
    told = tell(record["id"], built)
    assert "alias" in told


def test_the_same_key_gives_the_same_ids_and_another_key_others(hospital, built, tmp_path, monkeypatch):
    def ids(out):
        rows = pq.read_table(out / "lineage.parquet").to_pylist()
        return {(row["id"], row["sample"], row["patient"]) for row in rows}

    catalog = hospital.with_name("small.yaml")
    small = re.sub(r"sources:\n(?:  - .*\n)+", "sources: [{use: films, path: films}]\n", CATALOG)
    catalog.write_text(re.sub(r"tasks: .*", "tasks: [caption, vqa.open, vqa.closed]", small))
    monkeypatch.setenv("MEDLOOM_PATIENT_KEY", KEY)
    run_build(catalog, tmp_path / "again")
    monkeypatch.setenv("MEDLOOM_PATIENT_KEY", f"{KEY} no more")
    run_build(catalog, tmp_path / "other")
    assert ids(tmp_path / "again") <= ids(built)
    assert not {row[2] for row in ids(tmp_path / "other")} & {row[2] for row in ids(built)}
    assert not {row[1] for row in ids(tmp_path / "other")} & {row[1] for row in ids(built)}


def test_the_report_counts_and_does_not_repeat(built):
    page = (built / "report" / "index.html").read_text("utf-8")
    section = page[page.index('id="identity-title"') : page.index('id="made-title"')]
    assert re.search(r"films.*?text.*?NAME.*?\d", section, re.DOTALL)
    assert re.search(r"scans.*?pixels.*?TEXT.*?\d", section, re.DOTALL)


def test_the_manuals_table_is_what_was_measured(built):
    found = table(built)
    page = PAGE.read_text("utf-8")
    block = re.compile(r"(<!-- planted -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if os.environ.get("MEDLOOM_WRITE_DOCS"):
        PAGE.write_text(block.sub(lambda old: old[1] + found + old[2], page), "utf-8")
        page = PAGE.read_text("utf-8")
    assert found in page, found
