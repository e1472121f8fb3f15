"""Near-duplicates: pictures that were resized, re-encoded, cropped, padded or re-windowed, under several owners."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from medloom.quality.duplicates import MEAN_GAP
from medloom.quality.filter import Filter, FilterParams
from medloom.quality.likeness import DISTANCE, ThumbsOf, copies
from medloom.quality.repeated import RECORD_COLUMNS, Across, drop_repeated


class NearDuplicatesParams(FilterParams):
    """`distance`: differing bits of the 64-bit hashes up to which two pictures are laid over each other. `mean_gap`:
    largest difference of mean grey levels of pictures without a thumb, of which the hash has to do.

    `across` "sources": what one source repeats stays, for its repeats are often wanted (visits, slices, frames).
    `contradictions`: off, because pictures that are merely alike may truly differ in a finding.
    `keep`: which of several copies stays, the first by (source, sample).
    """

    distance: int = Field(default=DISTANCE, ge=0, le=16)
    across: Across = "sources"
    keep: Literal["first"] = "first"
    mean_gap: float = Field(default=MEAN_GAP, ge=0)
    contradictions: bool = False


class NearDuplicates(Filter):
    """Drops the records of which every picture nearly is one of an earlier owner (the same bytes included).

    Reasons: ``near_duplicate``, and ``contradiction`` on request. Who counts as earlier:
    `medloom.quality.repeated.drop_repeated`; what counts as nearly: `medloom.quality.likeness.copies`.
    """

    name: ClassVar[str] = "near_duplicates"
    version: ClassVar[str] = "2"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    record_columns: ClassVar[tuple[str, ...]] = RECORD_COLUMNS
    view_columns: ClassVar[tuple[str, ...]] = (
        "id", "source", "sample", "sha256", "phash", "mean", "std", "width", "height", "thumb",
    )  # fmt: skip
    Params: ClassVar[type[FilterParams]] = NearDuplicatesParams
    params: NearDuplicatesParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self._repeated(records, views, None)

    def _repeated(self, records: pl.DataFrame, views: pl.DataFrame, thumbs_of: ThumbsOf | None) -> pl.DataFrame:
        return drop_repeated(
            records,
            views,
            "near_duplicate",
            across=self.params.across,
            contradictions=self.params.contradictions,
            pairs_of=partial(copies, distance=self.params.distance, mean_gap=self.params.mean_gap, thumbs_of=thumbs_of),
        )


class NearDuplicatesByName(NearDuplicates):
    """The same where thumbs are too many to be in memory: of the views only their hashes are, and `thumbs_of` gives the
    thumbs that are looked at by the ids of views."""

    view_columns: ClassVar[tuple[str, ...]] = (
        *(name for name in NearDuplicates.view_columns if name != "thumb"), "variants"
    )  # fmt: skip

    def __init__(self, params: NearDuplicatesParams, thumbs_of: ThumbsOf) -> None:
        super().__init__(params)
        self.thumbs_of = thumbs_of

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self._repeated(records, views, self.thumbs_of)
