"""`medloom check`: every mistake at its line, with what to do; the manual's table of messages is this one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.flows.check import card_names, check, find_card, load_card, read_catalog, render_problems
from medloom.flows.json_schema import SCHEMAS, fill_tables, json_schema, schema_text
from medloom.flows.problem import COMMAND_LINE, mask_secrets
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import Catalog
from medloom.schemas.errors import CatalogError
from medloom.schemas.marked_yaml import read_yaml

REPO = Path(__file__).resolve().parent.parent.parent
PAGE = (REPO / "docs" / "catalogs.md").read_text("utf-8")
MESSAGES: list[dict[str, Any]] = read_yaml(Path(__file__).with_name("check_messages.yaml").read_text("utf-8")).data
CATALOG = """\
corpus: cells
version: 1.0.0
release: {licence: CC-BY-4.0, to: public}
sources:
  - use: blood
    path: data/blood
  - use: skin
    path: data/skin
tasks:
  - caption
filters:
  - structure
  - near_duplicates: {distance: 4, across: sources}
split: {ratios: {train: 0.8, validation: 0.1, test: 0.1}}
"""
BLOOD = """\
source: blood
title: Blood cells
licence: MIT
citation: Doe 2020
get: git clone the data set
modality: microscopy
converter: pascal_voc
params: {annotations: Annotations}
patient: {match: "(P[0-9]+)"}
labels: {RBC: red_blood_cell, WBC: white_blood_cell}
exhaustive: {regions: true}
verified: layout
"""
SKIN = """\
source: skin
title: Skin
licence: CC-BY-4.0
citation: Roe 2021
modality: dermoscopy
converter: class_folders
patient: unknown
verified: layout
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a catalog and two cards that have no mistake."""
    for file, text in (("catalog.yaml", CATALOG), ("sources/blood.yaml", BLOOD), ("sources/skin.yaml", SKIN)):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    for name in ("blood", "skin"):
        (tmp_path / "data" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(lab: Path, file: str, old: str, new: str) -> None:
    text = (lab / file).read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    (lab / file).write_text(text.replace(old, new))


def said(lab: Path, **sources: str) -> str:
    return render_problems(check(lab / "catalog.yaml", sources)).replace(str(lab), "HERE")


def test_a_catalog_without_mistakes_is_resolved(lab: Path) -> None:
    assert check(lab / "catalog.yaml") == []
    found = read_catalog(Path("catalog.yaml"))
    assert [source.use.use for source in found.sources] == ["blood", "skin"]
    assert [source.root for source in found.sources] == [lab / "data" / "blood", lab / "data" / "skin"]
    assert found.sources[0].file == Path("sources/blood.yaml")
    assert [type(source.converter).__name__ for source in found.sources] == ["PascalVoc", "ClassFolders"]
    assert [task.name for task in found.tasks] == ["caption"]
    assert [one.name for one in found.filters] == ["structure", "near_duplicates"]
    assert found.filters[1].params.model_dump()["distance"] == 4
    assert found.folder == Path()


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: row["mistake"])
def test_a_mistake_is_told(lab: Path, row: dict[str, Any]) -> None:
    change(lab, row["file"], row["old"], row["new"])
    assert said(lab).splitlines() == row["says"]
    if any(": error: " in line for line in row["says"]):
        with pytest.raises(CatalogError):
            read_catalog(lab / "catalog.yaml")


def test_a_task_that_speaks_of_all_regions_is_told_where_not_all_are_drawn(lab: Path) -> None:
    change(lab, "catalog.yaml", "  - caption", "  - caption\n  - counting")
    change(lab, "sources/blood.yaml", "regions: true", "labels: true")
    assert said(lab).splitlines()[:1] == [
        "catalog.yaml:11:5: note: the task 'counting' gets nothing from blood: "
        "it needs a card that says `exhaustive: {regions: true}`"
    ]


def test_all_mistakes_are_told_at_once(lab: Path) -> None:
    """Many in one catalog and its cards: each is there, in the order of files and lines."""
    for old, new in (
        ("version: 1.0.0", "version: 1.0"),
        ("to: public", "to: publik"),
        ("data/blood", "data/blut"),
        ("use: skin", "use: skim"),
        ("- caption", "- captions"),
        ("- structure", "- structures"),
        ("distance: 4", "distanse: 4"),
        ("split:", "shards: {rows: 0}\nsplit:"),
    ):
        change(lab, "catalog.yaml", old, new)
    change(lab, "sources/blood.yaml", "annotations: Ann", "anotations: Ann")
    change(lab, "sources/blood.yaml", "red_blood_cell", "red_bloodcell")
    found = check(lab / "catalog.yaml", {"blod": "x"})
    text = render_problems(found)
    words = [
        "blod",
        "version is 1.0",
        "publik",
        "data/blut",
        "skim",
        "captions",
        "structures",
        "distanse",
        "shards.rows",
    ]
    for word in (*words, "anotations", "red_bloodcell"):
        assert text.count(f"{word}") >= 1, word
    assert len(found) == 11
    lines = [one.line for one in found if one.file.endswith("catalog.yaml")]
    assert lines == sorted(lines)


def test_paths_on_the_command_line(lab: Path) -> None:
    (lab / "elsewhere").mkdir()
    change(lab, "catalog.yaml", "    path: data/skin\n", "")
    assert said(lab, skin="elsewhere") == ""
    assert read_catalog(lab / "catalog.yaml", {"skin": "elsewhere"}).sources[1].root == lab / "elsewhere"
    assert read_catalog(lab / "catalog.yaml", {"skin": "elsewhere"}).sources[1].use.path == str(lab / "elsewhere")
    text = said(lab, skin="nowhere", skim="x")
    assert text.splitlines() == [
        "--source: error: --source skim=x: the catalog has no source 'skim' — did you mean 'skin'?",
        "--source: error: --source skin: HERE/nowhere is not there — give it with `--source skin=PATH`",
    ]
    assert {one.file for one in check(lab / "catalog.yaml", {"skin": "nowhere"})} == {COMMAND_LINE}


def test_the_catalogs_parameters_win_over_the_cards(lab: Path) -> None:
    change(lab, "catalog.yaml", "data/blood", "data/blood\n    params: {annotations: B, pictures: C}")
    card = read_catalog(lab / "catalog.yaml").sources[0].card
    assert card.params == {"annotations": "B", "pictures": "C"}


def test_a_card_beside_the_catalog_wins(lab: Path) -> None:
    assert "bccd_voc" in card_names(lab)
    assert find_card("bccd_voc", lab) == REPO / "catalogs" / "sources" / "bccd_voc.yaml"
    (lab / "sources" / "bccd_voc.yaml").write_text(BLOOD.replace("source: blood", "source: bccd_voc"))
    assert find_card("bccd_voc", lab) == lab / "sources" / "bccd_voc.yaml"
    assert load_card("bccd_voc", lab).title == "Blood cells"
    assert find_card("../sources/blood", lab) is None
    with pytest.raises(CatalogError, match="did you mean 'blood'"):
        load_card("bloood", lab)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("caption", ""),
        ("captoin", "error: HERE/prompts/own.yaml: no task that is installed uses the prompt 'captoin' — did you mean "
            "'caption'?"),
        ("translate", "note: HERE/prompts/own.yaml: no task here uses the prompt 'translate'"),
    ],
)  # fmt: skip
def test_a_prompt_of_ones_own_that_replaces_nothing(lab: Path, prompt: str, says: str) -> None:
    engine = "{engine: openai, model: m, base_url: http://127.0.0.1:1/v1, local: true, prompts: [prompts]}"
    change(lab, "catalog.yaml", "  - caption\n", f"  - write.caption\nsynthesis: {engine}\n")
    (lab / "prompts").mkdir()
    ours = (REPO / "synthesis" / "prompts" / f"{prompt.replace('oi', 'io')}.yaml").read_text("utf-8")
    (lab / "prompts" / "own.yaml").write_text(re.sub(r"(?m)^id: .*", f"id: {prompt}", ours))
    assert re.sub(r"^\S+: ", "", said(lab)).strip() == says


def test_a_card_is_checked_by_itself(lab: Path) -> None:
    assert check(lab / "sources" / "blood.yaml") == []
    change(lab, "sources/blood.yaml", "red_blood_cell", "red_bloodcell")
    assert "sources/blood.yaml:10:15: error" in render_problems(check(lab / "sources" / "blood.yaml"))
    with pytest.raises(CatalogError, match="red_bloodcell"):
        load_card(lab / "sources" / "blood.yaml")
    with pytest.raises(CatalogError, match="red_bloodcell"):
        read_catalog(lab / "sources" / "blood.yaml")


PLUGIN = """
from medloom.quality.filter import Filter, FilterParams

