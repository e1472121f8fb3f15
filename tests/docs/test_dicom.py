"""The tables of docs/dicom.md are what is measured here: ``MEDLOOM_WRITE_DOCS=1`` renews them."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

import pydicom
import pytest
import SimpleITK as sitk

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("dicom_agreement", HERE / "agreement.py")
assert spec is not None and spec.loader is not None
agreement = importlib.util.module_from_spec(spec)
sys.modules["dicom_agreement"] = agreement
spec.loader.exec_module(agreement)
Compared, Difference, compared = agreement.Compared, agreement.Difference, agreement.compared
files_of, version = agreement.files_of, agreement.version

PAGE = HERE.parents[1] / "docs" / "dicom.md"
SHARED = ("dcmqi_seg", "rt_small", "sts_002", "totalseg_ref")
WHY = {
    "rtdose_expb*": "32 bits in big endian: pydicom wrote each value in one piece, the others swap words of 16 bits",
    "liver*_1frame.dcm": "one bit: dcmtk shows 1 as mid-grey",
    "SC_rgb_rle_*bit*.dcm": "deep colour in RLE: ITK mixes up samples and their bytes",
    "rt_small/rt-utils/o*": "slope 0.001: dcmtk keeps whole numbers only after the rescale slope",
    "SC_rgb_jpeg.dcm": "data set in another encoding than the file says: dcmtk gives up",
    "sts_002/STS_002/PET/*": "uptake from 0 to 2: dcmtk keeps whole numbers only after the rescale slope",
    "rtdose*_1frame.dcm": "ITK wants what a dose of one frame lacks",
    "JPEG2000-embedded-sequence-delimiter.dcm": "not a picture: its code stream is broken on purpose",
    "MR_truncated.dcm": "cut short: nobody shows it",
    "badVR.dcm": "NumberOfFrames is “1A”: the others take it for 1",
    "meta_missing_tsyntax.dcm": "neither rows nor columns",
    "nested_priv_SQ.dcm": "neither rows nor columns",
}
"""Where we disagree, or one of us shows nothing. That ITK knows no VOI LUT and dcmtk no JPEG 2000 is said anyway."""


@pytest.fixture(scope="module")
def samples() -> list[Compared]:
    """pydicom's own files."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    folder = Path(pydicom.__file__).parent / "data/test_files"
    return [row for path, name in files_of(folder) if (row := compared(path, name)) is not None]


def test_the_table_of_pydicoms_files(samples: list[Compared]) -> None:
    lines = [_line(row.file, row, _why(row)) for row in samples]
    _holds("agreement", [*_head("file"), *lines])
    _holds("summary", [_summary(samples)])


def test_what_differs_is_explained_and_nothing_else(samples: list[Compared]) -> None:
    assert [row.file for row in samples if _odd(row) and not _why(row)] == []
    own = [name for name in WHY if not name.startswith(SHARED)]
    assert [name for name in own if not any(fnmatch(row.file, name) and _odd(row) for row in samples)] == []
    assert len(samples) > 90


def test_the_table_of_the_shared_sets(data_dir: Path) -> None:
    lines, count = [], 0
    for name in SHARED:
        found = (compared(path, f"{name}/{file}") for path, file in files_of(data_dir / name) if _maybe(file))
        rows = [row for row in found if row is not None and row.modality != "SEG"]
        count += len(rows)
        assert not [row.file for row in rows if _odd(row) and not _why(row)]
        for folder, group in _grouped(rows):
            worst = _worst(group)
            lines.append(_line(f"{folder} ({len(group)})", worst, _why(worst)))
    assert count > 100
    _holds("agreement-shared", [*_head("folder (files)"), *lines])


def _maybe(file: str) -> bool:
    return not file.endswith((".gz", ".nrrd", ".json", ".txt", "LICENSE"))


def _odd(row: Compared) -> bool:
    """Whether a row needs a word: more than a level apart, or shown by some only."""
    others = [one for one in (row.dcmtk, row.itk) if one not in ("no JPEG 2000", "no VOI LUT")]
    return row.ours.startswith("refused") or any(isinstance(one, str) or one.largest > 1 for one in others)


def _why(row: Compared) -> str:
    if not _odd(row):
        near = any(isinstance(one, Difference) and one.largest for one in (row.dcmtk, row.itk))
        return "rounding" if near else ""
    return next((why for name, why in WHY.items() if fnmatch(row.file, name)), "")


def _grouped(rows: Iterable[Compared]) -> Iterator[tuple[str, list[Compared]]]:
    def folder(row: Compared) -> tuple[str, str, str]:
        return row.file.rpartition("/")[0], row.syntax, row.ours

    for key, group in groupby(sorted(rows, key=folder), folder):
        yield key[0], list(group)


def _worst(rows: list[Compared]) -> Compared:
    def of(found: list[Difference | str]) -> Difference | str:
        apart = [one for one in found if isinstance(one, Difference)]
        if len(apart) < len(found):
            return next(one for one in found if isinstance(one, str))
        return Difference(max(one.largest for one in apart), sum(one.mean for one in apart) / len(apart))

    return replace(rows[0], dcmtk=of([row.dcmtk for row in rows]), itk=of([row.itk for row in rows]))


def _head(first: str) -> list[str]:
    return [f"| {first} | transfer syntax | shown by | dcmtk {version()} | SimpleITK | why |", f"|{'---|' * 6}"]


def _line(name: str, row: Compared, why: str) -> str:
    return f"| {name} | {row.syntax} | {row.ours} | {_cell(row.dcmtk)} | {_cell(row.itk)} | {why} |"


def _cell(one: Difference | str) -> str:
    if isinstance(one, str):
        return one
    return "0" if one.largest == 0 else f"{one.largest} / {one.mean:.3f}"


def _summary(rows: list[Compared]) -> str:
    shown = [row for row in rows if not row.ours.startswith("refused")]
    told = [f"{len(rows)} files hold pixels; {len(shown)} are shown and {len(rows) - len(shown)} refused."]
    for name, found in (("dcmtk", [row.dcmtk for row in shown]), ("SimpleITK", [row.itk for row in shown])):
        apart = [one.largest for one in found if isinstance(one, Difference)]
        same, near = apart.count(0), apart.count(1)
        told.append(
            f"{name} shows {len(apart)} of those: {same} are the same in every pixel, {near} differ by one level at "
            f"most, {len(apart) - same - near} by more."
        )
    return " ".join(told)


def _holds(name: str, lines: list[str]) -> None:
    """The block of this name on the page is these lines; what another dcmtk says is not held against it."""
    page = PAGE.read_text("utf-8")
    block = re.compile(rf"(<!-- {name} -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)
    found = "\n".join(lines)
    if os.environ.get("MEDLOOM_WRITE_DOCS"):
        PAGE.write_text(block.sub(lambda old: old[1] + found + old[3], page), "utf-8")
        page = PAGE.read_text("utf-8")
    written = block.search(page)
    assert written is not None
    if f"dcmtk {version()} |" not in page:
        pytest.skip(f"the page was written with another dcmtk than {version()}")
    assert written[2] == found, found
