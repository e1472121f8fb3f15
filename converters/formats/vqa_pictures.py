"""The pictures that a row of questions is about: found, or told to be missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from medloom.converters.base import Params
from medloom.converters.formats.other_table import OtherTable
from medloom.converters.formats.picture_finder import PictureFinder
from medloom.converters.formats.vqa_pointer import Fields, columns_of, paths_of
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal


class PictureFields(Params):
    """`file` is a template over pointers into the row (``images/{image_name}``, ``{id[:2]}/{id}.png``); a field that
    holds a list names several pictures. `role` tells what it is among others: "earlier", "later", "lateral".
    """

    file: str
    role: str | None = None


class Lookup(OtherTable):
    """The one row of another table that a row leads to; see OtherTable.

    Its cells are then found below the lookup's name: ``{main.dicom_id}``. The first row of a name counts.
    """


class PictureSet(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of one row. `named` are all paths as the row names them, `media` those that are there, and `lost`
    says of each of the others why it is not."""

    named: tuple[str, ...]
    keys: tuple[str, ...]
    media: tuple[Media, ...]
    lost: tuple[BadInput, ...]


class QuestionPictures:
    """Finds pictures by template. `suffixes` and `search` as in `PictureFinder`; a folder to search that is not there
    means that no picture is. `refusals` are those of rows of look-ups, by unit; rows of them that are no UTF-8 are in
    `encoding`. `pointers` are all of the card's.

    Raises BadInput where a look-up's table can't be read or lacks a column that they want.
    """

    def __init__(
        self,
        root: Path,
        pictures: tuple[PictureFields, ...],
        suffixes: tuple[str, ...] = (),
        search: str | None = None,
        lookups: dict[str, Lookup] | None = None,
        encoding: str | None = None,
        pointers: tuple[str, ...] = (),
    ) -> None:
        self._pictures = pictures
        self._finder: PictureFinder | None = None
        try:
            self._finder = PictureFinder(root, "{path}", suffixes, search)
        except BadInput as bad:
            if bad.reason != "missing_folder":
                raise
        self.refusals: dict[str, Refusal] = {}
        self._lookups = [
            (name, one.at, self._table(one.read(root, encoding, columns_of(pointers, name)), one.by))
            for name, one in (lookups or {}).items()
        ]

    def fields(self, row: dict[str, object]) -> Fields:
        """The row, with what its look-ups lead to."""
        for name, at, table in self._lookups:
            row = {**row, name: table.get(Fields(row)[at], {})}
        return Fields(row)

    def named(self, fields: Fields) -> tuple[tuple[str, str | None], ...]:
        """(path, role) of each picture that the row names, each path once. Raises BadInput as `paths_of` does."""
        found: dict[str, str | None] = {}
        for picture in self._pictures:
            for path in paths_of(picture.file, fields):
                found.setdefault(path.removeprefix("./"), picture.role)
        return tuple(found.items())

    def find(self, named: tuple[tuple[str, str | None], ...]) -> PictureSet:
        """The same pictures as media; ``missing_picture`` for one that is not there."""
        keys = ("image",) if len(named) == 1 else tuple(f"image_{number}" for number in range(1, len(named) + 1))
        media: list[Media] = []
        lost: list[BadInput] = []
        for key, (path, role) in zip(keys, named, strict=True):
            try:
                if self._finder is None:
                    raise BadInput("missing_file", f"{path!r} is not there", path)
                media.append(Media(key=key, files=(self._finder.find({"path": path}),), role=role))
            except BadInput as bad:
                reason = "missing_picture" if bad.reason == "missing_file" else bad.reason
                lost.append(BadInput(reason, bad.detail, path))
        return PictureSet(named=tuple(path for path, _ in named), keys=keys, media=tuple(media), lost=tuple(lost))

    def _table(self, rows: Iterator[dict[str, str] | Refusal], by: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            if isinstance(row, Refusal):
                self.refusals[row.unit] = row
            else:
                found.setdefault(row[by], row)
        return found
