"""DICOM series and clips that the benchmark reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SLICES, SIDE = 48, 512
FRAMES, WIDTH, HEIGHT, RATE = 250, 1280, 720, 25


def series(folder: Path, number: int, packed: bool) -> None:
    """CT-like, 16 bits: a body, an organ, noise; uncompressed, or `packed` in lossless JPEG 2000.

    File names do not tell the order of the slices."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

    rng = np.random.default_rng([5, number])
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    body = ((x - 256) / 200) ** 2 + ((y - 256) / 160) ** 2 < 1
    at = rng.uniform(180, 330, 2)
    names = rng.permutation(SLICES)
    into = folder / "images" / f"{number:04d}"
    into.mkdir(parents=True, exist_ok=True)
    for index in range(SLICES):
        size = 60 * np.sqrt(max(0.05, 1 - ((index - SLICES / 2) / (SLICES / 2)) ** 2))
        values = np.where(body, np.int16(40), np.int16(-1000)) + rng.integers(-12, 13, body.shape, np.int16)
        values[(x - at[0]) ** 2 + (y - at[1]) ** 2 < size**2] += np.int16(60)
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = (
            f"1.2.826.0.1.3680043.8.498.{number + 1}.{index + 1}"
        )
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}.0.1"
        one.SeriesInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}.0.2"
        one.FrameOfReferenceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}.0.3"
        one.PatientID, one.Modality, one.BodyPartExamined = f"case{number:04d}", "CT", "ABDOMEN"
        one.InstanceNumber = index + 1
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.ImageOrientationPatient, one.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-200.0, -200.0, 2.5 * index]
        one.PixelSpacing, one.SliceThickness = [0.78, 0.78], 2.5
        one.RescaleSlope, one.RescaleIntercept, one.RescaleType = 1, -1024, "HU"
        one.Rows = one.Columns = SIDE
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
        one.PixelData = np.clip(values + 1024, 0, 4095).astype("<u2").tobytes()
        if packed:
            one.compress(JPEG2000Lossless, generate_instance_uid=False)
        one.save_as(into / f"{names[index]:04d}.dcm", enforce_file_format=True)


def clip(folder: Path, number: int, canvas: Any) -> None:
    """Ten seconds of 720p in H.264: a camera that wanders over a texture, with noise of its own in every frame."""
    import av

    rng = np.random.default_rng([6, number])
    (folder / "images").mkdir(parents=True, exist_ok=True)
    grey = np.clip(canvas + 128, 20, 235).astype(np.uint8)
    noise = rng.integers(0, 14, (HEIGHT + 64, WIDTH + 64), np.uint8)
    x, y = rng.integers(0, 2048 - WIDTH), rng.integers(0, 2048 - HEIGHT)
    with av.open(str(folder / "images" / f"{number:04d}.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _ in range(FRAMES):
            x, y = (
                int(np.clip(at + rng.integers(-6, 7), 0, most)) for at, most in ((x, 2048 - WIDTH), (y, 2048 - HEIGHT))
            )
            down, right = rng.integers(0, 64, 2)
            shown = grey[y : y + HEIGHT, x : x + WIDTH] + noise[down : down + HEIGHT, right : right + WIDTH]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([shown] * 3, axis=2), format="rgb24")))
        out.mux(stream.encode())
