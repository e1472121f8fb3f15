"""Sample: one imaging unit with the facts that its source states, referring to files and holding no pixel."""

from __future__ import annotations

from typing import Literal

import msgspec

Split = Literal["train", "validation", "test"]
Polarity = Literal["present", "absent", "uncertain"]
MediaKind = Literal["picture", "volume", "series", "clip", "slide"]
RegionKind = Literal["box", "polygon", "rle", "mask", "label_map", "colour_mask", "dicom_seg", "rtstruct"]
Modality = Literal[
    "ct", "mr", "xray", "ultrasound", "fundus", "oct", "dermoscopy", "microscopy", "histopathology",
    "endoscopy", "mammography", "pet", "nuclear", "photograph", "other",
]  # fmt: skip


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A file (or the files of one series or clip) that a picture can be made of.

    `files` are relative to the source's root, with forward slashes. ``series``: the DICOM files of one series, in any
    order. ``slide``: a picture too big to be shown, of which tiles are: a pyramidal TIFF, or the DICOM files of one
    slide microscopy series, one for each level. ``clip``: a video file, an animated picture, a multi-frame DICOM file,
    or frames in order, one file each.
    `role` tells the contrast, channel or view where one Sample has several ("t2", "lateral"). `member` names one array
    of a container file (an ``.npz`` array, an HDF5 dataset, a series and level of a TIFF as ``0/2``). `frame` picks one
    frame, one item along the first axis of an array, or the 3D volume of a 4D file. `rate` is that of a clip whose
    frames are files, in frames per second; `times` are the seconds of each where they aren't evenly spaced. `crop` is
    half-open xyxy in whole native pixels: a tile of a picture too big to be shown. `size` is the (width, height) that
    the annotation states: it tells a wrong picture from the right one, and whether boxes were drawn before or after the
    EXIF rotation. `transform` is the ITK text file with which a volume is resampled into a space that several share: it
    maps points of that space to the volume's own. `onto` is the key of another volume of the Sample, on whose grid this
    one is shown, so that slices of the same number show the same place. `day` counts from the patient's first visit,
    where the media of one Sample are of several.
    """

    key: str = "image"
    kind: MediaKind = "picture"
    files: tuple[str, ...]
    role: str | None = None
    member: str | None = None
    frame: int | None = None
    rate: float | None = None
    times: tuple[float, ...] = ()
    crop: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None
    transform: str | None = None
    onto: str | None = None
    day: float | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What the source says of the whole Sample. `name` is the source's own word; the card maps it to a concept.

    `pointer` leads to the annotation: ``labels.csv#row=12,column=effusion``.
    """

    name: str
    polarity: Polarity = "present"
    pointer: str


