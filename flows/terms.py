"""Terms: under which config rows are published, by what their sources let be passed on."""

from __future__ import annotations

from medloom.schemas.card import Redistribute
from medloom.schemas.record import Config

SUFFIX: dict[Redistribute, str] = {"bytes": "", "text": "_without_media", "index": "_index"}


def config_name(config: Config, redistribute: Redistribute) -> str:
    """The name that rows of a config are published under: whoever loads ``vqa`` gets rows that are whole, those of
    sources that let only text, or only an index, be passed on stand in a config of their own."""
    return f"{config}{SUFFIX[redistribute]}"


def config_names(config: Config) -> tuple[str, ...]:
    """Every name that rows of this config may be published under."""
    return tuple(config_name(config, redistribute) for redistribute in SUFFIX)


def terms_of(config: Config, redistribute: Redistribute) -> Redistribute:
    """What of a row is passed on: where only text may be, a row of text alone is whole."""
    return "bytes" if config == "text" and redistribute == "text" else redistribute


def plain_config(name: str) -> Config:
    """The config behind a name that its rows are published under."""
    for suffix in SUFFIX.values():
        if suffix:
            name = name.removesuffix(suffix)
    return name  # type: ignore[return-value]
