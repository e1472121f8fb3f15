"""Another table that a row leads to: of pictures, of patients, of licences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medloom.converters.base import Params
from medloom.converters.formats.table import Table
from medloom.converters.refused import refused
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal


class OtherTable(Params):
    """A row leads to the rows of `table` whose column `by` is what stands `at` the pointer.

    `delimiter`, `encoding`, `fallback_encoding`: see Table; rows that are no UTF-8 are else in the encoding of the
    tables of rows.
    """

    table: str
    by: str
    at: str
    delimiter: str | None = None
    encoding: str | None = None
    fallback_encoding: str | None = None

    def read(
        self, root: Path, fallback: str | None = None, columns: tuple[str, ...] = ()
    ) -> Iterator[dict[str, str] | Refusal]:
        """Its rows, which have to have `columns`; a Refusal of a part for each that can't be read, since nobody knows
        which Samples lack it.

        Raises BadInput as `Table` does.
        """
        table = Table(root, self.table, self.delimiter, self.encoding, self.fallback_encoding or fallback)
        table.require(self.by, *columns)
        for number, row in table.rows():
            if isinstance(row, BadInput):
                yield refused(f"{self.table}#row={number}", row, self.table, part=True)
            else:
                yield row
