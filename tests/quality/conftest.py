"""Valid records and views in their real Arrow types, to break one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from medloom.converters.pixels.mask import rle_encode
from medloom.quality.filter import Filter
from medloom.quality.registry import load_filter
from medloom.schemas.appearance import Appearance
from medloom.schemas.arrow import to_batch
from medloom.schemas.identity import digest
from medloom.schemas.record import Answer, Fact, Measurement, Option, Place, Record, Turn
from medloom.schemas.view import View

WIDTH, HEIGHT = 64, 48
NODULE = (10.0, 12.0, 20.0, 18.0)


def view(name: str = "v0", **changes: Any) -> View:
    """A picture of 64×48 with spacing and orientation; its digests depend on its name alone."""
    known: dict[str, Any] = {
        "id": name, "source": "clinic", "sample": f"case-{name}", "media": "image", "source_file": f"{name}.png",
        "source_sha256": digest("file", name, size=32), "sha256": digest("bytes", name, size=32),
        "phash": digest("hash", name, size=8), "format": "png", "width": WIDTH, "height": HEIGHT, "bytes": 900,
        "passthrough": True, "spacing_mm": (0.8, 0.7), "orientation": ("L", "P"), "mean": 90.0, "std": 40.0,
        "dark": 0.2, "bright": 0.01, "sharpness": 300.0,
    }  # fmt: skip
    return View(**{**known, **changes})


def fact(concept: str = "nodule", **changes: Any) -> Fact:
    known = {"concept": concept, "predicate": "region", "file": "a.xml", "pointer": "a.xml#object=0"}
    return Fact(**{**known, **changes})  # type: ignore[arg-type]


def record(name: str = "r0", **changes: Any) -> Record:
    """A closed question about a nodule, answered with yes."""
    known: dict[str, Any] = {
        "id": name, "config": "vqa", "task": "vqa.closed", "type": 4, "source": "clinic", "sample": "case-v0",
        "views": ("v0",), "template": "vqa.closed/1", "licence": "CC0-1.0", "form": "closed",
        "turns": turns("Is there a nodule?", "Yes, there is a nodule."), "concepts": ("nodule",),
        "polarity": "present", "answer": Answer(text="yes"), "evidence": (fact(),),
    }  # fmt: skip
    return Record(**{**known, **changes})


def turns(asked: str, said: str, pictures: int = 1) -> tuple[Turn, ...]:
    return (Turn(role="user", text="<image>" * pictures + "\n" + asked), Turn(role="assistant", text=said))


def choice(name: str = "choice", right: int = 1, **changes: Any) -> Record:
    """A single choice of three, `right` being the number of the correct option."""
    names = ("cyst", "nodule", "effusion")
    options = tuple(Option(key="ABC"[i], text=text, concept=text, correct=i == right) for i, text in enumerate(names))
    asked = "What is shown? " + " ".join(f"{option.key}. {option.text}" for option in options)
    known: dict[str, Any] = {
        "task": "vqa.single", "type": 6, "form": "single", "options": options, "concepts": (names[right],),
        "answer": Answer(text=names[right], keys=("ABC"[right],)), "evidence": (fact(names[right]),),
        "turns": turns(asked, f"{'ABC'[right]}. {names[right]}"),
    }  # fmt: skip
    return record(name, **{**known, **changes})


def grounding(name: str = "boxes", **changes: Any) -> Record:
    """A nodule located by a mask and the box of that mask."""
    x0, y0, x1, y1 = (int(edge) for edge in NODULE)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    known: dict[str, Any] = {
        "config": "grounding", "task": "grounding.mask", "type": 11, "form": "region",
        "turns": turns("Outline the nodule.", "The nodule is at [10, 12, 20, 18]."),
        "answer": Answer(text="1 region"),
        "places": (Place(concept="nodule", box=NODULE, rle=rle_encode(mask), fact=0),),
    }  # fmt: skip
    return record(name, **{**known, **changes})


def counting(name: str = "count", **changes: Any) -> Record:
    """Two cells counted, with their points."""
    places = tuple(Place(concept="cell", point=(5.0 + 9 * i, 7.5), fact=i) for i in range(2))
    known: dict[str, Any] = {
        "task": "counting", "type": 16, "form": "numeric", "concepts": ("cell",),
        "turns": turns("How many cells are there? Point to each of them.", "There are 2 cells: (5, 7.5), (14, 7.5)."),
        "answer": Answer(text="2", number=2.0, unit="count"), "places": places,
        "evidence": (fact("cell"), fact("cell", pointer="a.xml#object=1")),
    }  # fmt: skip
    return record(name, **{**known, **changes})


def measuring(name: str = "size", **changes: Any) -> Record:
    """The long axis of a nodule in mm."""
    long_axis = Measurement(name="long_axis", value=12.34, unit="mm", method="largest Feret diameter", fact=0)
    known: dict[str, Any] = {
        "task": "measurement.size", "type": 15, "form": "numeric", "measurements": (long_axis,),
        "turns": turns("How long is the nodule?", "Its long axis is 12.3 mm."),
        "answer": Answer(text="12.3 mm", number=12.34, unit="mm"),
        "evidence": (fact(number=12.34, unit="mm"),),
    }  # fmt: skip
    return record(name, **{**known, **changes})


def caption(name: str = "caption", **changes: Any) -> Record:
    """Two captions of one picture."""
    known: dict[str, Any] = {
        "config": "image_text", "task": "caption", "type": 1, "form": "none", "answer": None,
        "texts": ("A CT slice with a nodule.", "There is a nodule in this slice."),
        "turns": turns("Describe the picture.", "A CT slice with a nodule."),
    }  # fmt: skip
    return record(name, **{**known, **changes})


def frame(model: type[Any], rows: Iterable[Any]) -> pl.DataFrame:
    """Rows in the model's own Arrow types, as polars."""
    return pl.DataFrame(pl.from_arrow(to_batch(model, rows)))


