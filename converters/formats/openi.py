"""OpenI layout (Indiana University chest X-rays, NLMCXR): one XML for each report, PNG pictures by id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.converters.text.sections import HEADINGS
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, Media, Refusal, Sample, Text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_KIND = {words: kind for kind, several in HEADINGS.items() for words in several}


class Params(base.Params):
    """`reports` and `pictures` are folders below the root; `suffixes` those of a picture, tried in turn."""

    reports: str = ""
    pictures: str = "images"
    suffixes: tuple[str, ...] = (".png", ".jpg")


class OpenI(Converter):
    """One Sample for each report, with the pictures that it names and that are there; the others are `missing`, and
    told, and the text stays.

    Texts are the parts of the abstract by their label (``FINDINGS``), one Text each. Labels are the MeSH headings under
    ``major`` (coded by people), written as the source writes them (``Cardiomegaly/mild``); a heading that the card's
    `labels` doesn't know is shortened from its end (``Cardiomegaly``) until it does, else left out and noted: there
    are hundreds. The key is the name of the XML file.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = list(files_under(root, params.reports, (".xml",)))
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.reports or ".", bad)
            return
        for path in files:
            try:
                sample = _sample(path, root, card, params, split)
            except BadInput as bad:
                yield refused(path, bad, path)
                continue
            yield sample
            for name in sample.missing:
                lost = BadInput("missing_picture", f"there is no picture {name}", path)
                yield refused(sample.key, lost, path, part=True)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset({"texts", "labels"})


def _sample(path: str, root: Path, card: SourceCard, params: Params, split: PublishedSplit) -> Sample:
    report = _parsed(inside(root, path))
    named = [_attribute(image, "id") for image in report.iter("parentImage")]
    found = {name: _picture(root, params, name) for name in named if name}
    notes: list[str] = []
    texts = tuple(_texts(report, path))
    if not texts:
        raise BadInput("no_text", "the report has no text", path)
    shown = [(name, file) for name, file in found.items() if file is not None]
    return Sample(
        key=path,
        patient=card.patient_of(path, path),
        split=split.of(path, path, {}),
        media=tuple(
            Media(key="image" if not number else f"image{number + 1}", files=(file,))
            for number, (_, file) in enumerate(shown)
        ),
        missing=tuple(name for name, file in found.items() if file is None),
        labels=tuple(_labels(report, path, card, notes)),
        texts=texts,
        licence=_licence(report, card),
        notes=tuple(notes),
    )


def _parsed(file: Path) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    try:
        root: Element | None = parse(file).getroot()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadInput("bad_xml", f"{type(error).__name__}: {error}") from None
    if root is None or root.find(".//AbstractText") is None:
        raise BadInput("not_a_report", "there is no AbstractText in it")
    return root


def _texts(report: Element, path: str) -> Iterator[Text]:
    for number, part in enumerate(report.iter("AbstractText")):
        body = " ".join("".join(part.itertext()).split())
        label = (part.get("Label") or "report").strip().lower()
        if body:
            yield Text(kind=_KIND.get(label, "report"), body=body, pointer=f"{path}#AbstractText={number}")


def _labels(report: Element, path: str, card: SourceCard, notes: list[str]) -> Iterator[Label]:
    left: list[str] = []
    seen: set[str] = set()
    for number, heading in enumerate(report.iter("major")):
        whole = " ".join((heading.text or "").split())
        parts = whole.split("/")
        shorter = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
        name = next((each for each in shorter if each in card.labels), None)
        if name is None:
            left.append(whole)
        elif name not in seen:
            seen.add(name)
            yield Label(name=name, pointer=f"{path}#major={number}")
    if left:
        notes.append(f"MeSH headings without a concept: {', '.join(left)}")


def _picture(root: Path, params: Params, name: str) -> str | None:
    for suffix in params.suffixes:
        file = f"{params.pictures}/{name}{suffix}" if params.pictures else f"{name}{suffix}"
        try:
            if inside(root, file).is_file():
                return file
        except BadInput:
            continue
    return None


def _licence(report: Element, card: SourceCard) -> str | None:
    """The card's id for the file's own licence URL; an unknown one is nobody's permission."""
    found = report.find("licenseURL")
    url = (found.text or "").strip() if found is not None else ""
    if not url or not card.licences:
        return None
    if url not in card.licences:
        raise BadInput("unknown_licence", f"the card's `licences` doesn't know {url!r}")
    return card.licences[url]


def _attribute(element: Element, name: str) -> str:
    return (element.get(name) or "").strip()
