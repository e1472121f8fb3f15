"""croissant.json: the corpus as Croissant 1.1 with the RAI vocabulary 1.0 (MLCommons)."""

from __future__ import annotations

import json
from typing import Any

from medloom.flows.documents import statements
from medloom.flows.documents.croissant_fields import croissant_fields
from medloom.flows.documents.hub_licence import licence_url
from medloom.flows.figures import ConfigFiles, CorpusFigures, LicenceRow
from medloom.flows.plain_text import plain_text

# The context that the specification recommends (Croissant 1.1, appendix 1), with the RAI namespace.
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5",
    "parentField": "cr:parentField", "path": "cr:path", "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]


def render_croissant(figures: CorpusFigures, *, url: str | None = None, published: str | None = None) -> str:
    """The whole file. `url` and `published` (an ISO date) are known once the corpus is published: a build has neither,
    so that its bytes depend on the corpus alone.

    A FileObject for each shard with its SHA-256, a FileSet and a RecordSet for each config; paths are relative to the
    file itself.
    """
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": figures.corpus,
        "description": figures.description or figures.title or figures.corpus,
        "conformsTo": CONFORMS_TO,
        "license": [licence_url(figures.release_licence) or figures.release_licence],
        "version": figures.version,
        "inLanguage": list(figures.languages),
        "keywords": ["medical imaging", "vision-language", *sorted({c.modality for c in figures.cells if c.modality})],
        "creator": {"@type": "sc:Organization", "name": f"The builders of {figures.title or figures.corpus}"},
        "citeAs": " ".join(dict.fromkeys(_sentence(row) for row in figures.licences)),
        "isLiveDataset": False,
        **_responsible(figures),
        "distribution": [part for config in figures.configs for part in _distribution(config)],
        "recordSet": [_record_set(config) for config in figures.configs],
    }
    if url is not None:
        document["url"] = url
    if published is not None:
        document["datePublished"] = published
    return json.dumps(_shown(document), ensure_ascii=False, indent=1) + "\n"


def _sentence(row: LicenceRow) -> str:
    citation = " ".join(row.citation.split())
    return citation if citation.endswith((".", "!", "?")) else f"{citation}."


def _distribution(config: ConfigFiles) -> list[dict[str, Any]]:
    shards = [
        {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path,
            "description": f"Shard of {config.name}, {shard.split}: {shard.rows} rows.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": shard.sha256,
        }
        for shard in config.shards
    ]
    files = {
        "@type": "cr:FileSet",
        "@id": f"{config.name}-files",
        "name": f"{config.name}-files",
        "description": f"All shards of the config {config.name}.",
        "encodingFormat": "application/x-parquet",
        "includes": [shard.path for shard in config.shards],
    }
    return [*shards, files]


def _record_set(config: ConfigFiles) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": f"One row for each set of pictures, with its records of the config {config.name}.",
        "key": {"@id": f"{config.name}/id"},
        "field": croissant_fields(config.name, f"{config.name}-files", config.features),
    }


def _responsible(figures: CorpusFigures) -> dict[str, Any]:
    """The Responsible AI part (Croissant RAI 1.0)."""
    tools = [f"medloom {version.version}" for version in figures.versions if version.kind == "medloom"]
    tools += [f"{version.name} {version.version}" for version in figures.versions if version.kind == "task"]
    return {
        "rai:dataCollection": f"{statements.RATIONALE} {statements.PRODUCERS}",
        "rai:dataCollectionType": ["Secondary Data Analysis"],
        "rai:dataCollectionMissingData": (
            f"{figures.quarantined} inputs could not be used; quarantine.parquet names each and why. What a source "
            "doesn't state is empty, never filled in."
        ),
        "rai:dataCollectionRawData": "; ".join(dict.fromkeys(_raw(row) for row in figures.licences)),
        "rai:dataPreprocessingProtocol": list(statements.processing_statements(figures)),
        "rai:dataAnnotationProtocol": [statements.annotation_statement(figures), statements.wording_statement(figures)],
        "rai:machineAnnotationTools": tools,
        "rai:dataBiases": list(statements.bias_statements(figures)),
        "rai:dataLimitations": list(statements.limitation_statements(figures)),
        "rai:dataUseCases": [*statements.DIRECT_USE, *statements.OUT_OF_SCOPE],
        "rai:dataSocialImpact": statements.SOCIAL_IMPACT,
        "rai:personalSensitiveInformation": list(statements.personal_statements(figures)),
        "rai:dataReleaseMaintenancePlan": statements.MAINTENANCE,
    }


def _raw(row: LicenceRow) -> str:
    return f"{row.title} ({row.licence}{', ' + row.homepage if row.homepage else ''})"


def _shown(value: Any) -> Any:
    """Every string without what can't be shown: a reader of JSON prints them as they are."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return {key: _shown(each) for key, each in value.items()} if isinstance(value, dict) else value
