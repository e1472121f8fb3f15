"""Captions: several texts per picture, and captions that explain what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Record
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.acquired import acquired, picture_words
from medloom.synthesis.compose import boxed, compose, known_fact, record_key
from medloom.synthesis.grammar import counted, indefinite, listed
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.template import sentence
from medloom.synthesis.told import diagnoses, present


class CaptionParams(TaskParams):
    """`texts` captions per picture, at most `concepts` concepts in each."""

    texts: int = Field(default=3, ge=1, le=8)
    concepts: int = Field(default=8, ge=1)


class Caption(Task):
    """Record type 1: what the picture is and what it shows, in several phrasings that are never joined.

    Instances of a complete, countable concept are counted; of any other concept only presence is said.
    """

    name: ClassVar[str] = "caption"
    type: ClassVar[int] = 1
    config: ClassVar[Config] = "image_text"
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = CaptionParams
    params: CaptionParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        shown = present(scene, context.vocabulary)
        taken = acquired(scene)
        picture = picture_words(taken)
        said = most_telling(list(shown), self.params.concepts, scene, context)
        known = [one for one in diagnoses(scene) if context.vocabulary[one.concept].kind == "finding"]
        if known:
            picture += f" of a patient with {listed([indefinite(context.vocabulary[one.concept]) for one in known])}"
        evidence = [fact for _, fact in taken.values()] + [one.fact for one in known]
        evidence += [fact for concept in said for fact in shown[concept]]
        if not evidence:
            return
        key = record_key(self, scene)
        slots = {"picture": picture}
        if said:
            slots["findings"] = listed([_said(concept, scene, context) for concept in said])
        template = context.templates["caption" if said else "caption.plain"]
        first = template.render(key, slots)
        start = pick(len(template.answers), "answer", key)
        count = min(self.params.texts, len(template.answers))
        texts = tuple(
            sentence(template.answers[(start + step) % len(template.answers)].format_map(slots))
            for step in range(count)
        )
        yield compose(
            self,
            scene,
            key,
            first,
            evidence,
            concepts=(*said, *(one.concept for one in known)),
            texts=texts,
            answer=Answer(text=texts[0]),
        )


def most_telling(concepts: list[str], count: int, scene: Scene, context: Context) -> list[str]:
    """At most `count` of the concepts, in their order: findings before all else, then what covers most."""
    if len(concepts) <= count:
        return concepts

    def rank(concept: str) -> tuple[bool, float, str]:
        covered = sum(one.area_fraction for one in scene.by_concept.get(concept, ()))
        return context.vocabulary[concept].kind != "finding", -covered, concept

    return sorted(sorted(concepts, key=rank)[:count])


def _said(concept: str, scene: Scene, context: Context) -> str:
    meant = context.vocabulary[concept]
    instances = scene.by_concept.get(concept, ())
    if meant.countable and scene.countable(concept) and instances:
        return counted(meant, len(instances))
    return several(meant, scene)


def several(meant: Concept, scene: Scene) -> str:
    """In the plural where more than one object is known, else "a" or "the"."""
    objects = [one for one in scene.by_concept.get(meant.id, ()) if one.whole_object]
    return meant.plural if len(objects) > 1 and meant.countable else indefinite(meant)


class KnowledgeParams(TaskParams):
    """At most `per_picture` concepts are explained, drawn by content."""

    per_picture: int = Field(default=1, ge=1)


class KnowledgeCaption(Task):
    """Record type 2: what is shown, with the vocabulary's definition of it or the features that are typical of it.

    Which sentence or list it is, and whose, stands in the evidence.
    """

    name: ClassVar[str] = "caption.knowledge"
    type: ClassVar[int] = 2
    config: ClassVar[Config] = "image_text"
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = KnowledgeParams
    params: KnowledgeParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        shown = present(scene, context.vocabulary)
        known = [concept for concept in shown if context.vocabulary[concept].definition]
        start = pick(len(known), scene.view.id, self.name) if known else 0
        for step in range(min(self.params.per_picture, len(known))):
            concept = known[(start + step) % len(known)]
            meant = context.vocabulary[concept]
            instances = scene.by_concept.get(concept, ())
            name = several(meant, scene)
            key = record_key(self, scene, concept)
            taught = meant.attributes and pick(2, "taught", key)
            knowledge = ", ".join(meant.attributes) if taught else meant.definition or ""
            what = "attributes" if taught else "definition"
            template = f"{self.name}.attributes" if taught else self.name
            wording = context.templates[template].render(key, {"concept": name, what: knowledge})
            yield compose(
                self,
                scene,
                key,
                wording,
                [*shown[concept], known_fact(meant, what, knowledge)],
                concepts=(concept,),
                texts=(wording.answer,),
                answer=Answer(text=wording.answer),
                places=boxed(instances, len(shown[concept]) - len(instances)),
            )
