"""The split that a source publishes, by the rule on its card."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from medloom.converters.formats.files_under import RASTERS
from medloom.converters.formats.vqa_rows import is_like
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal, Split


class PublishedSplit:
    """Looks up Samples. Files of keys are read once, at the start; those that the converter reads itself
    (`annotations`: a table or an index for each split, or patterns of them) are not, since all of their Samples are of
    that split. Of such a file the card may give the end of its path.

    Raises BadInput where a file that the card names can't be read: without it a published test set would be lost.
    """

    def __init__(self, root: Path, card: SourceCard, annotations: Collection[str] = ()) -> None:
        self._root = root
        self._rule = card.split
        self._listed: dict[str, Split] = {}
        self._patterns: dict[str, tuple[str, ...]] = {}
        self._names: dict[str, str | None] = {}
        self._lines: dict[str, set[str]] = {}
        self._by_name: dict[str, str | None] = {}
        self._met: set[str] = set()
        self._some_in_none = False
        if self._rule is None:
            return
        for file, split in self._rule.files.items():
            patterns = tuple(one for one in annotations if is_like(file, one))
            if patterns:
                self._patterns[file] = patterns
                continue
            for line in _lines(root, file):
                key = line.strip()
                if key and self._listed.setdefault(key, split) != split:
                    raise BadInput("split_overlap", f"{key!r} stands in files of two splits", file)
                if key:
                    self._lines.setdefault(file, set()).add(key)
        for key in self._listed:
            named = PurePosixPath(key)
            for one in {named.name, named.stem if named.suffix.lower() in RASTERS else named.name} - {key}:
                self._by_name[one] = None if one in self._by_name else key

    def of(
        self, key: str, path: str, row: Mapping[str, str] | None = None, annotation: str | None = None
    ) -> Split | None:
        """The published split of one Sample, or None where the source states none.

        `path` is the picture's, `annotation` the file that its annotation stands in. A line of a file of keys may
        give the key, the path, the file name or its stem; or another path, of a file that is not there, whose name or
        stem is that of no other line.

        Raises BadInput ``unknown_split`` for a value of the column that the card does not map.
        """
        rule = self._rule
        if rule is None:
            return None
        if rule.column is not None:
            value = (row or {}).get(rule.column, "").strip()
            if value not in rule.values:
                raise BadInput(
                    "unknown_split", f"{value!r} in column {rule.column!r} is not in the card's split values"
                )
            return rule.values[value]
        if rule.folders:
            for part in path.split("/")[:-1]:
                if part in rule.folders:
                    return rule.folders[part]
            for folder, split in rule.folders.items():
                if path.startswith(folder.strip("/") + "/"):
                    return split
        file = self._named(annotation) if annotation is not None else None
        if file is not None:
            return rule.files[file]
        if self._listed:
            name = PurePosixPath(path)
            for one in (key, path, name.name, name.stem):
                if one in self._listed:
                    self._met.add(one)
                    return self._listed[one]
            for one in (name.name, name.stem):
                line = self._by_name.get(one)
                if line is not None and not (self._root / line).exists():
                    self._met.add(line)
                    return self._listed[line]
            self._some_in_none = True
        return None

    def lost(self, annotations: Collection[str]) -> Iterator[BadInput]:
        """``missing_file`` for each file of the card that none of the `annotations` is, where one of them is of no
        split: it may be that file by another name, and a test set that nobody knows for one would be trained on."""
        named = {self._named(annotation) for annotation in annotations}
        for file, patterns in self._patterns.items():
            if None in named and file not in named and file not in patterns:
                yield BadInput("missing_file", f"the card's split names {file!r}, and no table is like it", file)

    def _named(self, annotation: str) -> str | None:
        """The file of the card that an annotation is: the one that tells most of its path."""
        if annotation not in self._names:
            found = (
                file
                for file, patterns in self._patterns.items()
                if is_like(annotation, f"**/{file}") and any(is_like(annotation, one) for one in patterns)
            )
            self._names[annotation] = max(found, key=lambda file: (file == annotation, len(file)), default=None)
        return self._names[annotation]

    def unmatched(self) -> Iterator[Refusal]:
        """Once all Samples were looked up: a Refusal for each file of keys with lines that none of them met.

        It is a part where others were met, or where every Sample has a split: then those of that file aren't there.
        Where none was met and Samples have none, the published split would be lost.
        """
        if self._rule is None or self._rule.column is not None or self._rule.folders:
            return
        for file, lines in self._lines.items():
            missed = lines - self._met
            if missed:
                what = f"{len(missed)} of {len(lines)} lines are no picture's key, path or name: {min(missed)!r:.80}"
                yield refused(
                    file,
                    BadInput("unmatched_split", what, file),
                    part=len(missed) < len(lines) or not self._some_in_none,
                )


def _lines(root: Path, file: str) -> list[str]:
    """The lines of a file of keys, which may have none: a split without a member."""
    try:
        return inside(root, file).read_text("utf-8-sig", errors="replace").splitlines()
    except BadInput as bad:
        if bad.reason == "empty_file":
            return []
        raise
