"""Which slice of a volume each DICOM instance of a series became."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class SeriesIndex:
    """The instances behind a Volume's slices, as SEG, RTSTRUCT and SR refer to them.

    `instances` holds (SOPInstanceUID, frame number from 1) for k = 0, 1, ..., which runs along the slices' normal.
    `frame_of_reference` is None where the series states none: then nothing may be brought to it by coordinates.
    """

    study: str | None
    series: str | None
    frame_of_reference: str | None
    instances: tuple[tuple[str, int], ...]

    def k_of(self, uid: str, frame: int = 1) -> int | None:
        """The slice of SOP instance `uid` (its frame `frame`, from 1), or None where it isn't in the volume."""
        return self._places.get((uid, frame))

    @cached_property
    def uids(self) -> frozenset[str]:
        """All SOPInstanceUIDs of the volume."""
        return frozenset(uid for uid, _ in self.instances)

    @cached_property
    def _places(self) -> dict[tuple[str, int], int]:
        return {instance: k for k, instance in enumerate(self.instances)}
