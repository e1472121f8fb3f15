"""A volume medium, from whatever files hold it, as a Volume."""

from __future__ import annotations

from medloom.converters.pixels.volume import Volume, read_nifti
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media
from medloom.synthesis.origin import Origin


def read_volume(media: Media, origin: Origin) -> Volume:
    """The 3D volume of a ``volume`` medium (a NIfTI file, a member of a container) or of a ``series`` (DICOM files).

    A series' Volume has `series`, which tells the slice of each SOP instance.

    Raises BadInput as `read_nifti` and `read_series` do, and ``which_frame`` where the file holds several volumes and
    the medium names none, or one that isn't there.
    """
    if media.kind == "series":
        from medloom.converters.pixels.dicom_series import read_series

        return read_series(media.files, media.frame, origin.read)
    if media.member is not None:
        from medloom.synthesis.array_scene import array_volume

        return array_volume(media, origin)
    return _frame(read_nifti(origin.small(media.files[0])), media, origin.views.of_several)


def _frame(volume: Volume, media: Media, policy: str) -> Volume:
    """The frame that the medium names, else the one that the catalog's policy does."""
    if volume.frames == 1 and not media.frame:
        return volume.frame(0)
    if media.frame is None and policy != "named":
        return volume.frame(0 if policy == "first" else volume.frames // 2)
    if media.frame is None:
        raise BadInput("which_frame", f"{volume.frames} volumes in one file, and the Sample names none", media.files[0])
    if media.frame >= volume.frames:
        raise BadInput("which_frame", f"frame {media.frame} of {volume.frames}", media.files[0])
    return volume.frame(media.frame)
