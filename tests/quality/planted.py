"""Faults planted on purpose, seeded: distorted pictures, and a corpus of which it is known what is wrong with it."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from msgspec.structs import replace

from medloom.converters.pixels.mask import rle_encode
from medloom.converters.pixels.picture import PicturePolicy, from_array
from medloom.converters.pixels.raster import decode
from medloom.flows.judge import seen_by
from medloom.quality.registry import load_filter
from medloom.quality.split import assign_splits
from medloom.schemas.appearance import Appearance
from medloom.schemas.arrow import to_batch
from medloom.schemas.catalog import SplitSettings
from medloom.schemas.record import Answer as MadeAnswer
from medloom.schemas.record import Fact, Option, Place, Record, Turn
from medloom.schemas.view import View

DISTORTIONS = ("resized", "recompressed", "cropped", "padded", "grey_levels", "windowed")


def distorted(picture, how, rng):
    """A copy of an H×W or H×W×3 uint8 picture, changed in a way that people change pictures."""
    height, width = picture.shape[:2]
    if how == "resized":
        scale = rng.uniform(0.45, 1.4)
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    if how == "recompressed":
        return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 70))])[1], -1)
    if how == "cropped":  # 5 % of each side, anywhere
        top, left = (round(float(rng.uniform(0, 0.05)) * side) for side in (height, width))
        return picture[top : top + round(0.95 * height), left : left + round(0.95 * width)]
    if how == "padded":
        edge = round(float(rng.uniform(0.03, 0.1)) * max(height, width))
        down = edge if rng.random() < 0.7 else 0
        return cv2.copyMakeBorder(picture, down, down, edge, edge, cv2.BORDER_CONSTANT, value=0)
    if how == "grey_levels":
        bent = (picture / 255.0) ** rng.choice([0.6, 1.6]) * 220 + 20
        return np.rint(bent).astype(np.uint8)
    low, high = np.percentile(picture, [rng.uniform(5, 15), rng.uniform(85, 95)])
    return np.rint(np.clip((picture - low) / max(high - low, 1.0), 0, 1) * 255).astype(np.uint8)


SOURCE, COPIES = "clean", "copies"
FINDINGS = ("nodule", "cyst", "effusion", "fracture")
SPOKEN = {
    "phi": ("phi", "phi_residue", "Seen by Dr. Martin Keller on 12/03/2019, there is a {}."),
    "mojibake": ("text", "mojibake", "There is a {} of 5 mm Ã¼ber the lung."),
    "html": ("text", "html", "There is a <b>{}</b> here."),
    "template residue": ("text", "template_residue", "There is a {} in the {{organ}}."),
    "boilerplate": ("text", "boilerplate", "There is a {}. Please consult a healthcare professional."),
    "report named": ("text", "reveals_source", "The report says that there is a {}."),
    "repetition": ("text", "repeated_words", "There is a {}. " + "it is seen in the left part " * 8),
    "misspelt term": ("spelling", "misspelt", "There is a {} beside a pleural efusion."),
    "other language": (
        "language",
        "wrong_language",
        "Auf dem Bild ist deutlich ein Befund ({}) im rechten Unterlappen der Lunge zu sehen, daneben nichts weiter.",
    ),
}
"""Kind: the filter that should find it, its reason, and what the record says."""
SPOILT = ("blank", "noise_only", "blurred", "mostly_border")


@dataclass
class Planted:
    """A corpus as records, views and appearances, and which ids are wrong in which way (kind: filter, reason, ids)."""

    records: list[Record] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    looks: list[Appearance] = field(default_factory=list)
    faults: dict[str, tuple[str, str, set[str]]] = field(default_factory=dict)
    cells: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    patients: set[str] = field(default_factory=set)

    def plant(self, kind, filter_name, reason, record):
        self.faults.setdefault(kind, (filter_name, reason, set()))[2].add(record.id)
        self.records.append(record)

    def show(self, name, picture, source, sample, words=None):
        """A stored picture, with what conversion says of it; the name of its view."""
        made = from_array(np.ascontiguousarray(picture), PicturePolicy())
        stats = made.stats
        self.views.append(
            View(
                id=name,
                source=source,
                sample=sample,
                media="image",
                source_file=f"{sample}.png",
                source_sha256=made.sha256,
                sha256=made.sha256,
                phash=f"{made.phash:016x}",
                format="png",
                width=made.width,
                height=made.height,
                bytes=len(made.data),
                passthrough=False,
                spacing_mm=(0.5, 0.5),
                mean=stats.mean,
                std=stats.std,
                dark=stats.dark_fraction,
                bright=stats.bright_fraction,
                sharpness=stats.sharpness,
            )
        )
        self.looks.append(Appearance(id=name, thumb=made.thumb, chroma=made.chroma, words=words))
        return name

    def frames(self):
        views = pl.DataFrame(pl.from_arrow(to_batch(View, self.views)))
        looks = pl.DataFrame(pl.from_arrow(to_batch(Appearance, self.looks)))
        records = pl.DataFrame(pl.from_arrow(to_batch(Record, self.records)))
        return records, views.join(looks, on="id", how="left", maintain_order="left")


def closed(name, view, source, sample, finding="nodule", holds=True, said=None, **changes):
    """A closed question about one picture."""
    answer = said or (f"Yes, there is a {finding}." if holds else f"No, there is no {finding}.")
    known = {
        "id": name,
        "config": "vqa",
        "task": "vqa.closed",
        "type": 4,
        "source": source,
        "sample": sample,
        "views": (view,),
        "template": "t",
        "licence": "CC0-1.0",
        "form": "closed",
        "concepts": (finding,),
        "polarity": "present" if holds else "absent",
        "answer": MadeAnswer(text="yes" if holds else "no"),
        "turns": (Turn(role="user", text=f"<image>\nIs there a {finding}?"), Turn(role="assistant", text=answer)),
        "evidence": (
            Fact(
                concept=finding, predicate="label", polarity="present" if holds else "absent", file="f", pointer="f#1"
            ),
        ),
    }
    return Record(**{**known, **changes})


def choice(name, view, source, sample, right, names, task="vqa.single_choice"):
    """A single choice; `names` in the order of their letters."""
    options = tuple(
        Option(key="ABCDEFGH"[at], text=text, concept=text, correct=text == right) for at, text in enumerate(names)
    )
    (key,) = (option.key for option in options if option.correct)
    lines = "\n".join(f"{option.key}. {option.text}" for option in options)
    turns = (
        Turn(role="user", text=f"<image>\nWhich is shown?\n{lines}"),
        Turn(role="assistant", text=f"{key}. {right}"),
    )
    return closed(
        name,
        view,
        source,
        sample,
        right,
        task=task,
        type=6,
        form="single",
        polarity=None,
        options=options,
        answer=MadeAnswer(text=right, keys=(key,)),
        turns=turns,
    )


def outlined(name, view, source, sample, box, of_mask=None, count=1):
    """A finding outlined by a mask and its box, counted."""
    x0, y0, x1, y1 = of_mask or box
    mask = np.zeros((view.height, view.width), bool)
    mask[int(max(0, y0)) : int(y1), int(max(0, x0)) : int(x1)] = True
    places = (Place(concept="nodule", box=box, rle=rle_encode(mask), fact=0),)
    turns = (
        Turn(role="user", text="<image>\nOutline every nodule and count them."),
        Turn(role="assistant", text=f"There is {count}: {list(map(int, box))}."),
    )
    return closed(
        name,
        view.id,
        source,
        sample,
        config="grounding",
        task="grounding.mask",
        type=11,
        form="numeric",
        polarity=None,
        places=places,
        answer=MadeAnswer(text=str(count), number=float(count), unit="count"),
        turns=turns,
    )


def planted(pictures, each=12, seed=7):
    """The corpus over real pictures that are no copies of each other; `each` faults of a kind."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    made = Planted()
    for number, picture in enumerate(pictures):
        sample = f"s{number:03d}"
        view = made.show(f"v{number:03d}", picture, SOURCE, sample)
        finding = FINDINGS[number % 4]
        made.records.append(closed(f"c{number:03d}", view, SOURCE, sample, finding, holds=number // 4 % 2 == 0))
        names = draw.sample(FINDINGS, 4)
        made.records.append(choice(f"m{number:03d}", view, SOURCE, sample, draw.choice(FINDINGS), names))
        made.records.append(outlined(f"o{number:03d}", made.views[-1], SOURCE, sample, (10.0, 12.0, 60.0, 50.0)))
        patient = f"p{number // 2}"
        split = "test" if number < 2 * each and number % 2 else "train" if number < 2 * each else None
        made.records[-3:] = [replace(one, patient=patient, published_split=split) for one in made.records[-3:]]
        if split == "test":
            made.patients.add(f"{SOURCE}/{patient}")
    order = iter(rng.permutation(len(pictures)).tolist() * 20)
    for how in ("exact", *DISTORTIONS):
        for _ in range(each if how == "exact" else 2 * each):
            number = next(order)
            changed = pictures[number] if how == "exact" else distorted(pictures[number], how, rng)
            sample = f"{how}-{number:03d}-{len(made.views)}"
            view = made.show(f"z-{sample}", changed, COPIES, sample)
            # It says what its original says: a copy, and no contradiction.
            holds = number // 4 % 2 == 0
            row = closed(f"z-{sample}", view, COPIES, sample, FINDINGS[number % 4], holds)
            name = "exact_duplicates" if how == "exact" else "near_duplicates"
            made.plant(f"copy, {how}" if how == "exact" else f"near-duplicate, {how}", name, name[:-1], row)
    for _ in range(each):
        number = next(order)
        sample = f"contrary-{number:03d}-{len(made.views)}"
        view = made.show(f"y-{sample}", np.flipud(pictures[number]), COPIES, sample)
        again = made.show(f"y2-{sample}", np.flipud(pictures[number]), f"{COPIES}2", f"{sample}2")
        for side, holds in ((view, True), (again, False)):
            source = COPIES if holds else f"{COPIES}2"
            row = closed(side, side, source, sample if holds else f"{sample}2", "fracture", holds)
            made.plant("contradiction", "exact_duplicates", "contradiction", row)
    for kind, (name, reason, said) in SPOKEN.items():
        for k in range(each):
            number = next(order)
            said_so = said.format(FINDINGS[k % 4]) if "{organ}" not in said else said.replace("{}", FINDINGS[k % 4], 1)
            row = closed(
                f"x-{kind.replace(' ', '-')}-{k}",
                f"v{number:03d}",
                SOURCE,
                f"s{number:03d}",
                FINDINGS[k % 4],
                said=said_so,
                config="image_text",
                task="caption",
                form="none",
                answer=None,
                polarity=None,
            )
            made.plant(kind, name, reason, row)
    for how in SPOILT:
        for k in range(each):
            sample = f"{how}-{k}"
            view = made.show(f"w-{sample}", spoilt(pictures[next(order)], how, rng), "spoilt", sample)
            made.plant(f"picture, {how}", "image", how, closed(f"w-{sample}", view, "spoilt", sample))
    for k in range(each):
        number = next(order)
        shown = made.views[number]
        where = (shown.width - 20.0, 10.0, shown.width + 15.0, 40.0)
        made.plant("box outside", "geometry", "box_outside", outlined(f"u-out-{k}", shown, SOURCE, shown.sample, where))
        made.plant(
            "box not of its mask",
            "geometry",
            "box_not_of_mask",
            outlined(f"u-off-{k}", shown, SOURCE, shown.sample, (12.0, 10.0, 50.0, 60.0), (10.0, 12.0, 60.0, 50.0)),
        )
        made.plant(
            "wrong count",
            "prompt_answer",
            "count",
            outlined(f"u-count-{k}", shown, SOURCE, shown.sample, (10.0, 12.0, 60.0, 50.0), count=2),
        )
        word = made.show(
            f"u-word-{k}", pictures[number][::-1, ::-1], "marked", f"word{k}", ("R", FINDINGS[k % 4].upper())
        )
        made.plant(
            "label in the picture",
            "label_leak",
            "label_in_picture",
            choice(f"u-word-{k}", word, "marked", f"word{k}", FINDINGS[k % 4], draw.sample(FINDINGS, 4)),
        )
    cells(made, pictures, draw)
    return made


def cells(made, pictures, draw):
    """Cells of 300 choices each, over the pictures that are there: fair ones, and ones with a shortcut."""
    for kind in ("fair", "letter bias", "answered by text", "distractor never right"):
        for k in range(300):
            number = k % len(pictures)
            right = draw.choice(FINDINGS)
            names = draw.sample(FINDINGS, 4)
            if kind == "letter bias" and draw.random() < 0.4:
                names.remove(right)
                names.insert(0, right)
            if kind == "answered by text" and draw.random() < 0.6:
                right = "nodule"
            if kind == "distractor never right":
                names[names.index(right) - 1] = "hernia"
            row = choice(
                f"t-{kind.replace(' ', '-')}-{k}", f"v{number:03d}", SOURCE, f"s{number:03d}", right, names, task=kind
            )
            made.records.append(row)
    made.cells = {
        "letter bias": ("balance", {"letter_position"}),
        "answered by text": ("shortcuts", {"answered_by_text", "cell_answered_by_text"}),
        "distractor never right": ("balance", {"distractor_never_right"}),
    }


def spoilt(picture, how, rng):
    side = min(picture.shape[:2])
    if how == "noise_only":
        return rng.integers(0, 256, picture.shape).astype(np.uint8)
    if how == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), side / 12)
    if how == "mostly_border":
        edge = 2 * max(picture.shape[:2])
        return cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    return np.full_like(picture, rng.integers(0, 256))


