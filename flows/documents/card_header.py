"""The YAML header of a dataset card, as the Hub and `datasets` read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medloom.flows.documents.hub_licence import hub_licence
from medloom.flows.figures import ConfigFiles, CorpusFigures, Shard
from medloom.flows.plain_text import plain_text

_TASKS = {
    1: "image-to-text", 2: "image-to-text", 22: "image-to-text", 10: "object-detection", 11: "image-segmentation",
    13: "keypoint-detection", 20: "video-text-to-text", 34: "text-generation",
}  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"))  # fmt: skip


def card_header(figures: CorpusFigures) -> dict[str, Any]:
    """The header's keys in the order of the Hub's own template; every value is plain YAML.

    One entry of `configs` and of `dataset_info` for each config, with the glob of its shards, its features, and the
    number and size of its rows, so that a loader notices a shard that is missing.
    """
    header: dict[str, Any] = {
        "annotations_creators": ["found", "machine-generated"],
        "language_creators": ["machine-generated"],
        "language": list(figures.languages),
        **hub_licence(figures.release_licence),
        "pretty_name": plain_text(f"{figures.title or figures.corpus} {figures.version}"),
        "size_categories": [size_category(sum(shard.rows for shard in _shards(figures.configs)) or figures.records)],
        "source_datasets": [f"extended|other-{source.source}" for source in figures.sources],
        "task_categories": sorted({_TASKS.get(cell.type, "visual-question-answering") for cell in figures.cells}),
        "tags": _tags(figures),
    }
    if figures.release_to == "gated":
        header |= _gate(figures)
    if figures.configs:
        header["configs"] = [_config(each) for each in figures.configs]
        header["dataset_info"] = [_info(each) for each in figures.configs]
    return header


def size_category(count: int) -> str:
    """The Hub's word for a number of rows."""
    return next((name for limit, name in _SIZES if count < limit), "10B<n<100B")


def splits_of(config: ConfigFiles) -> list[str]:
    """The config's splits in the order of its shards."""
    return list(dict.fromkeys(shard.split for shard in config.shards))


def _tags(figures: CorpusFigures) -> list[str]:
    modalities = sorted({cell.modality for cell in figures.cells if cell.modality})
    kinds = ["phantom"] if any(source.phantom for source in figures.sources) else []
    return ["medical", "medical-imaging", "vision-language", *modalities, *kinds, "medloom"]


def _gate(figures: CorpusFigures) -> dict[str, Any]:
    return {
        "extra_gated_heading": "Agree to the terms of the sources",
        "extra_gated_prompt": (
            f"This corpus is released under {figures.release_licence}, and its records under the licences of their "
            "sources, which the card lists. It is for research, not for clinical use."
        ),
        "extra_gated_fields": {
            "Affiliation": "text",
            "Purpose": "text",
            "I will not try to find out who any patient is": "checkbox",
            "I have read the licences of the sources and keep to them": "checkbox",
        },
    }


def _config(config: ConfigFiles) -> dict[str, Any]:
    paths = [{"split": split, "path": f"data/{config.name}/{split}-*.parquet"} for split in splits_of(config)]
    return {"config_name": config.name, "data_files": paths}


def _info(config: ConfigFiles) -> dict[str, Any]:
    splits = []
    for split in splits_of(config):
        shards = [shard for shard in config.shards if shard.split == split]
        size, rows = sum(shard.arrow_bytes for shard in shards), sum(shard.rows for shard in shards)
        splits.append({"name": split, "num_bytes": size, "num_examples": rows})
    return {
        "config_name": config.name,
        "features": config.features,
        "splits": splits,
        "download_size": sum(shard.bytes for shard in config.shards),
        "dataset_size": sum(shard.arrow_bytes for shard in config.shards),
    }


def _shards(configs: Iterable[ConfigFiles]) -> Iterable[Shard]:
    return (shard for config in configs for shard in config.shards)
