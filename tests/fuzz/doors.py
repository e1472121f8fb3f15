"""Doors: the ways by which a stranger's file gets into a worker, each with real files to begin with.

A door is a folder in which one file is exchanged for a mutant, and the worker's own path over it: listing by the
converter where it is an annotation, and `scenes_of`, which decodes.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import FramePolicy, IdentitySettings, ViewPolicy
from medloom.schemas.sample import Acquisition, MaskName, Media, Region, Sample


@dataclass(frozen=True)
class Door:
    """`file` under `root` is exchanged; `form` tells the mutator what it is. `listed` by the card's converter, or
    shown as `media` alone."""

    root: Path
    file: str
    form: str
    card: SourceCard
    sample: Sample | None = None

    def enter(self) -> Counter[str]:
        """Lists and shows as a worker does: reasons of what was refused, and ``read`` for what was shown."""
        from medloom.converters.registry import load_converter
        from medloom.synthesis.origin import Origin
        from medloom.synthesis.scenes import scenes_of
        from medloom.synthesis.vocabulary import load_vocabulary

        told: Counter[str] = Counter()
        samples = [self.sample] if self.sample is not None else []
        if self.sample is None:
            for item in load_converter(self.card.converter).samples(self.root, self.card):
                if isinstance(item, Sample):
                    samples.append(item)
                else:
                    told[item.reason] += 1
        for sample in samples[:3]:
            views = ViewPolicy(per_volume=2, frames=FramePolicy(per_clip=3), keep_whole=sample.media[:1] != ())
            origin = Origin(
                card=self.card, root=self.root, vocabulary=load_vocabulary(), views=views,
                identity=IdentitySettings(burned_in="keep"),  # text in pixels is another matter
            )  # fmt: skip
            made = scenes_of(sample, origin)
            told.update(row.reason for row in made.refused)
            told["read"] += bool(made.scenes or not sample.media)
        return told


def doors(medium: str, data: Path, folder: Path) -> list[Door]:
    """The doors of one medium, on copies of real files in `folder`."""
    return list(_MEDIA[medium](data, folder))


def card(converter: str = "class_folders", **fields: Any) -> SourceCard:
    given = {
        "source": "fuzzed", "title": "", "licence": "CC0-1.0", "citation": "", "modality": "other", "verified": "real",
        "converter": converter, "patient": "unknown", "exhaustive": {"labels": True, "regions": True}, **fields,
    }  # fmt: skip
    return SourceCard.model_validate(given)


def shown(path: Path, folder: Path, form: str, **media: Any) -> Door:
    """A file of its own, shown as one medium; a label map over a volume is exchanged with it."""
    root = folder / path.name
    root.mkdir(parents=True)
    shutil.copy(path, root / path.name)
    sample = Sample(
        key=path.name, patient=None, split=None, media=(Media(files=(path.name,), **media),),
        acquisition=Acquisition(modality="mr"),
    )  # fmt: skip
    return Door(root, path.name, form, card(), sample)


def listed(
    source: Path, folder: Path, form: str, file: str, converter: str, others: tuple[str, ...], **fields: Any
) -> Door:
    """An annotation file with what it speaks of (`others`, globs below `source`), listed by a converter."""
    root = folder / f"{converter}_{Path(file).stem}"
    for path in [source / file, *(path for pattern in others for path in sorted(source.glob(pattern))[:4])]:
        copy = root / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return Door(root, file, form, card(converter, **fields))


def dicom(data: Path, folder: Path) -> list[Door]:
    import pydicom

    small = Path(pydicom.__file__).parent / "data/test_files"
    files = [path for path in sorted(small.glob("*.dcm")) if path.stat().st_size < 45_000]
    files.append(slide_file(folder))
    found = [shown(path, folder, "dicom", frame=0) for path in files[:-1]]
    found += [shown(files[-1], folder / "slides", "dicom", kind="slide")] * 5
    files = sorted((data / "sts_002/STS_002/PET/dicom/image").glob("*.dcm"))[:4]
    for path in files:
        (folder / "series" / path.name).parent.mkdir(exist_ok=True)
        shutil.copy(path, folder / "series" / path.name)
    series = Media(files=tuple(path.name for path in files), kind="series")
    sample = Sample(key="series", patient=None, split=None, media=(series,))
    found += [Door(folder / "series", path.name, "dicom", card(), sample) for path in files[:2]] * 3
    found += [Door(folder / "series", files[0].name, "dicom", card("dicom_series"))] * 3
    return found


def slide_file(folder: Path) -> Path:
    """Slide microscopy of 3 × 2 JPEG tiles; no real one is at hand."""
    import cv2
    import numpy as np
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate

    one, measures, shared = Dataset(), Dataset(), Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    one.SOPClassUID, one.SOPInstanceUID, one.Modality = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.3", "SM"
    one.ImageType, one.DimensionOrganizationType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "TILED_FULL"
    one.Rows = one.Columns = 32
    one.TotalPixelMatrixColumns, one.TotalPixelMatrixRows, one.NumberOfFrames = 90, 60, 6
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "YBR_FULL_422", 0
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
    measures.PixelSpacing = [0.001, 0.001]
    shared.PixelMeasuresSequence = [measures]
    one.SharedFunctionalGroupsSequence = [shared]
    draw = np.random.default_rng(4)
    tiles = [cv2.imencode(".jpg", draw.integers(0, 255, (32, 32, 3)).astype(np.uint8))[1].tobytes() for _ in range(6)]
    one.PixelData = encapsulate(tiles)
    one["PixelData"].VR = "OB"
    one.save_as(folder / "slide.dcm", enforce_file_format=True)
    return folder / "slide.dcm"


def dicom_truth(data: Path, folder: Path) -> list[Door]:
    """SEG and RTSTRUCT objects, and a report, over series."""
    from pydicom import dcmread

    root = folder / "rt"
    shutil.copytree(data / "rt_small/rt-utils/mock_data", root)
    names = [item.ROIName for path in root.glob("*rt*.dcm") for item in dcmread(path).StructureSetROISequence]
    plain = card("dicom_series", labels=dict.fromkeys(names, "liver"))
    found = [Door(root, path.name, "dicom", plain) for path in sorted(root.glob("*rt*.dcm"))]
    sources = sorted((data / "dcmqi_seg").rglob("*.dcm"), key=lambda path: path.stat().st_size)[:6]
    for path in sources:
        (folder / "seg").mkdir(exist_ok=True)
        shutil.copy(path, folder / "seg" / path.name)
    segments = [dcmread(path).get("SegmentSequence", ()) for path in sources]
    known = dict.fromkeys((item.SegmentLabel for one in segments for item in one), "liver")
    found += [Door(folder / "seg", path.name, "dicom", card("dicom_series", labels=known)) for path in sources]
    told = card("dicom_series", params={"measurements": True}, labels={})
    (folder / "sr").mkdir()
    for path in (data / "dcmqi_seg/data/sr-example/sr.dcm", *sources[:3]):
        shutil.copy(path, folder / "sr" / path.name)
    return [*found, *[Door(folder / "sr", "sr.dcm", "dicom", told)] * 2]


def nifti(data: Path, folder: Path) -> list[Door]:
    import gzip

    files = sorted((data / "sct_testing").rglob("*.nii.gz"), key=lambda path: path.stat().st_size)
    files = [path for path in files if 2_000 < path.stat().st_size < 120_000][:6]
    found = [shown(path, folder / "gz", "gz", kind="volume") for path in files]
    for number, path in enumerate(files[:4]):
        plain = folder / f"{number}.nii"
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        found.append(shown(plain, folder / "plain", "nifti", kind="volume"))
    pair = folder / "pair"
    pair.mkdir()
    mask = sorted((data / "totalseg_ref/example_seg_fast").glob("*.nii.gz"))[0]
    for name in ("image.nii.gz", "mask.nii.gz"):
        shutil.copy(mask, pair / name)
    region = Region(kind="label_map", file="mask.nii.gz", names=(MaskName(name="x", value=1),), pointer="mask.nii.gz")
    volume = Media(files=("image.nii.gz",), kind="volume")
    sample = Sample(key="pair", patient=None, split=None, media=(volume,), regions=(region,))
    return [*found, Door(pair, "mask.nii.gz", "gz", card(labels={"x": "liver"}), sample)]


def png(data: Path, folder: Path) -> list[Door]:
    files = sorted((data / "dsb2018_nuclei").rglob("images/*.png"), key=lambda path: path.stat().st_size)[:8]
    found = [shown(path, folder, "png") for path in [*files, data / "pillow_messy/hopper.png"]]
    import cv2
    import numpy as np

    draw = np.random.default_rng(5)
    drawn = (("16", np.uint16, (40, 50)), ("rgba", np.uint8, (40, 50, 4)), ("wide", np.uint8, (3, 900)))
    for name, dtype, shape in drawn:
        path = folder / f"{name}.png"
        path.write_bytes(cv2.imencode(".png", draw.integers(0, 255, shape).astype(dtype))[1].tobytes())
        found.append(shown(path, folder / "drawn", "png"))
    nucleus = files[0].parents[1]
    rule = {"file": "masks/*.png", "name": "x", "instance": True}
    masks = listed(
        nucleus, folder, "png", f"masks/{sorted((nucleus / 'masks').iterdir())[0].name}", "mask_pairs", ("images/*",),
        params={"pictures": "images/(?P<id>.+)\\.png", "masks": [rule]}, labels={"x": "cell_nucleus"},
    )  # fmt: skip
    return [*found, masks]


def jpeg(data: Path, folder: Path) -> list[Door]:
    files = sorted((data / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:3]
    files += sorted(path for path in (data / "pillow_messy").glob("*.jpg") if 400 < path.stat().st_size < 40_000)
    files.remove(data / "pillow_messy/truncated_jpeg.jpg")
    return [shown(path, folder, "jpeg") for path in files]


def raster(data: Path, folder: Path) -> list[Door]:
    """TIFF, GIF, BMP, WebP, JPEG 2000 and PNM."""
    from PIL import Image

    found = [shown(path, folder, "raster") for path in sorted((data / "pillow_messy").glob("*.tif"))]
    with Image.open(data / "pillow_messy/hopper.png") as image:
        for suffix in ("gif", "bmp", "webp", "jp2", "ppm", "tiff"):
            image.convert("P" if suffix == "gif" else "RGB").save(folder / f"hopper.{suffix}")
            found.append(shown(folder / f"hopper.{suffix}", folder / "saved", "raster"))
    return found


def video(data: Path, folder: Path) -> list[Door]:
    import subprocess

    films = sorted((data / "pocus_lus/data/pocus_videos").rglob("*.m*"), key=lambda path: path.stat().st_size)
    found = [shown(films[0], folder, "video", kind="clip")]
    drawn = "testsrc=duration=1:size=64x48:rate=8"
    for suffix in ("mp4", "webm", "avi", "mov", "mpeg", "mkv", "gif"):
        path = folder / f"drawn.{suffix}"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", drawn]
        rate = ["-r", "25"] if suffix == "mpeg" else []
        subprocess.run([*command, *rate, "-threads", "1", str(path)], check=True)
        found += [shown(path, folder / "drawn", "video", kind="clip")] * (2 if suffix == "mp4" else 1)
    return found


def text(data: Path, folder: Path) -> list[Door]:
    """JSON, CSV and XML, with a few of the pictures that they speak of."""
    covid, blood = data / "covid_cxr_gb", data / "bccd_voc/BCCD"
    short = folder / "short"
    shutil.copytree(covid / "annotations", short / "annotations")
    with (covid / "metadata.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))[:8]
    with (short / "metadata.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    (short / "images").mkdir()
    for row in rows[1:4]:
        shutil.copy(covid / "images" / row[rows[0].index("filename")], short / "images")
    (short / "boxes.csv").write_text("file,a,b,c,d,name\n" + "".join(
        f"images/{row[rows[0].index('filename')]},{n},2,30,40,x\n" for n, row in enumerate(rows[1:4])
    ))  # fmt: skip
    xml = sorted((blood / "Annotations").glob("*.xml"))[0]
    cells = {"RBC": "red_blood_cell", "WBC": "white_blood_cell", "Platelets": "platelet"}
    found = [
        listed(short, folder, "text", "annotations/annotations.json", "coco", ("images/*",), params={
            "annotations": ["annotations/annotations.json"], "picture": "images/{file_name}", "search": "images"}),
        listed(short, folder, "text", "metadata.csv", "csv_labels", ("images/*",), params={
            "tables": ["metadata.csv"], "picture": "images/{filename}", "columns": ["finding"],
            "facts": {"acquisition": {"sex": "sex", "age_years": "age", "view": "view"},
                      "texts": {"note": "clinical_notes"}}}, labels={
                "COVID-19": "covid19_pneumonia", "Pneumonia": "pneumonia", "No Finding": "no_finding", "todo": None}),
        listed(short, folder, "text", "boxes.csv", "csv_boxes", ("images/*",), params={
            "tables": ["boxes.csv"], "picture": "{file}", "box": list("abcd"), "label": "name"},
            labels={"x": "lung_nodule"}),
        listed(blood, folder, "text", f"Annotations/{xml.name}", "pascal_voc", (f"JPEGImages/{xml.stem}.jpg",),
               labels=cells),
        listed(data / "openi_reports", folder, "text",
               sorted(path.relative_to(data / "openi_reports").as_posix()
                      for path in (data / "openi_reports").rglob("*.xml"))[0], "openi", ()),
        listed(data / "vqa_json_noimages/PathVQA", folder, "text", "pvqa_test.json", "vqa_table", (),
               params={"tables": ["pvqa_test.json"], "pictures": ["{image}.jpg"]}),
    ]  # fmt: skip
    whole = found[-1].root / found[-1].file
    whole.write_text(json.dumps(json.loads(whole.read_text())[:9]))
    return found


def arrays(data: Path, folder: Path) -> list[Door]:
    import h5py
    import numpy as np
    import tifffile

    del data
    draw = np.random.default_rng(6)
    source = folder / "source"
    source.mkdir()
    pictures = draw.integers(0, 255, (2, 20, 24), np.uint8)
    np.savez(source / "a.npz", train_images=pictures, train_labels=[[0], [1]])
    np.savez_compressed(source / "b.npz", train_images=pictures, train_labels=[[0], [1]])
    with h5py.File(source / "a.h5", "w") as file:
        file["train/pictures"] = pictures
        file.create_dataset("train/packed", data=pictures, chunks=(1, 20, 24), compression="gzip")
    tifffile.imwrite(source / "a.tif", pictures, photometric="minisblack", compression="lzw")
    tifffile.imwrite(source / "b.tif", pictures, photometric="minisblack", compression="zlib", tile=(16, 16))
    npz = {
        "params": {"labels": {"array": "{split}_labels", "classes": ["x", "y"]}},
        "labels": {"x": "no_finding", "y": "pneumonia"},
    }
    hdf5 = {"files": r".+\.h5", "array": ".+", "items": "rows"}
    return [
        *(listed(source, folder, "npz", f"{name}.npz", "npz", (), **npz) for name in "ab"),
        listed(source, folder, "hdf5", "a.h5", "hdf5", (), params=hdf5),
        *(
            listed(source, folder, "raster", f"{name}.tif", "tiff_stack", (), params={"pages": "pictures"})
            for name in "ab"
        ),
    ]


class Trap(Door):
    """A door that does what none should."""

    def enter(self) -> Counter[str]:
        if self.file == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.file == "hang":
            while True:
                pass
        if self.file == "raise":
            raise LookupError("a bug")
        return Counter({"read": len(bytearray(3 << 30))}) if self.file == "eat" else Counter({"read": 1})


def traps(data: Path, folder: Path) -> list[Door]:
    """What the net must catch, and one that it must let through."""
    del data
    names = ("die", "hang", "raise", "eat", "read")
    for name in names:
        (folder / name).write_bytes(b"x" * 100)
    return [Trap(folder, name, "any", card()) for name in names]


_MEDIA = {
    "dicom": dicom, "dicom_truth": dicom_truth, "nifti": nifti, "png": png, "jpeg": jpeg, "raster": raster,
    "video": video, "text": text, "arrays": arrays, "traps": traps,
}  # fmt: skip
