"""Regions that DICOM objects draw on a volume: segments and contours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Region
from medloom.synthesis.facts import region_fact
from medloom.synthesis.scenes import Made, Stage, refusal
from medloom.synthesis.structures import Marked


def dicom_regions(region: Region, volume: Volume, stage: Stage, made: Made, lost: set[str]) -> Iterator[Marked]:
    """What each segment or ROI shows that the card knows.

    An ROI that can't be used is refused alone, and its name is lost. Raises BadInput where the whole object can't be.
    """
    assert region.file is not None
    path = stage.origin.path(region.file)
    known = {
        name.value: (name.name, concept)
        for name in region.names
        if name.value is not None and (concept := stage.naming.concept(name.name)) is not None
    }
    if region.kind == "dicom_seg":
        from medloom.converters.pixels.dicom_seg import read_seg

        for number, segment in sorted(read_seg(path, volume, set(known)).items()):
            yield from _marked(region, segment.mask, f"segment={number}", *known[number])
        return
    from medloom.converters.pixels.rtstruct import read_rtstruct

    for number, (name, concept) in sorted(known.items()):
        try:
            roi = read_rtstruct(path, volume, number, region.resample)
        except BadInput as bad:
            lost.add(name)
            made.refused.append(refusal(stage.sample, bad, region.file, part=True))
            continue
        if roi.gaps:
            told = f"ROI {number}: no contour on slices {list(roi.gaps)} between others"
            made.refused.append(refusal(stage.sample, BadInput("contour_gap", told), region.file, part=True))
            lost.add(name)
        yield from _marked(region, roi.mask, f"roi={number}", name, concept)


def _marked(region: Region, mask: NDArray[np.bool_], what: str, name: str, concept: str) -> Iterator[Marked]:
    found = np.argwhere(mask.any(axis=(1, 2))), np.argwhere(mask.any(axis=(0, 2))), np.argwhere(mask.any(axis=(0, 1)))
    if not all(len(one) for one in found):
        return
    i, j, k = (slice(int(one[0, 0]), int(one[-1, 0]) + 1) for one in found)
    assert region.file is not None
    fact = region_fact(concept, region.file, f"{region.pointer};{what}", name)
    yield Marked(concept, fact, mask[i, j, k], (i, j, k))
