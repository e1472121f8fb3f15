"""A table about the patients beside a data set of files: sex, age, and days between visits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from medloom.converters.base import Params
from medloom.converters.formats.name_template import fill
from medloom.converters.formats.row_facts import age_in_years, sex_of
from medloom.converters.formats.table import Table
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition


class PeopleTable(Params):
    """The row of `file` whose column `by` is what the template `row` makes; numbers are compared as numbers, so that
    ``patient07`` finds 7. `columns` are lent to other templates; `sex` and `age_years` are columns.
    """

    file: str
    by: str
    row: str
    columns: tuple[str, ...] = ()
    sex: str | None = None
    age_years: str | None = None


class Person(msgspec.Struct, frozen=True):
    """One row: how the Sample's acquisition is known by it, and the cells that are lent."""

    acquisition: Acquisition
    cells: dict[str, str]


class People:
    """The table's rows; of several of one name the first counts. Raises BadInput as `Table` does."""

    def __init__(self, root: Path, rule: PeopleTable) -> None:
        self._rule, self.file = rule, rule.file
        table = Table(root, rule.file)
        table.require(rule.by, rule.sex, rule.age_years, *rule.columns)
        self._rows: dict[str, Person] = {}
        for _, row in table.rows():
            if isinstance(row, BadInput):
                raise row
            known = Acquisition(
                sex=sex_of(row[rule.sex]) if rule.sex else None,
                age_years=age_in_years(row[rule.age_years]) if rule.age_years else None,
            )
            self._rows.setdefault(_plain(row[rule.by]), Person(known, {name: row[name] for name in rule.columns}))

    def of(self, values: Mapping[str, str]) -> Person | None:
        return self._rows.get(_plain(fill(self._rule.row, values)))

    def lent(self, person: Person | None) -> dict[str, str]:
        """The cells of the lent columns; empty ones where there is no row."""
        return person.cells if person is not None else dict.fromkeys(self._rule.columns, "")


def _plain(name: str) -> str:
    return str(int(name)) if name.isdecimal() else name
