"""Questions with a yes or a no, and open questions with a short answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.converters.pixels.measure import place
from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Fact, Record
from medloom.synthesis.acquired import MATERIALS, acquired
from medloom.synthesis.compose import boxed, compose, record_key
from medloom.synthesis.grammar import definite, indefinite
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.template import sentence
from medloom.synthesis.told import KINDS, SAID_OF_FINDINGS, judged, sides_around

MODALITY_WORDS = {
    "ct": ("computed tomography (CT)", ("CT", "computed tomography")),
    "mr": ("magnetic resonance imaging (MRI)", ("MR", "MRI", "magnetic resonance imaging")),
    "xray": ("radiography (X-ray)", ("X-ray", "radiography", "plain radiography", "radiograph")),
    "ultrasound": ("ultrasound", ("ultrasonography", "sonography", "US")),
    "fundus": ("colour fundus photography", ("fundus photography",)),
    "oct": ("optical coherence tomography (OCT)", ("OCT", "optical coherence tomography")),
    "dermoscopy": ("dermoscopy", ("dermatoscopy",)),
    "microscopy": ("microscopy", ("light microscopy",)),
    "histopathology": ("histopathology", ("histology",)),
    "endoscopy": ("endoscopy", ()),
    "mammography": ("mammography", ("mammogram",)),
    "pet": ("positron emission tomography (PET)", ("PET", "positron emission tomography")),
    "nuclear": ("nuclear medicine imaging", ("scintigraphy", "nuclear medicine")),
    "photograph": ("photography", ("photograph",)),
}


class ClosedParams(TaskParams):
    """At most `per_picture` questions, as many with yes as with no.

    A picture that shows nothing of what was looked for gives `only_no` questions: else no healthy picture is asked of.
    One of which the source denies nothing but that it is healthy gives `only_yes`: else of two classes, one of them
    healthy, all answers would be no.
    """

    per_picture: int = Field(default=6, ge=2)
    only_no: int = Field(default=1, ge=0)
    only_yes: int = Field(default=1, ge=0)


class ClosedQuestion(Task):
    """Record type 4: yes or no, from present and from absent findings; never asked of an uncertain one.

    A picture that shows something gives as many questions with yes as with no, so that none can be answered by habit.
    Where it can give but one of them, the filter ``balance`` evens them out over the pictures.
    """

    name: ClassVar[str] = "vqa.closed"
    version: ClassVar[str] = "2"
    type: ClassVar[int] = 4
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"absent_labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = ClosedParams
    params: ClosedParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        known = list(judged(scene, context.vocabulary, context.census))
        yes = [one for one in known if one[1] == "present"]
        no = [one for one in known if one[1] == "absent"]
        count = min(len(yes), len(no), self.params.per_picture // 2)
        seed = (scene.view.id, self.name)
        yeses = count if no or not _denies(scene) else self.params.only_yes
        noes = count if yes else self.params.only_no
        for concept, polarity, fact in shuffled(yes, *seed, "yes")[:yeses] + shuffled(no, *seed, "no")[:noes]:
            meant = context.vocabulary[concept]
            key = record_key(self, scene, concept)
            word = "yes" if polarity == "present" else "no"
            name = indefinite(meant)
            said = f"it shows {name}" if word == "yes" else f"it does not show {name}"
            wording = context.templates[f"{self.name}.{word}"].render(key, {"concept": name, "fact": said})
            yield compose(
                self, scene, key, wording, [fact], form="closed", concepts=(concept,), polarity=polarity,
                answer=Answer(text=word, variants=(wording.answer,)),
            )  # fmt: skip


def _denies(scene: Scene) -> bool:
    """Whether the picture's labels deny anything: then others of the source can be asked of with no."""
    return not scene.labels_of_patient and any(label.polarity == "absent" for label in scene.labels)


class OpenParams(TaskParams):
    """At most `per_picture` questions, drawn by content among all that the picture proves."""

    per_picture: int = Field(default=3, ge=1)


Asked = tuple[str, dict[str, str], Answer, tuple[str, ...], list[Fact], tuple[Instance, ...]]


class OpenQuestion(Task):
    """Record type 5: modality, plane, part of the body, the finding, where it lies, on which side of the patient."""

    name: ClassVar[str] = "vqa.open"
    type: ClassVar[int] = 5
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = OpenParams
    params: OpenParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        asked = [*_of_acquisition(scene), *_of_labels(scene, context), *_of_instances(scene, context)]
        for template, slots, answer, concepts, facts, instances in shuffled(asked, scene.view.id, self.name)[
            : self.params.per_picture
        ]:
            key = record_key(self, scene, template, concepts)
            wording = context.templates[template].render(key, slots)
            yield compose(
                self, scene, key, wording, facts, form="open", concepts=concepts, answer=answer,
                places=boxed(instances),
            )  # fmt: skip


def _of_acquisition(scene: Scene) -> Iterator[Asked]:
    for name, (words, fact) in acquired(scene).items():
        variants: tuple[str, ...] = ()
        if name == "sequence" or (name == "body_part" and words in MATERIALS):
            continue
        if name == "modality":
            words, variants = MODALITY_WORDS[fact.value or ""]
        elif name == "view":
            variants = (fact.value or "",)
        yield f"vqa.open.{name}", {name: f"{sentence(words)}."}, Answer(text=words, variants=variants), (), [fact], ()


def _of_labels(scene: Scene, context: Context) -> Iterator[Asked]:
    """The finding where exactly one of its kind is present and every other of the source is judged absent."""
    for kind in () if scene.labels_of_patient else SAID_OF_FINDINGS:
        group = [stated for stated in scene.labels if context.vocabulary[stated.concept].kind == kind]
        right = [stated for stated in group if stated.polarity == "present"]
        if len(right) != 1 or len(group) < 2 or any(stated.polarity == "uncertain" for stated in group):
            continue
        meant = context.vocabulary[right[0].concept]
        answer = Answer(text=meant.name, variants=meant.synonyms)
        slots = {"kind": KINDS[kind], "finding": f"{sentence(meant.name)}."}
        yield "vqa.open.finding", slots, answer, (meant.id,), [right[0].fact], ()


def _of_instances(scene: Scene, context: Context) -> Iterator[Asked]:
    """Where the only instance of a concept lies, in the picture and, with known orientation, in the patient."""
    view = scene.view
    for concept, instances in scene.by_concept.items():
        if len(instances) != 1 or concept not in scene.complete:
            continue
        meant, one = context.vocabulary[concept], instances[0]
        where = place(one.centroid, view.width, view.height)
        words = f"in the {where.grid} of the picture"
        yield (
            "vqa.open.place",
            {"the_concept": definite(meant), "place": f"{sentence(words)}."},
            Answer(text=words, variants=(where.grid, where.quadrant)),
            (concept,),
            [one.fact],
            instances,
        )
        around = None if meant.side or meant.kind != "finding" or not view.orientation else _sided(one, scene, context)
        if around is not None:
            side, fact = around
            words = f"on the patient's {side} side"
            slots = {"the_concept": definite(meant), "side": f"{sentence(words)}."}
            answer = Answer(text=words, variants=(side,))
            yield "vqa.open.side", slots, answer, (concept,), [one.fact, fact], instances


def _sided(one: Instance, scene: Scene, context: Context) -> tuple[str, Fact] | None:
    """The side of the patient that the annotation proves: that of the one-sided structure around the finding.

    The middle of the picture is no midline, so nothing is concluded from it.
    """
    found = sides_around(one, scene, context.vocabulary)
    return next(iter(found.items())) if len(found) == 1 else None