def seen(
    one: Filter, rows: Iterable[Record], pictures: Iterable[View] | None = None, looks: Iterable[Appearance] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records and views with the columns that the filter names and no other; what nobody looked at is null."""
    shown = [view()] if pictures is None else list(pictures)
    views = frame(View, shown).join(frame(Appearance, looks), on="id", how="left", maintain_order="left")
    return (
        frame(Record, rows).select("id", *(name for name in one.record_columns if name != "id")),
        views.select("id", *(name for name in one.view_columns if name != "id")),
    )


def apply(
    one: Filter, rows: Iterable[Record], pictures: Iterable[View] | None = None, looks: Iterable[Appearance] = ()
) -> dict[str, str]:
    """Reason by dropped record, having seen only the columns that the filter names."""
    dropped = one.drops(*seen(one, rows, pictures, looks))
    assert dropped.schema == pl.Schema({"record": pl.String, "reason": pl.String, "detail": pl.String})
    assert dropped["record"].is_unique().all()
    return dict(dropped.select("record", "reason").iter_rows())


class Kit:
    """Everything above under one name, for tests that pytest imports by path."""

    view = staticmethod(view)
    fact = staticmethod(fact)
    record = staticmethod(record)
    turns = staticmethod(turns)
    choice = staticmethod(choice)
    grounding = staticmethod(grounding)
    counting = staticmethod(counting)
    measuring = staticmethod(measuring)
    caption = staticmethod(caption)

    @staticmethod
    def option(key: str, text: str, correct: bool) -> Option:
        return Option(key=key, text=text, concept=text, correct=correct)

    frame = staticmethod(frame)
    seen = staticmethod(seen)

    @staticmethod
    def valid() -> list[Record]:
        """One record of each form, nothing wrong with any."""
        return [record(), choice(), grounding(), counting(), measuring(), caption()]

    @staticmethod
    def change(row: Record, **changes: Any) -> Record:
        return msgspec.structs.replace(row, **changes)

    @staticmethod
    def reasons(
        name: str,
        rows: Iterable[Record],
        pictures: Iterable[View] | None = None,
        looks: Iterable[Appearance] = (),
        **params: Any,
    ) -> Any:
        return apply(load_filter(name, params), rows, pictures, looks)

    @staticmethod
    def judgement(
        name: str,
        rows: Iterable[Record],
        pictures: Iterable[View] | None = None,
        looks: Iterable[Appearance] = (),
        **params: Any,
    ) -> Any:
        one = load_filter(name, params)
        return one.judge(*seen(one, rows, pictures, looks))


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def reason_of() -> Callable[..., str | None]:
    """The reason that a filter gives for one record, or None where it keeps it."""

    def reason(name: str, row: Record, pictures: Iterable[View] | None = None, **params: Any) -> str | None:
        found = Kit.reasons(name, [row], pictures, **params)
        assert set(found) <= {row.id}
        return found.get(row.id)

    return reason
