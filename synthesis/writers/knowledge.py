"""Knowledge: what a finding is and looks like, said in other words than the vocabulary's and no more than it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import ClassVar

from pydantic import Field

from medloom.converters.text.sentences import sentences
from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Record
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.brief import Brief, Finding, Told
from medloom.synthesis.compose import known_fact, record_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.ground import of_text
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.grammar import indefinite
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.told import present
from medloom.synthesis.writers.briefed import brief_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, record_of

ASKS = (
    "What is {name}, and what does it look like?", "Explain {name}.", "Describe {name} as it is seen here.",
    "What does {name} look like in a picture?", "Tell what is known of {name}.",
)  # fmt: skip
A_THING = 3
"""Words in a row that are none of the definition's: they say something that it doesn't."""
_WORD = re.compile(r"[a-z]{4,}")
_COMMON = frozenset(
    ("that", "this", "which", "with", "from", "have", "into", "than", "them", "they", "their", "there", "these",
     "those", "when", "where", "what", "while", "will", "would", "such", "some", "same", "often", "most", "more",
     "many", "much", "very", "also", "only", "other", "another", "each", "between", "within", "without", "about",
     "around", "because", "being", "been", "were", "does", "shows", "seen", "looks", "look", "like", "appear",
     "appears", "called", "means", "known", "found", "part", "parts", "area", "areas", "kind", "form", "body",
     "medical", "picture", "image", "images", "typically", "usually", "commonly", "generally", "characterized",
     "condition", "finding", "findings", "refers", "term", "describes", "described", "something", "one", "case",
     "cases", "over", "under", "upon", "through", "during")
)  # fmt: skip


class KnowledgeParams(TaskParams):
    """At most `per_picture` findings; at most `novel` of a sentence's words may be none of the definition's."""

    per_picture: int = Field(default=1, ge=1)
    novel: float = Field(default=0.5, ge=0, le=1)


class Knowledge(PromptedWriter):
    """Record type 2. Claims are held against the definition and the attributes; so are the words."""

    name: ClassVar[str] = "write.knowledge"
    type: ClassVar[int] = 2
    config: ClassVar[Config] = "image_text"
    prompts: ClassVar[tuple[str, ...]] = ("knowledge",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = KnowledgeParams
    params: KnowledgeParams

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        shown = present(scene, context.vocabulary)
        able = [concept for concept in shown if context.vocabulary[concept].definition]
        for concept in shuffled(able, scene.view.id, self.name)[: self.params.per_picture]:
            meant = context.vocabulary[concept]
            key = record_key(self, scene, concept)
            facts = [shown[concept][0], known_fact(meant, "definition", meant.definition or "")]
            if meant.attributes:
                facts.append(known_fact(meant, "attributes", "; ".join(meant.attributes)))
            yield brief_of(
                self, scene, (scene.view,), key, concepts=(concept,), facts=tuple(facts),
                findings=(Finding(concept=concept, says=f"It shows {indefinite(meant)}.", fact=0),),
                texts=(Told(kind="definition", body=known(meant), fact=1),),
                given=(("name", meant.name),
                       ("question", ASKS[pick(len(ASKS), "prompt", key)].format(name=indefinite(meant)))),
            )  # fmt: skip

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"name": brief.slot("name"), "definition": brief.texts[0].body}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        source = brief.texts[0].body
        said = fields["description"]
        ground = of_text(source, f"There is {brief.slot('name')}.", whole=False)
        yield from faults(said, Wanted(ground=ground, must=brief.concepts, unlike=source, words=(5, 90)))
        own = {_stem(word) for word in _WORD.findall(f"{source} {brief.slot('name')}".lower())}
        for start, end in sentences(said):
            words = [_stem(word) for word in _WORD.findall(said[start:end].lower()) if word not in _COMMON]
            new = [word for word in words if word not in own]
            row = max(
                (len(list(run)) for strange, run in groupby(words, lambda one: one not in own) if strange), default=0
            )
            if words and (len(new) > self.params.novel * len(words) or row >= A_THING):
                yield Fault("added", f"words of its own: {', '.join(sorted(set(new))[:6])}")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        said = done["knowledge"]["description"]
        yield record_of(self, brief, [(brief.slot("question"), said)], worded, texts=(said,), answer=Answer(text=said))


def known(meant: Concept) -> str:
    """Definition and attributes of a concept as running text."""
    looks = f" It is seen as {'; '.join(meant.attributes)}." if meant.attributes else ""
    return f"{meant.definition}{looks}"


def _stem(word: str) -> str:
    return re.sub(r"(?:ations?|ings?|ness|ities|ity|ied|ies|ed|es|s|ly|al|ic)$", "", word)[:6]
