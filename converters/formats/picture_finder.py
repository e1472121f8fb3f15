"""The picture that a table's row means."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath

from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput


class PictureFinder:
    """`template` over the row's columns gives the path below the root (``images/{filename}``).

    `suffixes` are tried in turn where the table leaves them out. With `search`, a folder, only the file's name counts:
    it is looked for in all folders below, and of several the one is taken whose folders agree furthest with the
    path's, from the name upwards. Raises BadInput ``missing_folder`` where `search` is no folder. With `folders`, the
    path may be that of a folder.
    """

    def __init__(
        self,
        root: Path,
        template: str,
        suffixes: tuple[str, ...] = (),
        search: str | None = None,
        folders: bool = False,
    ) -> None:
        self.root = root
        self._folders = folders
        self._template = template
        self._suffixes = suffixes or ("",)
        self._by_name: dict[str, list[str]] | None = None
        if search is not None:
            self._by_name = {}
            for path in files_under(root, search):
                self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, row: Mapping[str, str]) -> str:
        """The path of a picture that is there.

        Raises BadInput: ``no_picture`` (a blank cell), ``ambiguous_file`` (several agree as far), and as `inside`.
        """
        blank = [name for name in fields_of(self._template) if not row[name]]
        if blank:
            raise BadInput("no_picture", f"the row names no picture: {blank} is blank")
        path = fill(self._template, row).removeprefix("./")
        first: BadInput | None = None
        for suffix in self._suffixes:
            try:
                return self._there(path + suffix)
            except BadInput as bad:
                if bad.reason != "missing_file":
                    raise
                first = first or bad
        assert first is not None
        raise first

    def _there(self, path: str) -> str:
        if self._by_name is not None:
            found = self._by_name.get(PurePosixPath(path).name, [])
            if len(found) > 1:
                furthest = max(_shared(path, one) for one in found)
                found = [one for one in found if _shared(path, one) == furthest]
            if len(found) > 1:
                raise BadInput("ambiguous_file", f"{len(found)} files are called {PurePosixPath(path).name!r}", path)
            if not found:
                raise BadInput("missing_file", f"no file is called {PurePosixPath(path).name!r}", path)
            path = found[0]
        try:
            inside(self.root, path)
        except BadInput as bad:
            if bad.reason != "not_a_file" or not self._folders:
                raise
        return path


def _shared(one: str, other: str) -> int:
    """How many names two paths have in common, from the last upwards."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
