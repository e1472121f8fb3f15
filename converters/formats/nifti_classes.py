"""A NIfTI volume and a folder with one mask file for each class, as TotalSegmentator's dataset has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_regions, known_names
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.name_template import fields_of, fill, matching_files, reverse
from medloom.converters.formats.nifti_pairs import SUFFIXES
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample


class Params(base.Params):
    """`volumes` is a regular expression over whole paths below the root; its named groups fill the templates.

    `classes` is a template with ``*`` in its last part: what stands there is the class. `missing` says whether a
    class of the card without a file was not marked, or is not there.
    """

    volumes: str = r"(?P<case>[^/]+)/(?:ct|mri)\.nii\.gz"
    classes: str = "{case}/segmentations/*.nii.gz"
    missing: Literal["unmarked", "none"] = "unmarked"
    folder: str = ""
    key: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.volumes)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        unknown = {*fields_of(self.classes), *fields_of(self.key or "")} - set(self.pattern.groupindex)
        if unknown:
            raise ValueError(f"templates want {sorted(unknown)}, but `volumes` names {list(self.pattern.groupindex)}")
        if self.classes.rpartition("/")[2].count("*") != 1 or "*" in self.classes.rpartition("/")[0]:
            raise ValueError("`classes` has one `*`, in its last part, which stands for the class")
        return self


class NiftiClasses(Converter):
    """One Region for each file; an all-zero file says that the class is not there.

    A mask file that can't be used is a Refusal of its own (``key#file``), and its class is not complete. A folder of
    masks without a volume is told.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = list(files_under(root, params.folder, SUFFIXES))
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        keys: set[str] = set()
        used: set[str] = set()
        for path in files:
            found = params.pattern.fullmatch(path)
            if found is None:
                continue
            values = {name: value or "" for name, value in found.groupdict().items()}
            used.update((path, fill(params.classes.rpartition("/")[0], values)))
            key = fill(params.key, values) if params.key else path
            try:
                inside(root, path)
                masks = matching_files(root, params.classes, values)
                if masks == [fill(params.classes.rpartition("/")[0], values)]:
                    raise BadInput("missing_folder", "there is no folder of masks", masks[0])
                if key in keys:
                    raise BadInput("duplicate_key", f"another volume has the key {key!r}", path)
                keys.add(key)
                patient, published = card.patient_of(key, path), split.of(key, path)
            except BadInput as bad:
                yield refused(key, bad, path)
                continue
            regions, lost = [], set()
            for file in masks:
                name = _class_of(file, params, values)
                try:
                    inside(root, file)
                    regions.append(Region(kind="mask", pointer=file, name=name, file=file))
                except BadInput as bad:
                    lost.add(name)
                    yield refused(f"{key}#{file}", bad, file, part=True)
            marked = [region.name for region in regions if region.name is not None]
            yield Sample(
                key=key,
                patient=patient,
                split=published,
                media=(Media(kind="volume", files=(path,)),),
                regions=tuple(regions),
                complete_regions=complete_regions(
                    card, known_names(card) if params.missing == "none" else marked, lost
                ),
            )
        of_class = reverse(params.classes)
        for file in files:
            folder = file.rpartition("/")[0]
            if not used & {file, folder} and of_class.fullmatch(file):
                used.add(folder)
                yield refused(folder, BadInput("missing_picture", "these masks belong to no volume", file), part=True)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("masks", "boxes", "spacing", "volumes"))


def _class_of(file: str, params: Params, values: dict[str, str]) -> str:
    before, after = (fill(part, values) for part in params.classes.rpartition("/")[2].split("*"))
    return PurePosixPath(file).name.removeprefix(before).removesuffix(after)
