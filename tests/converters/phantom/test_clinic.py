"""The clinic as a whole: the same bytes every time, nothing that is not said, and never called real."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from medloom.converters.phantom.clinic import FOLDERS, Clinic, write_clinic
from medloom.converters.phantom.truth import decode, encode

AGAIN = """
import sys, cv2
from pathlib import Path
from medloom.converters.phantom.clinic import write_clinic
cv2.setNumThreads(1)
write_clinic(Path(sys.argv[1]), seed=5, patients=4)
"""


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_another_process_writes_the_same_bytes(root: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4321", "TZ": "Asia/Tokyo", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", AGAIN, str(tmp_path / "again")], check=True, env=environment, cwd=tmp_path)
    assert digests(tmp_path / "again") == digests(root)


def test_a_patient_is_the_same_whatever_the_number_and_another_with_another_seed(root: Path, tmp_path: Path) -> None:
    write_clinic(tmp_path / "alone", seed=5, patients=1)
    write_clinic(tmp_path / "other", seed=6, patients=1)
    alone, other, four = digests(tmp_path / "alone"), digests(tmp_path / "other"), digests(root)
    own = [file for file in alone if "P001" in file]
    assert len(own) > 30
    assert {file: alone[file] for file in own} == {file: four[file] for file in own}
    drawn = [file for file in own if not file.endswith(("hemorrhage.nii.gz", ".dcm", ".vtt"))]
    assert all(other.get(file) != alone[file] for file in drawn)


def test_every_folder_is_there_and_described(clinic: Clinic) -> None:
    assert {path.name for path in clinic.root.iterdir()} == {*FOLDERS, "README.md", "truth.json"}
    assert clinic.files == len(digests(clinic.root))
    assert clinic.size_bytes == sum(path.stat().st_size for path in clinic.root.rglob("*") if path.is_file())
    readme = (clinic.root / "README.md").read_text()
    assert "NOT REAL DATA" in readme
    for name, folder in FOLDERS.items():
        assert f"`{name}`" in readme
        assert folder.title.startswith("Phantom ")
        for concept in folder.labels.values():
            assert concept is not None
            assert msgspec.json.decode(msgspec.json.encode(concept)) == concept == concept.lower()


def test_the_truth_reads_back_and_names_only_files_that_exist(clinic: Clinic) -> None:
    data = (clinic.root / "truth.json").read_bytes()
    truth = decode(data)
    assert truth.real is False
    assert encode(truth) == data == encode(clinic.truth)
    files = [file for volume in truth.volumes for file in (*volume.files, volume.labels) if file]
    files += [visit.film for patient in truth.patients for visit in patient.visits]
    files += [visit.report_xml for patient in truth.patients for visit in patient.visits]
    files += [picture.file for picture in truth.pictures] + [defect.file for defect in truth.defects]
    files += [one.mask for picture in truth.pictures for one in picture.objects if one.mask]
    files += [file for clip in truth.clips for file in (*clip.files, clip.said)]
    assert len(files) > 150
    assert [file for file in files if not (clinic.root / file).exists()] == []


def test_nothing_tells_where_or_when_it_was_written(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(root).encode() not in data
            if path.name.endswith(".gz"):
                assert data[3:8] == bytes(5)  # no name, no time


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        write_clinic(tmp_path, seed=1, patients=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_clinic_needs_a_patient(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a patient"):
        write_clinic(tmp_path, seed=1, patients=0)
