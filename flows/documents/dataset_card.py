"""The corpus's README.md: the Hub's dataset card and a datasheet (Gebru et al. 2021) in one."""

from __future__ import annotations

from importlib.resources import files

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined

from medloom.flows import wording
from medloom.flows.documents import statements
from medloom.flows.documents.card_header import card_header
from medloom.flows.documents.hub_licence import licence_url
from medloom.flows.documents.markdown import code, link, table, words
from medloom.flows.figures import CorpusFigures, LicenceRow
from medloom.flows.naming import modality_name, record_type
from medloom.flows.plain_text import plain_text
from medloom.flows.terms import terms_of

SPLITS = ("train", "validation", "test")
_PASSED_ON = {"bytes": "pictures and text", "text": "text only", "index": "ids only"}


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a corpus once it is published: its repository, version, address and day (ISO).

    `changelog` is the whole CHANGELOG.md and `changes` its newest entry; `after` is the version before and its commit.
    """

    repo: str
    version: str
    url: str
    date: str
    changelog: str
    changes: str
    after: dict[str, str] | None = None


def render_card(figures: CorpusFigures, publication: Publication | None = None) -> str:
    """The whole README.md. Nothing in it depends on the run: equal corpora give equal bytes."""
    from yaml import CSafeDumper, dump

    header = dump(card_header(figures), Dumper=CSafeDumper, sort_keys=False, allow_unicode=True, width=10_000)
    environment = Environment(
        loader=FunctionLoader(lambda name: files("medloom.flows.documents").joinpath(name).read_text(encoding="utf-8")),
        autoescape=False,  # every value that a source has a hand in passes through `words`, `code` or `link`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"words": words, "code": code, "whole": wording.whole}
    body = environment.get_template("card.md.j2").render(
        f=figures,
        say=statements,
        publication=publication,
        repo=publication.repo if publication else "path/or/name/of/this/corpus",
        withheld=[config for config in figures.configs if config.redistribute != "bytes"],
        licence_address=licence_url(figures.release_licence),
        tables={
            "glance": _glance(figures),
            "sources": _sources(figures),
            "licences": _licences(figures),
            "configs": _configs(figures),
            "tasks": _tasks(figures),
            "splits": _splits(figures),
            "funnel": _funnel(figures),
            "quarantine": _quarantine(figures),
            "balance": _balance(figures),
            "histograms": _histograms(figures),
            "versions": table(
                ("kind", "name", "version"), [(v.kind, code(v.name), code(v.version)) for v in figures.versions]
            ),
        },
        citations=_citations(figures.licences),
    )
    return plain_text(f"---\n{header}---\n\n{body}")


def _glance(figures: CorpusFigures) -> str:
    rows = [("pictures", figures.pictures), ("records", figures.records), ("sources", len(figures.sources)),
            ("patients", figures.patients), ("records dropped", figures.dropped),
            ("inputs quarantined", figures.quarantined)]  # fmt: skip
    return table(("", "#count"), [(name, wording.whole(count)) for name, count in rows])


def _sources(figures: CorpusFigures) -> str:
    homepages = {row.source: row.homepage for row in figures.licences}
    rows = [
        (
            code(source.source) + (" **phantom, not real data**" if source.phantom else ""),
            link(source.title, homepages.get(source.source, "")),
            ", ".join(modality_name(each) for each in source.modalities) or "not stated",
            wording.whole(source.samples),
            wording.whole(source.pictures),
            wording.whole(source.patients) if source.patients is not None else "unknown",
            wording.whole(source.records),
        )
        for source in figures.sources
    ]
    return table(("source", "title", "modality", "#samples", "#pictures", "#patients", "#records"), rows)


def _licences(figures: CorpusFigures) -> str:
    rows = [
        (
            code(row.source),
            link(row.licence, licence_url(row.licence)),
            row.access,
            _PASSED_ON[row.redistribute],
            wording.whole(row.samples),
            wording.whole(row.records),
        )
        for row in figures.licences
    ]
    return table(("source", "licence", "access", "may be passed on", "#samples", "#records"), rows)


def _configs(figures: CorpusFigures) -> str:
    rows = []
    terms = {
        (row.source, config.config): terms_of(config.config, row.redistribute)
        for row in figures.licences
        for config in figures.configs
    }
    for config in figures.configs:
        counts = dict.fromkeys(SPLITS, 0)
        for shard in config.shards:
            counts[shard.split] += shard.rows
        records = sum(
            cell.records
            for cell in figures.cells
            if (cell.config, terms.get((cell.source, cell.config), "bytes")) == (config.config, config.redistribute)
        )
        size = wording.size(sum(shard.bytes for shard in config.shards))
        numbers = [wording.whole(number) for number in (*counts.values(), records)]
        rows.append((code(config.name), *numbers, size))
    return table(("config", *(f"#rows in {split}" for split in SPLITS), "#records", "#size"), rows)


def _tasks(figures: CorpusFigures) -> str:
    counts: dict[tuple[str, int, str], dict[str, int]] = {}
    for cell in figures.cells:
        splits = counts.setdefault((cell.config, cell.type, cell.task), dict.fromkeys(SPLITS, 0))
        if cell.split is not None:
            splits[cell.split] += cell.records
    rows = [
        (code(task), record_type(number), code(config), *(wording.whole(splits[split]) for split in SPLITS))
        for (config, number, task), splits in sorted(counts.items())
    ]
    return table(("task", "record type", "config", *(f"#{split}" for split in SPLITS)), rows)


def _splits(figures: CorpusFigures) -> str:
    rows = [
        (row.split, *(wording.whole(count) for count in (row.patients, row.samples, row.pictures, row.records)))
        for row in figures.splits
    ]
    return table(("split", "#patients", "#samples", "#pictures", "#records"), rows)


def _funnel(figures: CorpusFigures) -> str:
    rows = []
    for step in figures.funnel:
        reasons = ", ".join(
            f"{code(reason)} {wording.whole(count)}" for reason, count in statements.ordered(step.dropped)
        )
        unit = "pictures" if step.unit == "views" else step.unit
        lost = sum(step.dropped.values())
        rows.append((words(step.name), unit, wording.whole(step.kept), wording.whole(lost), reasons))
    return table(("step", "counts", "#kept", "#dropped", "reasons"), rows)


def _quarantine(figures: CorpusFigures) -> str:
    rows = [
        (code(row.source), row.stage, code(row.reason), wording.whole(row.count)) for row in figures.quarantine_counts
    ]
    return table(("source", "stage", "reason", "#inputs"), rows)


def _balance(figures: CorpusFigures) -> str:
    rows = [
        (words(figures.concepts.get(row.concept, row.concept), 80), wording.whole(row.yes), wording.whole(row.no))
        for row in figures.balance[:100]
    ]
    return table(("finding", "#yes", "#no"), rows)


def _histograms(figures: CorpusFigures) -> str:
    rows = []
    for each in figures.histograms:
        numbers = (each.minimum, each.median, each.mean, each.maximum)
        told = [wording.size(number) if each.unit == "bytes" else wording.decimal(number, 3) for number in numbers]
        rows.append((words(each.title), each.unit, *told))
    return table(("", "unit", "#least", "#median", "#mean", "#most"), rows)


def _versions(figures: CorpusFigures) -> str:
    rows = [(version.kind, code(version.name), code(version.version)) for version in figures.versions]
    return table(("kind", "name", "version"), rows)


def _citations(rows: tuple[LicenceRow, ...]) -> list[tuple[str, str]]:
    """Each source's citation once."""
    return list(dict.fromkeys((row.source, row.citation) for row in rows))
