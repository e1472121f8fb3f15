"""Scenes and Cases of real and phantom sources, with the census that a build would take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from medloom.converters.registry import load_converter
from medloom.flows.cards import load_card
from medloom.flows.listing import list_source, read_partition
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.sample import Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.task import Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.vocabulary import load_vocabulary

SHARED = Path(os.environ.get("MEDLOOM_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
REAL = {
    "covid_cxr_gb": "covid_cxr_gb",
    "bccd_voc": "bccd_voc",
    "openi_reports": "openi_reports",
    "totalseg_ct": "totalseg_ref",
    "pocus_lus": "pocus_lus",
}


def source(card: str, root: Path, work: Path, most: int, skip: int = 0) -> tuple[Context, Iterator[Made]]:
    """The context of a source, and what is made of `most` of its Samples, evenly taken."""
    found = load_card(card)
    converter = load_converter(found.converter)
    listing = list_source(converter.samples(root, found), found, work / card, 4096)
    samples: list[Sample] = [
        sample for part in listing.partitions for sample in read_partition(work / card / part.name)
    ]
    vocabulary = load_vocabulary()
    origin = Origin(card=found, root=root, vocabulary=vocabulary, views=ViewPolicy(per_volume=3))
    context = Context(
        vocabulary=vocabulary, templates=load_templates(), census=Census(labels=listing.labels, regions=listing.regions)
    )
    if card == "pocus_lus":  # stills: what is said of a clip isn't said of each of its frames
        samples = [sample for sample in samples if sample.media[0].kind == "picture"]
    step = max(1, len(samples) // most)
    return context, (scenes_of(sample, origin) for sample in islice(samples[skip::step], most))
