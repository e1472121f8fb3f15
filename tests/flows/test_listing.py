"""Samples go to disk in partitions; the census knows what is right somewhere."""

from __future__ import annotations

from pathlib import Path

from medloom.flows.listing import list_source, read_partition
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Label, MaskName, Media, Refusal, Region, Sample

CARD = SourceCard(
    source="src",
    title="t",
    licence="MIT",
    citation="c",
    modality="ct",
    converter="class_folders",
    patient="unknown",
    labels={"a": "pneumonia", "b": "cardiomegaly", "L": "liver", "x": None},
    verified="layout",
)


def sample(key: str, kind: str = "picture", **more: object) -> Sample:
    return Sample(key=key, patient=None, split=None, media=(Media(kind=kind, files=(f"{key}.png",)),), **more)  # type: ignore[arg-type]


def test_partitions_hold_every_sample_in_order(tmp_path: Path) -> None:
    samples = [sample(f"{number:03d}") for number in range(10)]
    listing = list_source(samples, CARD, tmp_path / "samples", unit_samples=4)
    assert [partition.samples for partition in listing.partitions] == [4, 4, 2]
    back = [one for partition in listing.partitions for one in read_partition(tmp_path / "samples" / partition.name)]
    assert back == samples


def test_a_volume_is_a_unit_of_its_own(tmp_path: Path) -> None:
    samples = [sample(f"{number}", "volume") for number in range(3)]
    assert [p.samples for p in list_source(samples, CARD, tmp_path / "s", unit_samples=64).partitions] == [1, 1, 1]


def test_a_second_key_is_refused_and_refusals_are_kept(tmp_path: Path) -> None:
    gone = Refusal(unit="z", reason="missing_file", detail="z.png")
    listing = list_source([sample("a"), gone, sample("a"), sample("b")], CARD, tmp_path / "s", unit_samples=9)
    assert listing.samples == 2
    assert [(row.unit, row.reason) for row in listing.refused] == [("z", "missing_file"), ("a", "duplicate_key")]


def test_the_census_holds_present_concepts_only(tmp_path: Path) -> None:
    samples = [
        sample("1", labels=(Label(name="a", pointer="p"), Label(name="b", polarity="absent", pointer="p"))),
        sample("2", labels=(Label(name="x", pointer="p"), Label(name="unknown", pointer="p"))),
        sample("3", regions=(Region(kind="label_map", pointer="p", names=(MaskName(name="L", value=1),)),)),
    ]
    listing = list_source(samples, CARD, tmp_path / "s", unit_samples=9)
    assert listing.labels == ("pneumonia",)
    assert listing.regions == ("liver",)


def test_equal_samples_give_equal_digests_and_a_changed_one_does_not(tmp_path: Path) -> None:
    def digests(samples: list[Sample]) -> list[str]:
        return [p.digest for p in list_source(samples, CARD, tmp_path / "s", unit_samples=2).partitions]

    before = digests([sample("a"), sample("b"), sample("c")])
    assert digests([sample("a"), sample("b"), sample("c")]) == before
    changed = digests([sample("a"), sample("b"), sample("c", study="s")])
    assert changed[0] == before[0] and changed[1] != before[1]


def test_visits_of_a_patient_share_a_partition(tmp_path: Path) -> None:
    def visit(key: str, patient: str | None) -> Sample:
        return Sample(key=key, patient=patient, split=None, media=(Media(files=(f"{key}.png",)),))

    people = ["a", "b", None, "a", "c", "b", "a", None, "d", "c"]
    samples = [visit(f"{number}", patient) for number, patient in enumerate(people)]
    listing = list_source(samples, CARD, tmp_path / "s", unit_samples=2, by_patient=True)
    parts = [read_partition(tmp_path / "s" / part.name) for part in listing.partitions]
    assert [[one.key for one in part] for part in parts] == [["0", "3", "6"], ["1", "5"], ["2", "4", "9"], ["7", "8"]]
    assert listing.samples == 10 and {path.suffix for path in (tmp_path / "s").iterdir()} == {".msgpack"}
    of = [{one.patient for one in part} - {None} for part in parts]
    assert sum(map(len, of)) == len(set().union(*of))
