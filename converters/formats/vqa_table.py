"""Files of questions about pictures, in whatever shape: JSON, JSON Lines, tables, text with bars, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medloom.converters.base import Converter, Feature
from medloom.converters.formats.vqa_params import Params
from medloom.converters.formats.vqa_reader import TableReader
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal, Sample


class VqaTable(Converter):
    """One Sample for each picture, or set of pictures, with all questions about it, in the order of first appearance.

    A row that can't be used is a Refusal of its own; so is a missing picture, but its questions stay in the Sample. A
    question that stands twice counts once. All rows wait in memory, packed, until the last file has been read.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            reader = TableReader(root, card, params)
        except BadInput as bad:
            yield refused(bad.file or params.tables[0], bad)
            return
        for _, found in reader.samples():
            yield found

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        return frozenset({"questions", "texts"} if params.facts.texts else {"questions"})
