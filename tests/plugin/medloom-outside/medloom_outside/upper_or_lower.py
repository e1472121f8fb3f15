"""A stranger's task: is the thing in the upper or the lower half of the picture?"""

from collections.abc import Iterator
from typing import ClassVar

from medloom.schemas.record import Answer, Record
from medloom.synthesis.compose import boxed, compose, record_key
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, Task
from medloom.synthesis.template import Template

ASKED = Template(
    id="outside.half",
    version=1,
    asks=frozenset({"name"}),
    fills=frozenset({"half"}),
    prompts=("In which half of the picture is the {name}?", "Is the {name} in the upper or the lower half?"),
    answers=("{half}.",),
)


class UpperOrLower(Task):
    """Asks only where there is one instance of a concept and its centroid is not in the middle tenth."""

    name: ClassVar[str] = "outside.half"
    type: ClassVar[int] = 5
    config = "vqa"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for concept, found in scene.by_concept.items():
            height = found[0].centroid[1] / scene.view.height
            if len(found) != 1 or not scene.countable(concept) or 0.45 < height < 0.55:
                continue
            key, half = record_key(self, scene, concept), "upper half" if height < 0.5 else "lower half"
            wording = ASKED.render(key, {"name": context.vocabulary[concept].name, "half": half})
            yield compose(
                self,
                scene,
                key,
                wording,
                [found[0].fact],
                form="open",
                concepts=(concept,),
                answer=Answer(text=half),
                places=boxed(found),
            )
