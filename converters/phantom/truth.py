"""Truth: what the clinic holds, as it was made; ``truth.json`` is this and nothing else.

Points are RAS mm, lengths mm, volumes mm³; picture boxes are half-open xyxy in pixels, volume boxes half-open
(i0, j0, k0, i1, j1, k1) in stored voxels; paths are relative to the clinic's root. `side` is the patient's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Side = Literal["left", "right"]
State = Literal["present", "absent", "uncertain", "not_stated"]
Change = Literal["new", "grown", "shrunk", "same", "gone"]
Box = tuple[int, int, int, int]
Point = tuple[float, float, float]


class Lesion(msgspec.Struct, frozen=True, kw_only=True):
    """One object by formula: an ellipsoid. `semi_axes_mm`: longest first.

    `long_axis_mm` and `short_axis_mm` are full axes of the ellipse in which it is cut or seen: in a volume by the axial
    slice through its centre, on a film by the frontal plane.
    """

    key: str
    concept: str
    side: Side
    centre_ras_mm: Point
    semi_axes_mm: Point
    volume_mm3: float
    long_axis_mm: float
    short_axis_mm: float


class VolumeObject(msgspec.Struct, frozen=True, kw_only=True):
    """One label of a volume, or one lesion of it (`lesion`), as its voxels are written.

    `largest_slice` is the stored index, along the volume's axial axis, of the slice with most of its voxels.
    """

    concept: str
    name: str
    value: int
    voxels: int
    voxel_volume_mm3: float
    centroid_ras_mm: Point
    box_ijk: tuple[int, int, int, int, int, int]
    largest_slice: int
    side: Side | None = None
    lesion: Lesion | None = None


class VolumeTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One volume. `labels` is the label map, or the folder of masks, or None where the layout publishes none.

    `axial_axis` is the stored axis that runs from foot to head or back; `absent` are the concepts that the layout
    could label and this volume does not show.
    """

    source: str
    patient: str
    modality: Literal["ct", "mr"]
    files: list[str]
    labels: str | None
    split: Literal["train", "test"] | None
    orientation: str
    spacing_mm: Point
    shape: tuple[int, int, int]
    axial_axis: int
    objects: list[VolumeObject]
    absent: list[str]
    situs_inversus: bool = False


class FilmObject(msgspec.Struct, frozen=True, kw_only=True):
    """What one region of a film shows. `annotation` is its id in the COCO file; `lesion` is there for nodules only."""

    key: str
    concept: str
    side: Side | None
    box: Box
    area_px: int
    annotation: int
    zone: Literal["upper", "middle", "lower"] | None = None
    lesion: Lesion | None = None
    volume_mm3: float | None = None


class ChangeTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object since the visit before; sizes are long axes, or the level of an effusion, in mm."""

    key: str
    concept: str
    change: Change
    before_mm: float | None
    after_mm: float | None


class VisitTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One visit with its radiograph, report and changes. `day` counts from the patient's first visit."""

    key: str
    day: int
    view: Literal["PA", "AP"]
    film: str
    size: tuple[int, int]
    spacing_mm: float
    findings: dict[str, State]
    cardiothoracic_ratio: float
    objects: list[FilmObject]
    interval_days: int | None
    changes: list[ChangeTruth]
    report: str
    report_xml: str


class PatientTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One patient; the same key means the same patient in every source."""

    key: str
    sex: Literal["female", "male"]
    age_years: int
    situs_inversus: bool
    visits: list[VisitTruth]


class PictureObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a picture; `mask` is its own file where the layout has one each."""

    concept: str
    box: Box
    area_px: int
    mask: str | None = None


class PictureTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One photograph or micrograph. `counts` are exact; `patient` is None where the layout states none."""

    source: str
    file: str
    patient: str | None
    split: Literal["train", "validation", "test"] | None
    size: tuple[int, int]
    concept: str | None
    objects: list[PictureObject]
    counts: dict[str, int]
    annotation: str | None = None


class Defect(msgspec.Struct, frozen=True, kw_only=True):
    """A planted fault. `same_as` is the picture that it repeats.

    `caught_by` is what must catch it: the filter exact_duplicates, near_duplicates or image, or "list" (no Sample may
    come of it) or "decode" (no picture may). `kind` is the reason that it must give.
    """

    source: str
    file: str
    kind: str
    caught_by: str
    same_as: str | None = None


class EventTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What happens in a clip, from `start_s` up to `end_s`, in seconds of the clip's own time."""

    concept: str
    start_s: float
    end_s: float


class ClipTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One ultrasound clip. `files` is one file, or one file per frame; `said` is the file of what is said in it."""

    source: str
    key: str
    patient: str
    side: Side
    files: list[str]
    frames: int
    frames_per_second: float
    size: tuple[int, int]
    events: list[EventTruth]
    pleural_line_y: float
    said: str


class QueryTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What one patient writes: complaints that are there and that are not, since how many days, on which side."""

    patient: str
    text: str
    days: int
    present: list[str]
    absent: list[str]
    side: Side | None


class ScanTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a patient whose brain was scanned again and again: how large the tumour is, as its voxels are
    written, and what became of it since the visit before.
    """

    source: str
    patient: str
    session: str
    day: int
    files: list[str]
    tumour_mm3: float
    change: Change | None


class ClinicTruth(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `real` is False, always."""

    real: Literal[False] = False
    seed: int
    patients: list[PatientTruth]
    volumes: list[VolumeTruth]
    pictures: list[PictureTruth]
    clips: list[ClipTruth]
    scans: list[ScanTruth]
    queries: list[QueryTruth]
    defects: list[Defect]
    concepts: dict[str, dict[str, str | None]]


def encode(truth: ClinicTruth) -> bytes:
    """Indented JSON whose floats have at most four decimals, so that it reads well and stays the same."""
    return msgspec.json.format(msgspec.json.encode(_rounded(msgspec.to_builtins(truth))), indent=1) + b"\n"


def decode(data: bytes) -> ClinicTruth:
    """The truth of a clinic from the bytes of its ``truth.json``."""
    return msgspec.json.decode(data, type=ClinicTruth)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
