"""Clips of known content: the frame that is asked for is the frame that comes, at the time that the container says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from medloom.converters.video.choose_frames import choose_frames, frame_at
from medloom.converters.video.clip import open_clip
from medloom.converters.video.container import AvClip
from medloom.converters.video.decord_clip import DecordClip
from medloom.converters.video.whole import whole_clip
from medloom.schemas.catalog import FramePolicy
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Event

BARS = 8
KINDS = {
    "b_frames.mp4": ("-c:v", "libx264", "-bf", "3", "-g", "12", "-pix_fmt", "yuv420p"),
    "ten_bit.mkv": ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-b:v", "1M"),
    "motion.avi": ("-c:v", "mjpeg", "-q:v", "3"),
    "mpeg2.mpeg": ("-c:v", "mpeg2video", "-r", "25", "-q:v", "3", "-g", "6"),
    "quick.mov": ("-c:v", "mpeg4", "-q:v", "3", "-g", "10"),
}


def number_in(frame: np.ndarray) -> int:
    width = frame.shape[1] // BARS
    bars = [frame[:, bar * width + width // 4 : bar * width + 3 * width // 4].mean() > 127 for bar in range(BARS)]
    return int("".join("01"[bool(bar)] for bar in bars), 2)


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_the_one_that_was_asked_for(name: str, make_video: Callable[..., Path]) -> None:
    clip = open_clip([make_video(name, *KINDS[name])])
    rate = 10 if name != "mpeg2.mpeg" else 25
    assert (clip.width, clip.height) == (160, 96)
    assert clip.duration_s == pytest.approx(4, abs=2 / rate)
    wanted = sorted(random.Random(name).sample(range(len(clip.times)), 9))
    shown = {index: number_in(frame) for index, frame in clip.frames(wanted)}
    assert list(shown) == wanted
    started = clip.times[0]
    for index, number in shown.items():  # at 25 fps the ten pictures of a second come twice or thrice
        assert abs(number - (clip.times[index] - started) * 10) <= (0.01 if rate == 10 else 1.0)


def test_times_of_a_variable_rate_are_the_containers(make_video: Callable[..., Path]) -> None:
    stretched = "setpts='if(lt(N,10),N/10,1+(N-10)/2)/TB'"
    path = make_video("variable.mp4", "-vf", stretched, "-fps_mode", "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    clip = open_clip([path])
    expected = [n / 10 if n < 10 else 1 + (n - 10) / 2 for n in range(40)]
    assert [round(time - clip.times[0], 2) for time in clip.times] == [round(time, 2) for time in expected]
    assert frame_at(clip, clip.times[0] + 1.6) == 11
    assert [number_in(frame) for _, frame in clip.frames([3, 11, 39])] == [3, 11, 39]


def test_both_decoders_give_the_same_pixels(make_video: Callable[..., Path]) -> None:
    pytest.importorskip("decord")
    path = make_video("same.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "8")
    one, other = AvClip(path), DecordClip(path)
    assert len(one.times) == len(other.times) == 40
    for (i, a), (j, b) in zip(one.frames([0, 7, 22, 39]), other.frames([0, 7, 22, 39]), strict=True):
        assert i == j and np.abs(a.astype(int) - b).max() <= 2


def test_a_clip_that_lies_on_its_side_is_turned(make_video: Callable[..., Path], tmp_path: Path) -> None:
    import subprocess

    upright = make_video("upright.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    turned = tmp_path / "turned.mp4"
    command = ["ffmpeg", "-y", "-loglevel", "error", "-i", str(upright), "-c", "copy", "-metadata:s:v:0", "rotate=90"]
    subprocess.run([*command, str(turned)], check=True)
    clip = open_clip([turned])
    if (clip.width, clip.height) == (160, 96):
        pytest.skip("this ffmpeg writes no display matrix from rotate")
    (_, frame), *_ = clip.frames([5])
    assert frame.shape == (160, 96, 3)


def test_an_animated_gif_keeps_its_own_times(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((20, 30), level, np.uint8)) for level in (0, 80, 160, 240)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[100, 300, 10, 200])
    clip = open_clip([tmp_path / "a.gif"])
    assert clip.times == pytest.approx((0, 0.1, 0.4, 0.5)) and clip.duration_s == pytest.approx(0.7)
    assert [int(frame[0, 0, 0]) for _, frame in clip.frames([3, 1])] == pytest.approx([80, 240], abs=2)


def test_a_folder_of_frames_needs_a_rate(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((8, 12), number * 50, np.uint8))
    with pytest.raises(BadInput, match="frame rate"):
        open_clip(paths)
    clip = open_clip(paths, rate=4)
    assert clip.times == (0, 0.25, 0.5) and [int(f[0, 0, 0]) for _, f in clip.frames([0, 2])] == [0, 100]


def test_cine_dicom_has_its_frame_times() -> None:
    from pydicom.data import get_testdata_file

    clip = open_clip([Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))])
    assert len(clip.times) > 1 and clip.duration_s > 0
    ((_, frame),) = clip.frames([1])
    assert frame.shape == (clip.height, clip.width, 3)


@pytest.mark.parametrize("policy", ["even", "fps", "scene_change", "key_frames", "events"])
def test_policies_are_bounded_ascending_and_repeatable(policy: str, make_video: Callable[..., Path]) -> None:
    clip = open_clip(
        [make_video("policy.mp4", "-c:v", "libx264", "-g", "8", "-sc_threshold", "0", "-pix_fmt", "yuv420p")]
    )
    events = [Event(name="a", start_s=1.0, end_s=2.0, pointer="p")]
    asked = FramePolicy(policy=policy, per_clip=5, fps=2)  # type: ignore[arg-type]
    chosen = choose_frames(clip, asked, events)
    assert chosen == sorted(set(chosen)) == choose_frames(clip, asked, events) and 1 <= len(chosen) <= 5
    if policy == "even":
        assert chosen == [4, 12, 20, 28, 36]
    if policy == "key_frames":
        assert chosen == [0, 8, 16, 24, 32]
    if policy == "events":
        assert chosen == [10, 15, 19]


def test_what_is_no_clip_is_refused(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    sound = tmp_path / "sound.mp4"
    import subprocess

    subprocess.run(
        ["ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1", str(sound)], check=True
    )
    whole = make_video("whole.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p").read_bytes()
    (tmp_path / "torn.mp4").write_bytes(whole[:1500])
    (tmp_path / "text.mp4").write_bytes(b"no video at all" * 40)
    for name in ("sound.mp4", "torn.mp4", "text.mp4"):
        with pytest.raises(BadInput):
            open_clip([tmp_path / name])


@pytest.mark.parametrize("name", ["b_frames.mp4", "mpeg2.mpeg", "quick.mov"])
def test_a_whole_clip_loses_its_metadata_and_nothing_else(
    name: str, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    planted = ("-metadata", "title=Jane Doe", "-metadata", "location=+52.5-013.4/", "-metadata", "comment=MRN 12345")
    path = make_video(f"named_{name}", *planted, *KINDS[name])
    clip = open_clip([path])
    data = whole_clip(clip).data
    assert data == whole_clip(open_clip([path])).data
    assert not any(word in data for word in (b"Jane", b"52.5-013", b"12345"))
    (tmp_path / "kept.mp4").write_bytes(data)
    kept = open_clip([tmp_path / "kept.mp4"])
    assert len(kept.times) == len(clip.times)
    last = len(clip.times) - 1
    for (_, a), (_, b) in zip(clip.frames([0, 17, last]), kept.frames([0, 17, last]), strict=True):
        assert number_in(a) == number_in(b)
    for mine, theirs in zip(clip.times, kept.times, strict=True):
        assert mine - clip.times[0] == pytest.approx(theirs - kept.times[0], abs=0.002)
