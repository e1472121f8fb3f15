"""The split that a source publishes, by the rule on its card."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from medloom.converters.paths import inside
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Split


class PublishedSplit:
    """Looks up Samples. Files of keys are read once, at the start; those that the converter reads itself
    (`annotations`: a table or an index for each split) are not, since all of their Samples are of that split.

    Raises BadInput where a file that the card names can't be read: without it a published test set would be lost.
    """

    def __init__(self, root: Path, card: SourceCard, annotations: Collection[str] = ()) -> None:
        self._rule = card.split
        self._listed: dict[str, Split] = {}
        if self._rule is None:
            return
        for file, split in self._rule.files.items():
            if file in annotations:
                continue
            for line in _lines(root, file):
                key = line.strip()
                if key and self._listed.setdefault(key, split) != split:
                    raise BadInput("split_overlap", f"{key!r} stands in files of two splits", file)

    def of(
        self, key: str, path: str, row: Mapping[str, str] | None = None, annotation: str | None = None
    ) -> Split | None:
        """The published split of one Sample, or None where the source states none.

        `path` is the picture's, `annotation` the file that its annotation stands in. A line of a file of keys may
        give the key, the path, the file name or its stem.

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
        if annotation is not None and annotation in rule.files:
            return rule.files[annotation]
        if self._listed:
            name = PurePosixPath(path)
            for one in (key, path, name.name, name.stem):
                if one in self._listed:
                    return self._listed[one]
        return None


def _lines(root: Path, file: str) -> list[str]:
    """The lines of a file of keys, which may have none: a split without a member."""
    try:
        return inside(root, file).read_text("utf-8-sig", errors="replace").splitlines()
    except BadInput as bad:
        if bad.reason == "empty_file":
            return []
        raise
