import pytest

from medloom.converters.formats.row_facts import RowFacts, age_in_years
from medloom.schemas.errors import BadInput


@pytest.mark.parametrize(
    ("words", "years"),
    [("54", 54), ("54.5", 54.5), ("054Y", 54), ("018M", 1.5), ("000Y", 0), ("411", None), ("", None), (None, None),
     ("unknown", None), ("-3", None), ("nan", None)],
)  # fmt: skip
def test_ages(words, years):
    assert age_in_years(words) == years


def test_days_and_weeks_are_parts_of_a_year():
    assert age_in_years("052W") == pytest.approx(364 / 365.25)
    assert age_in_years("012D") == pytest.approx(12 / 365.25)


def test_acquisition_texts_and_study(make_card):
    facts = RowFacts.model_validate({
        "acquisition": {"sex": "s", "age_years": "a", "view": "v", "laterality": "l", "modality": "m"},
        "modalities": {"X-ray": "xray"}, "texts": {"note": "n"}, "study": "st", "language": "de",
    })  # fmt: skip
    row = {"s": "F", "a": "040Y", "v": "PA", "l": "Left", "m": "X-ray", "n": "Text", "st": "7"}
    found = facts.of(row, "t.csv#row=3", make_card("csv_labels"), None)
    how = found["acquisition"]
    assert (how.sex, how.age_years, how.view, how.laterality, how.modality) == ("female", 40, "PA", "left", "xray")
    assert [(text.kind, text.body, text.pointer, text.language) for text in found["texts"]] == [
        ("note", "Text", "t.csv#row=3,column=n", "de")
    ]
    assert (found["study"], found["visit"], found["licence"]) == ("7", None, None)
    blank = facts.of({**dict.fromkeys(row, ""), "s": "unknown", "l": "both"}, "p", make_card("csv_labels"), None)
    assert (blank["acquisition"], blank["texts"], blank["study"]) == (type(how)(), (), None)
    with pytest.raises(BadInput, match="unknown_modality"):
        facts.of({**row, "m": "CT"}, "p", make_card("csv_labels"), None)


@pytest.mark.parametrize(
    ("words", "part"),
    [("knee", "knee"), ("Left knee", "Left knee"), ("FACE", "FACE"), ("unknown", None), ("Other", None), ("N/A", None),
     ("Not specified", None), ("none", None), ("", None)],
)  # fmt: skip
def test_a_placeholder_is_no_part_of_the_body(make_card, words, part):
    facts = RowFacts.model_validate({"acquisition": {"body_part": "b", "view": "b", "sequence": "b"}})
    how = facts.of({"b": words}, "p", make_card("csv_labels"), None)["acquisition"]
    assert (how.body_part, how.view, how.sequence) == (part, part and words, part and words)


@pytest.mark.parametrize(
    ("cells", "spacing"), [(("0.2",), (0.2, 0.2)), (("0.2", "0.1"), (0.2, 0.1)), (("0.2", ""), None)]
)
def test_spacing_goes_down_first(make_card, cells, spacing):
    columns = [f"c{number}" for number in range(len(cells))]
    facts = RowFacts.model_validate({"spacing_mm": columns})
    row = dict(zip(columns, cells, strict=True))
    assert facts.of(row, "p", make_card("csv_labels"), None)["acquisition"].spacing_mm == spacing


@pytest.mark.parametrize("cell", ["0", "-1", "inf", "nan", "wide"])
def test_spacing_that_is_none_is_refused(make_card, cell):
    with pytest.raises(BadInput, match="bad_spacing"):
        RowFacts(spacing_mm=("a",)).of({"a": cell}, "p", make_card("csv_labels"), None)


def test_licences_by_picture(make_card):
    facts = RowFacts(licence="licence")
    card = make_card("csv_labels", licences={"CC BY 4.0": "CC-BY-4.0"})
    assert facts.of({"licence": "CC BY 4.0"}, "p", card, None)["licence"] == "CC-BY-4.0"
    for words in ("", "all rights reserved"):
        with pytest.raises(BadInput, match="licence_unknown"):
            facts.of({"licence": words}, "p", card, None)


@pytest.mark.parametrize(
    ("visit", "cell", "first", "key", "day"),
    [
        ({"column": "d"}, "3", -2.0, "5", 5.0),
        ({"column": "d", "kind": "date"}, "2020-03-01", 18320.0, "2", 2.0),
        ({"column": "d", "kind": "date", "format": "%d.%m.%Y"}, "01.03.2020", 18320.0, "2", 2.0),
        ({"column": "d", "kind": "order"}, "baseline", None, "baseline", None),
    ],
)
def test_visits(make_card, visit, cell, first, key, day):
    facts = RowFacts.model_validate({"visit": visit})
    found = facts.of({"d": cell}, "p", make_card("csv_labels"), first)["visit"]
    assert (found.key, found.day) == (key, day)
    assert facts.of({"d": ""}, "p", make_card("csv_labels"), first)["visit"] is None


def test_days_that_make_no_sense(make_card):
    for visit in ({"column": "d"}, {"column": "d", "kind": "date"}):
        with pytest.raises(BadInput, match="bad_visit"):
            RowFacts.model_validate({"visit": visit}).of({"d": "soon"}, "p", make_card("csv_labels"), None)
