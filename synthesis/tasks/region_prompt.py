"""Region prompts: a point, a box or a mask is given, and what it shows is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Place, Record
from medloom.synthesis.compose import compose, record_key
from medloom.synthesis.elsewhere import elsewhere
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.tasks.choices import chosen, distractors, option_lines, options_of
from medloom.synthesis.tasks.grounding import inner_point
from medloom.synthesis.template import sentence


class RegionParams(TaskParams):
    """At most `per_picture` regions, each of another concept; `options` in a question that offers some."""

    per_picture: int = Field(default=2, ge=1)
    options: int = Field(default=4, ge=3, le=8)


class RegionPrompt(Task):
    """Record type 12: what is at the given box, point or mask; open, or with options.

    Asked only where the picture's source marks several concepts, since one alone needs no look. The region is
    in the prompt and, as a Place of role "prompt", in the record. Instances that lie within one another are left out,
    and every other option is proved not to be there: it has no instance in this picture, or none that touches the box.
    """

    name: ClassVar[str] = "grounding.region"
    type: ClassVar[int] = 12
    config: ClassVar[Config] = "grounding"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    Params = RegionParams
    params: RegionParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        if len(context.census.regions) < 2:
            return
        alone = [one for one in scene.instances if _stands_alone(one, scene)]
        by_concept = {one.concept: one for one in shuffled(alone, scene.view.id, self.name)}
        for concept in shuffled(sorted(by_concept), scene.view.id, self.name, "concept")[: self.params.per_picture]:
            yield self._record(by_concept[concept], scene, context)

    def _record(self, one: Instance, scene: Scene, context: Context) -> Record:
        meant = context.vocabulary[one.concept]
        key = record_key(self, scene, one.concept, one.box)
        words, given = _given(one, key)
        proved = elsewhere(meant.id, one.box, scene, context.census, context.vocabulary)
        wrong = distractors(meant.id, sorted(proved), context.vocabulary, self.params.options - 1, key)
        if len(wrong) < 2 or pick(2, "form", key):
            slots = {"region": words, "finding": f"{sentence(meant.name)}."}
            wording = context.templates["grounding.region.open"].render(key, slots)
            answer = Answer(text=meant.name, variants=meant.synonyms)
            return compose(
                self, scene, key, wording, [one.fact], form="open", concepts=(meant.id,), answer=answer, places=(given,)
            )
        options = options_of([meant.id], wrong, context.vocabulary, key)
        said, answer = chosen(options)
        slots = {"region": words, "options": option_lines(options), "choice": said}
        wording = context.templates["grounding.region.single"].render(key, slots)
        return compose(
            self, scene, key, wording, [one.fact, *(proved[concept] for concept in sorted(wrong))], form="single",
            concepts=(meant.id,), options=options, answer=answer, places=(given,),
        )  # fmt: skip


def _given(one: Instance, key: str) -> tuple[str, Place]:
    """The region in words and as a Place: a box, a point inside, or the mask with its box."""
    forms = ["box", "point"] + (["mask"] if one.rle is not None else [])
    form = forms[pick(len(forms), "given", key)]
    if form == "point":
        x, y = inner_point(one)
        words = f"the point [{x:.1f}, {y:.1f}]"
        return words, Place(concept=one.concept, point=(x, y), role="prompt", fact=0)
    box = ", ".join(f"{edge:.1f}" for edge in one.box)
    if form == "mask":
        return f"the given mask with the box [{box}]", Place(
            concept=one.concept, box=one.box, rle=one.rle, role="prompt", fact=0
        )
    return f"the box [{box}]", Place(concept=one.concept, box=one.box, role="prompt", fact=0)


def _stands_alone(one: Instance, scene: Scene) -> bool:
    """False where the middle of the object lies in the box of another concept: the region would be ambiguous."""
    x, y = one.centroid
    return not any(
        other.concept != one.concept and other.box[0] <= x < other.box[2] and other.box[1] <= y < other.box[3]
        for other in scene.instances
    )
