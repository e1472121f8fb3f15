"""Thumbs: what the small likenesses of pictures (`medloom.schemas.appearance`) tell, many at a time."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medloom.schemas.appearance import THUMB_SIDE

Thumbs = NDArray[np.uint8]
FLAT = 8  # grey levels about its middle, within which a line at the edge belongs to a border


def stack(thumb: pl.Series) -> tuple[Thumbs, NDArray[np.int64]]:
    """(N × side × side, the rows that they come from) of a binary column; what has another length is left out."""
    rows = thumb.bin.size().eq(THUMB_SIDE**2).fill_null(False).arg_true().to_numpy().astype(np.int64)
    joined = b"".join(thumb.gather(rows).to_list())
    return np.frombuffer(joined, np.uint8).reshape(len(rows), THUMB_SIDE, THUMB_SIDE), rows


def borders(thumbs: Thumbs) -> NDArray[np.float64]:
    """N × 4: how much of the picture is a flat border at its top, bottom, left and right, as shares of its side.

    Flat lines at the edge are counted, and of the next one the share in which it still is border, so that a border may
    end between two pixels of the thumb.
    """
    turned = (thumbs, thumbs[:, ::-1], thumbs.transpose(0, 2, 1), thumbs.transpose(0, 2, 1)[:, ::-1])
    return np.stack([_border(lines) for lines in turned], axis=1)


def _border(lines: Thumbs) -> NDArray[np.float64]:
    share = np.zeros(len(lines))
    first = lines[:, 0].astype(np.int16)
    colour = np.median(first, axis=1).astype(np.int16)[:, None]
    flat = np.flatnonzero(np.abs(first - colour).max(axis=1) <= FLAT)  # few have any border
    if len(flat):
        share[flat] = _border_of(lines[flat], colour[flat, :, None])
    return share


def _border_of(lines: Thumbs, colour: NDArray[np.int16]) -> NDArray[np.float64]:
    side = lines.shape[1]
    off = np.abs(lines.astype(np.int16) - colour)
    flat = off.max(axis=2) <= FLAT
    count = np.where(flat.all(axis=1), side, np.argmin(flat, axis=1))
    row = np.arange(len(lines))
    here = off[row, np.minimum(count, side - 1)].mean(axis=1)
    behind = off[row, np.minimum(count + 1, side - 1)].mean(axis=1)
    part = np.clip(1 - here / np.maximum(behind, 1e-9), 0, 1)
    return np.asarray(np.minimum(count + part, side) / side)


def border_share(thumb: pl.Series) -> pl.Series:
    """The share of each picture that its flat borders take; null where there is no thumb."""
    thumbs, rows = stack(thumb)
    top, bottom, left, right = borders(thumbs).T if len(thumbs) else np.zeros((4, 0))
    share = 1 - np.clip(1 - top - bottom, 0, 1) * np.clip(1 - left - right, 0, 1)
    return pl.Series("border", np.full(len(thumb), np.nan)).scatter(rows, share).fill_nan(None)
