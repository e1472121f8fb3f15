"""Deidentified: a Sample as everything downstream sees it, with no name, date or text that tells who the patient is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from medloom.converters.identity.alias import Alias
from medloom.converters.identity.dicom_profile import AGE_CAP
from medloom.converters.identity.scrub import scrub
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import IdentitySettings
from medloom.schemas.sample import Acquisition, Media, Question, Refusal, Sample, Text, Visit
from medloom.schemas.view import Derivation

Struct = TypeVar("Struct", bound=msgspec.Struct)
Secrets = tuple[tuple[str, str], ...]
FILES = {"file", "transform"}
"""Fields that name a file."""


@dataclass
class Deidentifier:
    """One source's way of hiding who its patients are.

    `found` counts what was found, by (place, kind): ("text", "NAME"). It never holds what it was.
    `real` leads from the alias of a file back to the file; it never leaves the work store.
    """

    card: SourceCard
    settings: IdentitySettings = field(default_factory=IdentitySettings)
    key: bytes | None = None
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    real: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.alias = Alias(self.card, self.key)
        self._secret: Secrets = ()  # of the Sample at work
        self._followed = frozenset(self.settings.followed)

    @property
    def conceals(self) -> bool:
        """Whether the source's own names identify people, so that files and keys get aliases."""
        return self.card.patient_ids == "identifying"

    def sample(self, sample: Sample) -> Sample:
        """The Sample without identifiers. Patient and study stay: nothing but their digests is ever written."""
        if not (self.conceals or sample.visit or sample.texts or sample.questions or sample.notes):
            self._secret = ()
            known = self._acquisition(sample.acquisition)
            return sample if known is sample.acquisition else msgspec.structs.replace(sample, acquisition=known)
        secrets = self._secret = self._secrets(sample) if self.conceals else ()
        rest = {
            "key": self._key(sample.key, secrets),
            "visit": self._visit(sample.visit, secrets),
            "acquisition": self._acquisition(sample.acquisition),
            "media": tuple(self._media(one, secrets) for one in sample.media),
            "texts": tuple(self._text(one, secrets) for one in sample.texts),
            "questions": tuple(self._question(one, secrets) for one in sample.questions),
            "missing": tuple(self._path(one) for one in sample.missing),
            "notes": tuple(self.words(one, "note", secrets) for one in sample.notes),
        }
        for name in ("labels", "regions", "landmarks", "landmark_maps", "measured", "events"):
            rest[name] = tuple(self._pointed(one, secrets) for one in getattr(sample, name))
        return msgspec.structs.replace(sample, **rest)

    def derivation(self, made: Derivation) -> Derivation:
        """How a view came to be; the member of a container may be called after a patient."""
        if not self.conceals or made.member is None:
            return made
        return msgspec.structs.replace(made, member=self.alias.path(made.member))

    def words(self, text: str, place: str, secrets: Secrets = ()) -> str:
        """Free text without the source's own names of the Sample, scrubbed where the catalog says so; what was found
        is counted under `place`."""
        hidden = self.alias.text(text, tuple((secret, "[ID]") for secret, _ in secrets))
        if hidden != text:
            self.found[place, "ID"] += 1
        text = hidden
        if self.settings.text == "keep":
            return text
        cleaned = scrub(text)
        self.found.update((place, kind) for kind in cleaned.kinds)
        return cleaned.text

    def refusal(self, refusal: Refusal) -> Refusal:
        """A quarantine row as it may be written. One that is concealed already stays as it is."""
        if not self.conceals:
            return msgspec.structs.replace(refusal, detail=self.alias.quoted(refusal.detail, self._hush))
        secrets = (*self._secret, *self.alias.secrets((refusal.unit, refusal.file)))
        return msgspec.structs.replace(
            refusal,
            unit=self._key(refusal.unit, secrets),
            file=None if refusal.file is None else self._pointer(refusal.file, secrets),
            detail=self.alias.detail(refusal.detail, secrets),
        )

    def _hush(self, text: str) -> str:
        return text if self.settings.text == "keep" else scrub(text).text

    def _secrets(self, sample: Sample) -> Secrets:
        """Everything by which the source itself calls this Sample, its patient and its files."""
        files = [file for media in sample.media for file in media.files]
        files += [media.member for media in sample.media if media.member]
        files += [region.file for region in sample.regions if region.file]
        ids = (sample.patient, sample.study, sample.key, sample.visit.key if sample.visit else None)
        return self.alias.secrets((*ids, *files))

    def _path(self, file: str) -> str:
        if not self.conceals:
            return file
        shown = self.alias.path(file)
        self.real[shown] = file
        return shown

    def _pointer(self, pointer: str, secrets: Secrets) -> str:
        """``file#where``, or ``file;where``: the file by its alias, the rest without any secret."""
        cut = min((at for mark in "#;" if (at := pointer.find(mark)) >= 0), default=len(pointer))
        return self.alias.path(pointer[:cut]) + self.alias.text(pointer[cut:], secrets)

    def _key(self, key: str, secrets: Secrets) -> str:
        return self._pointer(key, secrets) if self.conceals else key

    def _pointed(self, told: Struct, secrets: Secrets) -> Struct:
        """A Label, Region, ...: its pointer and its files."""
        if not self.conceals:
            return told
        new: dict[str, Any] = {}
        for name in told.__struct_fields__:
            value = getattr(told, name)
            if value is None:
                continue
            if name == "pointer":
                new[name] = self._pointer(value, secrets)
            elif name in FILES:
                new[name] = self._path(value)
            elif name in ("media", "since"):
                new[name] = (
                    self.alias.text(value, secrets)
                    if isinstance(value, str)
                    else tuple(self.alias.text(one, secrets) for one in value)
                )
        return msgspec.structs.replace(told, **new)

    def _media(self, media: Media, secrets: Secrets) -> Media:
        if media.day is not None and "retain_longitudinal_modified_dates" not in self.settings.followed:
            media = msgspec.structs.replace(media, day=None)
        if not self.conceals:
            return media
        return msgspec.structs.replace(
            media,
            key=self.alias.text(media.key, secrets),
            role=None if media.role is None else self.alias.text(media.role, secrets),
            files=tuple(self._path(file) for file in media.files),
            transform=None if media.transform is None else self._path(media.transform),
            onto=None if media.onto is None else self.alias.text(media.onto, secrets),
        )

    def _text(self, text: Text, secrets: Secrets) -> Text:
        body = self.words(text.body, "text", secrets)
        return msgspec.structs.replace(self._pointed(text, secrets), body=body)

    def _question(self, question: Question, secrets: Secrets) -> Question:
        def clean(words: str) -> str:
            return self.words(words, "question", secrets)

        return msgspec.structs.replace(
            self._pointed(question, secrets),
            question=clean(question.question),
            answer=clean(question.answer),
            options=tuple(map(clean, question.options)),
            variants=tuple(map(clean, question.variants)),
            reason=None if question.reason is None else clean(question.reason),
        )

    def _visit(self, visit: Visit | None, secrets: Secrets) -> Visit | None:
        """A visit's name may be its date; its day counts from the patient's own first."""
        if visit is None:
            return None
        key = self.alias.text(visit.key, secrets) if self.conceals else visit.key
        if scrub(key).kinds:
            self.found["visit", "DATE"] += 1
            key = self.alias.name(key)
        kept = "retain_longitudinal_modified_dates" in self._followed
        return Visit(key=key, day=visit.day if kept else None)

    def _acquisition(self, known: Acquisition) -> Acquisition:
        """What the profile lets through: no word that holds an identifier, and no age above "90 or older"."""
        new: dict[str, Any] = {}
        for name in ("body_part", "view", "sequence"):
            value = getattr(known, name)
            if value is not None and scrub(value).kinds:
                self.found["header", "TEXT"] += 1
                new[name] = None
        if "retain_patient_characteristics" not in self._followed:
            if known.sex is not None or known.age_years is not None:
                new |= {"sex": None, "age_years": None}
        elif known.age_years is not None and known.age_years >= AGE_CAP:
            if known.age_years > AGE_CAP:
                self.found["header", "AGE"] += 1
            new["age_years"] = float(AGE_CAP)
        return msgspec.structs.replace(known, **new) if new else known