def measure(made):
    """(kind, planted, found, missed, false) for each kind. False are records without any fault that were dropped for
    the kind's reason; of cells, fair ones that were found.
    """
    records, views = made.frames()
    views = views.sort("id")
    said = {}
    for name in sorted({one[0] for one in (*made.faults.values(), *made.cells.values())}):
        params = {"across": "all"} if name == "near_duplicates" else {}
        one = load_filter(name, params)
        drops = one.judge(*seen_by(one, records, views)).drops
        said[name] = drops.join(records.select(record="id", task="task"), on="record")
    every = set().union(*(ids for _, _, ids in made.faults.values()))
    rows = []
    for kind, (name, reason, wanted) in made.faults.items():
        found = set(said[name].filter(pl.col("reason") == reason)["record"])
        false = found - every
        rows.append((kind, len(wanted), len(wanted & found), len(wanted - found), len(false)))
    for kind, (name, reasons) in made.cells.items():
        hit = set(said[name].filter(pl.col("reason").is_in(reasons))["task"])
        rows.append((f"cell: {kind}", 1, int(kind in hit), int(kind not in hit), len(hit & {"fair"})))
    rows.append(_torn(made, records))
    return rows


def _torn(made, records):
    """Patients whose samples are published in several splits: told as clashes, and whole in the end."""
    samples = records.group_by("source", "sample").agg(pl.col("patient", "study", "published_split").first())
    none = pl.DataFrame(schema={"source": pl.String, "sample": pl.String, "key": pl.String})
    result = assign_splits(samples, none, SplitSettings())
    placed = samples.join(result.assignments, on=["source", "sample"]).filter(pl.col("patient").is_not_null())
    told = {one.group for one in result.clashes if one.reason == "group_in_several_splits"}
    by_patient = placed.group_by("source", "patient").agg(pl.col("split").n_unique(), pl.col("component").first())
    whole = {
        f"{source}/{patient}"
        for source, patient, splits, component in by_patient.rows()
        if splits == 1 and component in told
    }
    return (
        "patient in two splits",
        len(made.patients),
        len(made.patients & whole),
        len(made.patients - whole),
        len(whole - made.patients),
    )


def table(rows):
    """As in docs/quality.md."""
    lines = ["| planted | times | found | missed | false |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*lines, *(f"| {kind} | {' | '.join(map(str, counts))} |" for kind, *counts in rows)])


def real_pictures(data, most=150):
    """Grey or colour pictures of two public sets that are no copies of each other."""
    films = sorted((data / "covid_cxr_gb" / "images").iterdir())[:40]
    fields = sorted((data / "bccd_voc" / "BCCD" / "JPEGImages").glob("*.jpg"))
    apart = [file for file in fields if file.stem not in ("BloodImage_00038", "BloodImage_00391")]
    return [np.asarray(decode(file.read_bytes())) for file in (*films, *apart[: most - len(films)])]


if __name__ == "__main__":
    print(table(measure(planted(real_pictures(Path(sys.argv[1]))))))
