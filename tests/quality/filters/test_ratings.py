"""Ratings against bounds: what is dropped, what stays, what is scored."""

from __future__ import annotations

import polars as pl

from medloom.quality.filters.ratings import Ratings, RatingsParams

GOOD = {"relevance": 4.0, "visual_dependence": 2.0, "image_correspondence": 5.0, "formatting": 4.0}


def frame(*rows: tuple[str, str, dict[str, float]]) -> pl.DataFrame:
    kind = pl.List(pl.Struct({"name": pl.String, "value": pl.Float64}))
    ratings = [[{"name": name, "value": value} for name, value in given.items()] for _, _, given in rows]
    return pl.DataFrame(
        {"id": [row[0] for row in rows], "task": [row[1] for row in rows], "ratings": ratings},
        schema_overrides={"ratings": kind},
    )


ROWS = frame(
    ("good", "write.qa", GOOD), ("off", "write.qa", GOOD | {"relevance": 1.0}),
    ("blind", "write.qa", GOOD | {"visual_dependence": 1.0}),
    ("template", "vqa.open", {}), ("unrated", "write.qa", {}),
)  # fmt: skip


def reasons(**params: object) -> dict[str, str]:
    found = Ratings(RatingsParams(**params)).drops(ROWS, pl.DataFrame())  # type: ignore[arg-type]
    return dict(zip(found["record"], found["reason"], strict=True))


def test_what_is_rated_below_a_bound_goes() -> None:
    assert reasons() == {"off": "low_relevance"}
    assert reasons(visual_dependence=2) == {"off": "low_relevance", "blind": "low_visual_dependence"}
    assert reasons(relevance=0) == {}


def test_unrated_goes_where_the_catalog_says_so_but_templates_stay() -> None:
    assert reasons(unrated="drop") == {"off": "low_relevance", "unrated": "unrated"}


def test_the_score_is_the_mean() -> None:
    scores = Ratings(RatingsParams()).judge(ROWS, pl.DataFrame()).scores
    assert dict(zip(scores["record"], scores["score"], strict=True)) == {"good": 3.75, "off": 3.0, "blind": 3.5}


def test_looks_say_value_and_bound() -> None:
    looks = Ratings(RatingsParams()).looks("off", ROWS, pl.DataFrame())
    assert [(look.what, look.value, look.passed) for look in looks[:1]] == [("relevance", "1", False)]
