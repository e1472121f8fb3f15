"""What we write down is what `datasets` would have written."""

from __future__ import annotations

import pyarrow as pa
import pytest
from datasets import Features, Image, List, Nifti, Video

from medloom.flows.features import features, listed_features
from medloom.flows.shard_table import row_schema
from medloom.schemas.record import CONFIGS, Config

MEDIA = {"images": List(Image()), "volume": Nifti(), "video": Video()}


@pytest.mark.parametrize("config", CONFIGS)
def test_features_are_those_of_datasets(config: Config) -> None:
    theirs = Features.from_arrow_schema(row_schema(config))
    theirs |= {name: kind for name, kind in MEDIA.items() if name in theirs}
    assert features(row_schema(config)) == theirs.to_dict()
    assert listed_features(row_schema(config)) == Features(theirs)._to_yaml_list()


def test_every_shape_is_written_as_datasets_writes_it() -> None:
    images = ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    point = pa.struct([("x", pa.float64()), ("seen", pa.bool_())])
    schema = pa.schema([images, ("many", pa.list_(pa.list_(pa.int64()))), ("points", pa.list_(point)), ("one", point)])
    theirs = Features.from_arrow_schema(schema)
    theirs["images"] = List(Image())
    assert features(schema) == theirs.to_dict()
    assert listed_features(schema) == theirs._to_yaml_list()
