from __future__ import annotations

import re

import msgspec
import pytest
from datasets import Features, load_dataset
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from medloom.flows.documents.dataset_card import render_card
from medloom.flows.figures import RunFacts


@pytest.fixture(scope="module")
def text(corpus_dir):
    return render_card(corpus_dir[1])


@pytest.fixture(scope="module")
def data(text):
    return DatasetCard(text).data


def tokens(text):
    """Markdown tokens of the body, children beside their parents."""
    body = text.split("\n---\n", 1)[1]
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body):
        yield token
        yield from token.children or ()


def test_the_header_reads_as_a_card_of_the_hub(data):
    assert data.license == "cc-by-4.0" and data.language == ["en"]
    assert data.pretty_name == "Drawn clinic and blood smears 1.2.0"
    assert data.size_categories == ["n<1K"]
    assert data.task_categories == [
        "image-segmentation", "image-to-text", "object-detection", "visual-question-answering",
    ]  # fmt: skip
    assert {"medical", "vision-language", "ct", "xray", "microscopy", "phantom"} <= set(data.tags)
    assert data.annotations_creators == ["found", "machine-generated"]
    assert data.source_datasets[0] == "extended|other-phantom_clinic"


def test_configs_point_at_the_shards_that_are_there(data, corpus_dir):
    folder, figures = corpus_dir
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert list(configs) == ["image_text", "vqa", "grounding"]
    found = [
        path.relative_to(folder).as_posix()
        for config in configs.values()
        for each in config["data_files"]
        for path in sorted(folder.glob(each["path"]))
    ]
    assert sorted(found) == sorted(shard.path for config in figures.configs for shard in config.shards)


def test_features_and_sizes_survive_the_yaml(data, corpus_dir):
    _, figures = corpus_dir
    infos = DatasetInfosDict.from_dataset_card_data(data)
    for config in figures.configs:
        info = infos[config.config]
        assert info.features == Features._from_yaml_list(config.features)
        for split in info.splits.values():
            shards = [shard for shard in config.shards if shard.split == split.name]
            assert split.num_examples == sum(shard.rows for shard in shards)
            assert split.num_bytes == sum(shard.arrow_bytes for shard in shards)
        assert info.download_size == sum(shard.bytes for shard in config.shards)
        assert info.dataset_size == sum(shard.arrow_bytes for shard in config.shards)


def test_load_dataset_reads_the_corpus_by_its_card(corpus_dir, tmp_path, monkeypatch):
    folder, figures = corpus_dir
    (folder / "README.md").write_text(render_card(figures), encoding="utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loaded = load_dataset(str(folder), "vqa", cache_dir=str(tmp_path))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 1, "validation": 1}
    row = loaded["train"][0]
    assert row["images"][0].size == (300, 240)
    assert row["records"][0]["turns"][1]["text"] == "40.7 mm"
    assert row["records"][0]["measurements"][0]["value"] == 40.73219


def test_a_shard_that_is_missing_is_noticed(corpus_dir, tmp_path, monkeypatch):
    """The numbers in the header are what a loader checks against."""
    from datasets.exceptions import DatasetGenerationError
    from datasets.utils.info_utils import NonMatchingSplitsSizesError

    folder, figures = corpus_dir
    first, *rest = figures.configs
    more = tuple(msgspec.structs.replace(shard, rows=shard.rows + 1) for shard in first.shards)
    wrong = msgspec.structs.replace(figures, configs=(msgspec.structs.replace(first, shards=more), *rest))
    (folder / "README.md").write_text(render_card(wrong), encoding="utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises((NonMatchingSplitsSizesError, DatasetGenerationError)):
        load_dataset(str(folder), "image_text", cache_dir=str(tmp_path))
    (folder / "README.md").write_text(render_card(figures), encoding="utf-8")


def test_the_body_has_every_section_of_the_hubs_template(text):
    from huggingface_hub.repocard import TEMPLATE_DATASETCARD_PATH

    optional = {"Dataset Sources [optional]", "Glossary [optional]", "More Information [optional]",
                "Dataset Card Authors [optional]", "Dataset Card Contact", "Dataset Description"}  # fmt: skip
    wanted = re.findall(r"^#{2,} (.+)$", TEMPLATE_DATASETCARD_PATH.read_text(encoding="utf-8"), re.M)
    headings = set(re.findall(r"^#{2,} (.+)$", text, re.M))
    missing = {name.removesuffix(" [optional]") for name in set(wanted) - optional} - headings
    assert missing == set()
    assert {"Licences", "Sources", "Splits", "Tasks", "How it was made"} <= headings


def test_a_strangers_words_make_neither_markup_nor_links(text, evil):
    found = list(tokens(text))
    assert not [token.content for token in found if token.type in ("html_block", "html_inline")]
    shown = " ".join(token.content for token in found if token.type in ("text", "code_inline"))
    assert evil.replace("`", "'") in shown.replace("`", "'")
    addresses = {token.attrs["href"] for token in found if token.type == "link_open"}
    assert addresses == {
        "https://example.org/chest-films", "https://example.org/blood", "#licences",
        "https://creativecommons.org/licenses/by/4.0/", "https://spdx.org/licenses/MIT.html",
        "https://spdx.org/licenses/CC0-1.0.html",
    }  # fmt: skip


def test_tables_keep_their_columns_whatever_stands_in_them(text):
    rows = 0
    widths = []
    for token in tokens(text):
        if token.type == "tr_open":
            widths.append(0)
        elif token.type in ("th_open", "td_open"):
            widths[-1] += 1
            rows += 1
        elif token.type == "table_close":
            assert len(set(widths)) == 1
            widths = []
    assert rows > 100


def test_it_says_what_people_must_know(text):
    for words in (
        "Machine-made text from templates", "Not for clinical use", "Phantoms, not real data", "480 of 1,800 records",
        "Patient ids are replaced by digests", "Author A, Author B. Chest films with boxes.", "CC-BY-4.0", "MIT",
        "`near_duplicate` 40", "| records | 1,800 |", "Without patient ids: blood\\_cells",
    ):  # fmt: skip
        assert words in text


def test_what_was_not_done_is_not_claimed(corpus_dir):
    text = render_card(msgspec.structs.replace(corpus_dir[1], deidentification=(), sources=(), engine="vllm/m1"))
    assert "No step of de-identification was run" in text
    assert "Phantoms" not in text and "vllm/m1 phrased it" in text and "No language model" not in text


def test_the_run_leaves_no_trace_in_it(corpus_dir, text):
    _, figures = corpus_dir
    for run in (None, RunFacts(seconds=1.0, workers=64, peak_memory_bytes=5, stage_seconds={"convert": 9.0})):
        assert render_card(msgspec.structs.replace(figures, run=run, examples=())) == text


def test_a_gated_release_asks_before_it_gives(corpus_dir):
    gated = DatasetCard(render_card(msgspec.structs.replace(corpus_dir[1], release_to="gated"))).data.to_dict()
    assert "CC-BY-4.0" in gated["extra_gated_prompt"] and "checkbox" in gated["extra_gated_fields"].values()


def test_a_corpus_of_nothing_has_a_card_too(corpus_dir):
    _, figures = corpus_dir
    empty = msgspec.structs.replace(
        figures, records=0, pictures=0, sources=(), cells=(), funnel=(), licences=(), splits=(), configs=(), balance=(),
        histograms=(), quarantine_counts=(), quarantine=(), versions=(), clashes=(), notes=(), description="", title="",
    )  # fmt: skip
    card = DatasetCard(render_card(empty))
    assert card.data.size_categories == ["n<1K"] and "# drawn\\_clinic" in card.text
