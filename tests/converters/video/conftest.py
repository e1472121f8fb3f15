"""Videos of known content, made by ffmpeg: every frame shows its own number as a binary code of bars."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

WIDTH, HEIGHT, BITS = 160, 96, 8


def drawn(number: int) -> np.ndarray:
    """Eight bars, white for a 1, most significant first."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(BITS):
        if number >> (BITS - 1 - bit) & 1:
            frame[:, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = 255
    return frame


def number_in(frame: np.ndarray) -> int:
    """The number that a frame shows, whatever the codec did to it."""
    width = frame.shape[1] // BITS
    return sum(
        int(frame[:, bit * width + width // 4 : bit * width + 3 * width // 4].mean() > 127) << (BITS - 1 - bit)
        for bit in range(BITS)
    )


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("videos")
    stills = folder / "stills"
    stills.mkdir()
    for number in range(40):
        cv2.imwrite(str(stills / f"{number:03d}.png"), drawn(number))

    def make(name: str, *options: str, rate: float = 10) -> Path:
        path = folder / name
        source = ["-framerate", str(rate), "-i", str(stills / "%03d.png")]
        command = ["ffmpeg", "-y", "-loglevel", "error", *source, *options, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    return make