class MaskName(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a label map, or one RGB colour of a colour-coded mask, and the source's name for it.

    `also` are further values that the name covers: "whole tumour" is made of all of its parts.
    """

    name: str
    value: int | None = None
    also: tuple[int, ...] = ()
    colour: tuple[int, int, int] | None = None

    @property
    def values(self) -> tuple[int, ...]:
        """All values of a label map that bear the name."""
        return () if self.value is None else (self.value, *self.also)

    @property
    def told(self) -> str:
        """What a pointer says of it."""
        return f"value={','.join(map(str, self.values))}"


class Rle(msgspec.Struct, frozen=True, kw_only=True):
    """COCO run-length encoding, column-major as pycocotools writes it. `size` is (height, width)."""

    size: tuple[int, int]
    counts: str


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is, in the form in which the source has it; boxes are derived downstream.

    - ``box``: `box` is half-open xyxy, float, origin top-left, in native pixels of the file.
    - ``polygon``: `polygons` are flat x, y lists in the same frame. ``rle``: `rle`.
    - ``mask``: `file` shows `name` wherever it is not zero (or equals `value`, or exceeds half in a lossy file).
    - ``label_map`` and ``colour_mask``: `file` and `names`; what is neither zero nor named leaves no name complete.
    - ``dicom_seg`` (`names` by segment number) and ``rtstruct`` (`names` by ROI number): `file` is the DICOM object.

    `instance` says that the region is one object; otherwise the components of the mask are the objects. `frame` is the
    frame of a clip that the region was drawn on. `member` names one array of a container file. `resample` allows a mask
    on another grid to be brought to the picture's by world coordinates, through the ITK `transform` file where one is
    given: it maps points of the space that media and masks share (see `Media`) to the mask's own. `since` is the key of
    the medium of an earlier visit: the region is what changed, and neither picture shows it alone.
    """

    kind: RegionKind
    pointer: str
    media: str = "image"
    name: str | None = None
    box: tuple[float, float, float, float] | None = None
    polygons: tuple[tuple[float, ...], ...] | None = None
    rle: Rle | None = None
    file: str | None = None
    value: int | None = None
    names: tuple[MaskName, ...] = ()
    instance: bool = False
    frame: int | None = None
    member: str | None = None
    resample: bool = False
    transform: str | None = None
    since: str | None = None


class Landmark(msgspec.Struct, frozen=True, kw_only=True):
    """A named point. `position` is (x, y) in native pixels of a picture or (i, j, k) voxels of a volume."""

    name: str
    position: tuple[float, ...]
    pointer: str
    media: str = "image"


class LandmarkMap(msgspec.Struct, frozen=True, kw_only=True):
    """A volume file whose few non-zero voxels are points, named by their value."""

    file: str
    names: tuple[MaskName, ...]
    media: str = "image"


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Text that belongs to the Sample: `kind` is report, findings, impression, comparison, indication, caption, note,
    transcript, query, ... `media` is the picture that it is about, where it isn't about the whole Sample. `start_s` and
    `end_s` place a transcript in its clip, in seconds of the container's own time.
    """

    kind: str
    body: str
    pointer: str
    language: str = "en"
    media: str | None = None
    start_s: float | None = None
    end_s: float | None = None


class NamedBox(msgspec.Struct, frozen=True, kw_only=True):
    """A box that goes with a question: half-open xyxy in native pixels."""

    name: str
    box: tuple[float, float, float, float]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that the source itself ships, with its answer and where it came from.

    `media` are the pictures that it asks about, in the order in which it shows them; empty means all of the Sample.
    `options` are the texts of a choice and `correct` the indices of the right ones. `kind` is the source's own word for
    the type of question. `origin` says whose words they are. `reason` is the source's own explanation; `boxes` are
    the evidence that it points to, in the first of `media`. `follows` says that it goes on from the question before it
    in `questions`, in one conversation.
    """

    question: str
    answer: str
    pointer: str
    media: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    correct: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()
    kind: str | None = None
    origin: Literal["people", "template", "model", "unknown"] = "unknown"
    reason: str | None = None
    boxes: tuple[NamedBox, ...] = ()
    language: str = "en"
    follows: bool = False


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that the source itself states. `name` is the source's word for what was measured, `of` for the
    thing it was measured on; `unit` is a UCUM code (``mm``, ``[hnsf'U]``). `method` is the source's word for how,
    `derivation` for which statistic of many values it is (``Mean``).
    """

    name: str
    value: float
    unit: str
    pointer: str
    of: str | None = None
    method: str | None = None
    derivation: str | None = None
    media: str = "image"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens in a clip from `start_s` to `end_s`, seconds of the container's own time.

    `kind`: a ``phase`` of the procedure (phases don't overlap), an ``event``, a ``triplet`` of instrument, verb and
    target, or the presence of a ``tool``.
    """

    name: str
    start_s: float
    end_s: float
    pointer: str
    kind: Literal["phase", "event", "triplet", "tool"] = "event"
    media: str = "image"


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """When the Sample was taken: an order that the source states, and days from the patient's own first date."""

    key: str
    day: float | None = None


class Acquisition(msgspec.Struct, frozen=True, kw_only=True):
    """How the picture was taken. Whatever is None is not known and must not be said."""

    modality: Modality | None = None
    body_part: str | None = None
    view: str | None = None
    laterality: Literal["left", "right"] | None = None
    sequence: str | None = None
    sex: Literal["female", "male", "other"] | None = None
    age_years: float | None = None
    window: tuple[float, float] | None = None
    spacing_mm: tuple[float, float] | None = None
    orientation: tuple[str, str] | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One imaging unit. `key` is unique and stable within the source; `patient` and `split` of None are statements.

    `complete_labels` are the source's label names of which every one has been judged for this Sample: a name without
    a Label is absent. `complete_regions` are the names of which every instance has a Region. `media` may be empty where
    the source has text and no picture; `missing` are the pictures that it names and that are not there.
    `licence` overrides the card's where a source licenses picture by picture.
    """

    key: str
    patient: str | None
    split: Split | None
    media: tuple[Media, ...]
    study: str | None = None
    visit: Visit | None = None
    acquisition: Acquisition = Acquisition()
    labels: tuple[Label, ...] = ()
    complete_labels: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    complete_regions: tuple[str, ...] = ()
    landmarks: tuple[Landmark, ...] = ()
    landmark_maps: tuple[LandmarkMap, ...] = ()
    texts: tuple[Text, ...] = ()
    questions: tuple[Question, ...] = ()
    measured: tuple[Measured, ...] = ()
    events: tuple[Event, ...] = ()
    missing: tuple[str, ...] = ()
    licence: str | None = None
    notes: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An input that could not be used. A converter yields it in the place of a Sample; it is quarantined.

    `part` says that only a part was lost (a region, a label) and that the Sample itself goes on.
    """

    unit: str
    reason: str
    detail: str
    file: str | None = None
    stage: Literal["list", "convert", "synthesize", "licence"] = "list"
    part: bool = False


def first_file(sample: Sample) -> str | None:
    """The file to name where something is said of the whole Sample: its first picture's, else its first text's."""
    if sample.media:
        return sample.media[0].files[0]
    pointers = [told.pointer for told in sample.texts] or [told.pointer for told in sample.questions]
    return pointers[0].split("#", 1)[0] if pointers else None
