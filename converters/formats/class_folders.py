"""A folder per class: ROOT/[split/]class/**/picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_labels, known_names
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, Media, Refusal, Sample


class Params(base.Params):
    """`folder` is where the pictures begin, below the root. `pictures` is a regular expression over whole paths below
    the root; files that it does not match (masks beside the pictures) are no part of this source.

    `levels` are the folders that name classes, once the folders of the card's split are taken out: 0 is the
    outermost, -1 the one that the picture lies in; none, and the pictures are unlabelled. `join` makes one name of
    several levels ("benign/adenosis") instead of a label for each.
    """

    folder: str = ""
    suffixes: tuple[str, ...] = Field(default=RASTERS, min_length=1)
    levels: tuple[int, ...] = (0,)
    join: str | None = None
    pictures: str = ".*"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.pictures, re.DOTALL)


class ClassFolders(Converter):
    """Pictures whose folder names their class.

    A class that the card maps to null is "unlabelled": of its pictures nothing is said to be absent, whatever their
    other levels say. The key is the picture's path.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder, params.suffixes)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        drop = sum(part not in ("", ".") for part in params.folder.split("/"))
        splits = set(card.split.folders) if card.split else set()
        complete = complete_labels(card)
        labels_of: dict[str, tuple[tuple[Label, ...], bool] | BadInput] = {}
        for path in files:
            if params.pattern.fullmatch(path) is None:
                continue
            folder = path.rpartition("/")[0]
            if folder not in labels_of:
                labels_of[folder] = _labels(folder, drop, splits, params, card)
            said = labels_of[folder]
            try:
                if isinstance(said, BadInput):
                    raise said
                labels, judged = said
                inside(root, path)
                yield Sample(
                    key=path,
                    patient=card.patient_of(path, path),
                    split=split.of(path, path),
                    media=(Media(files=(path,)),),
                    labels=labels,
                    complete_labels=complete if judged else (),
                )
            except BadInput as bad:
                yield refused(path, bad, path)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        if not Params.model_validate(card.params).levels:
            return frozenset()
        several = card.exhaustive.labels and len(known_names(card)) > 1
        return frozenset(("labels", "absent_labels") if several else ("labels",))


def _labels(
    folder: str, drop: int, splits: set[str], params: Params, card: SourceCard
) -> tuple[tuple[Label, ...], bool] | BadInput:
    """The labels of all pictures of one folder, and whether each of its levels is a class: null is unlabelled."""
    parts = [part for part in folder.split("/")[drop:] if part and part not in splits]
    try:
        names = [parts[level] for level in params.levels]
    except IndexError:
        return BadInput("no_class_folder", f"the folder {folder or '.'!r} has no level {params.levels}")
    if params.join is not None and names:
        names = [params.join.join(names)]
    kept = [name for name in names if card.labels.get(name, "") is not None]
    return tuple(Label(name=name, pointer=f"{folder}/") for name in kept), 0 < len(names) == len(kept)