class Params(FilterParams):
    share: float

class Outside(Filter):
    name = "outside"
    record_columns = ("id",)
    Params = Params
"""


def test_a_strangers_filter_that_needs_a_parameter(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes by the door that packages use, the metadata of what is installed."""
    info = lab / "path" / "outside_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (lab / "path" / "outside_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[medloom.filters]\noutside = outside_plugin:Outside\n")
    monkeypatch.syspath_prepend(str(lab / "path"))
    change(lab, "catalog.yaml", "  - structure", "  - outside: {share: 0.5}")
    assert said(lab) == ""
    change(lab, "catalog.yaml", "{share: 0.5}", "{shar: 0.5}")
    assert said(lab).splitlines() == [
        "catalog.yaml:12:5: error: the key 'share' is missing in filters[0].outside — add `share:`",
        "catalog.yaml:12:15: error: unknown key 'shar' in filters[0].outside",
    ]


@pytest.mark.parametrize("path", ["nowhere.yaml", "data"])
def test_a_file_that_can_not_be_read(lab: Path, path: str) -> None:
    assert "can't be read" in render_problems(check(lab / path))


def test_a_file_that_is_no_text(lab: Path) -> None:
    (lab / "catalog.yaml").write_bytes(b"corpus: \xff\xfe")
    assert "not UTF-8" in said(lab)
    (lab / "catalog.yaml").write_bytes(b"\xef\xbb\xbf" + CATALOG.encode())
    assert said(lab) == ""
    (lab / "catalog.yaml").write_text("- a\n- b\n")
    assert said(lab) == "catalog.yaml:1:1: error: the file is no mapping — write `key: value` lines"


YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [*Catalog.model_fields, "source"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), YAML_VALUES, min_size=1))
def test_whatever_is_written_is_told_and_never_raised(lab: Path, data: dict[str, Any]) -> None:
    from ruamel.yaml import YAML

    known = read_yaml(CATALOG).data
    with (lab / "odd.yaml").open("w") as handle:
        YAML(typ="safe", pure=True).dump({**known, **data}, handle)
    for one in check(lab / "odd.yaml"):
        assert one.line >= 1
        assert one.column >= 1
        assert one.what


@pytest.mark.parametrize(
    "secret",
    [
        "https://me:hunter2hunter2@example.org/data",
        "s3://bucket/x?X-Amz-Signature=hunter2hunter2",
        "token=hunter2hunter2",
        "hf_hunter2hunter2hunter2",
        "AKIAHUNTER2HUNTER2",
    ],
)
def test_secrets_are_never_printed(lab: Path, secret: str) -> None:
    assert "hunter2" not in mask_secrets(secret).casefold()
    for old, new in (
        ("data/skin", secret),
        ("version: 1.0.0", f"version: {secret}"),
        ("- caption", f"- caption: {{api_token: {secret}}}"),
        ("structure", secret),
        ("use: skin", f"use: {secret}"),
    ):
        (lab / "catalog.yaml").write_text(CATALOG)
        change(lab, "catalog.yaml", old, new)
        text = said(lab)
        assert ": error: " in text
        assert "hunter2" not in text.casefold()


def test_values_of_secret_keys_are_never_printed(lab: Path) -> None:
    change(lab, "catalog.yaml", "data/skin", "data/skin\n    password: swordfish\n    limit: {secret_token: swordfish}")
    assert "swordfish" not in said(lab)
    assert "unknown key 'password'" in said(lab)


@pytest.mark.parametrize(("name", "model"), SCHEMAS.items())
def test_committed_schemas_are_those_of_the_models(name: str, model: Any) -> None:
    assert (REPO / "docs" / "schemas" / name).read_text("utf-8") == schema_text(model), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(json_schema(model))


@pytest.mark.parametrize("path", sorted(REPO.glob("catalogs/*.yaml")), ids=lambda path: path.name)
def test_editors_find_nothing_wrong_in_our_catalogs(path: Path) -> None:
    jsonschema.validate(read_yaml(path.read_text("utf-8")).data, json_schema(Catalog))


@pytest.mark.parametrize("path", sorted(REPO.glob("catalogs/sources/*.yaml")), ids=lambda path: path.stem)
def test_our_cards_have_no_mistake(path: Path) -> None:
    jsonschema.validate(read_yaml(path.read_text("utf-8")).data, json_schema(SourceCard))
    assert render_problems(check(path)) == ""


def test_the_schema_knows_what_is_wrong() -> None:
    data = read_yaml(CATALOG).data
    jsonschema.validate(data, json_schema(Catalog))
    for wrong in ({"filterz": []}, {"version": "1.0"}, {"release": {"licence": "MIT", "to": "all"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**data, **wrong}, json_schema(Catalog))


def test_the_manual_is_up_to_date() -> None:
    assert fill_tables(PAGE) == PAGE, "run `make docs`"
    rows = [f"| {row['mistake']} | {'<br>'.join(f'`{line}`' for line in row['says'])} |" for row in MESSAGES]
    table = "\n".join(("| mistake | what check says |", "|---|---|", *rows))
    shown = re.search(r"<!-- messages -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert shown is not None
    assert shown[1] == table, f"write it anew:\n{table}"


def test_the_manuals_examples_show_every_key_and_have_no_mistake(tmp_path: Path) -> None:
    examples = dict(re.findall(r"<!-- example: (\S+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))
    for file, model in (("catalog.yaml", Catalog), ("sources/spleen_ct.yaml", SourceCard)):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(examples[file])
        assert read_yaml(examples[file]).data.keys() == model.model_fields.keys()
    (tmp_path / "data").mkdir()
    assert render_problems(check(tmp_path / "catalog.yaml", {"spleen_ct": str(tmp_path / "data")})) == ""
    first_lines = [text.splitlines()[0] for text in examples.values()]
    assert all(line.startswith("# yaml-language-server: $schema=") for line in first_lines)
