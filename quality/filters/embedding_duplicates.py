"""Embedding duplicates: pictures that a model takes for one, under several owners."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from medloom.quality.duplicates import MIN_SPREAD
from medloom.quality.embedding import gradients, near_vectors, onnx_model
from medloom.quality.filter import Filter, FilterParams
from medloom.quality.near_search import Pairs
from medloom.quality.repeated import RECORD_COLUMNS, Across, drop_repeated
from medloom.quality.thumbs import stack


class EmbeddingDuplicatesParams(FilterParams):
    """`model`: an ONNX file; without, histograms of gradients. `cosine`: from which on two pictures are one.

    `across` "sources": what one source repeats stays.
    """

    model: str | None = None
    cosine: float = Field(default=0.97, gt=0, le=1)
    across: Across = "sources"


class EmbeddingDuplicates(Filter):
    """Drops the records of which every picture is, to the embedding, one of an earlier owner: ``embedding_duplicate``.

    Every pair is compared: for corpora of up to some hundred thousand pictures. See `medloom.quality.embedding`, and
    `medloom.quality.repeated.drop_repeated` for who counts as earlier.
    """

    name: ClassVar[str] = "embedding_duplicates"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    record_columns: ClassVar[tuple[str, ...]] = RECORD_COLUMNS
    view_columns: ClassVar[tuple[str, ...]] = ("id", "source", "sample", "sha256", "thumb")
    Params: ClassVar[type[FilterParams]] = EmbeddingDuplicatesParams
    params: EmbeddingDuplicatesParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return drop_repeated(
            records, views, "embedding_duplicate", across=self.params.across, contradictions=False,
            pairs_of=partial(_pairs, params=self.params),
        )  # fmt: skip


def _pairs(pictures: pl.DataFrame, params: EmbeddingDuplicatesParams) -> Pairs:
    thumbs, rows = stack(pictures["thumb"])
    telling = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2]).std(axis=1) >= MIN_SPREAD
    thumbs, rows = thumbs[telling], rows[telling]
    if len(rows) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    embed = gradients if params.model is None else onnx_model(Path(params.model))
    first, second = near_vectors(embed(thumbs), params.cosine)
    return rows[first], rows[second]
