"""Conversations: LLaVA, LLaMA-Factory, Qwen-VL, InternVL, Florence-2 and ms-swift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from medloom.flows.export.conventions import Florence, InternVL, Qwen2Tokens, Resized, Thousandths
from medloom.flows.export.form import LeftOut, LineForm, question_of
from medloom.flows.export.geometry import Convention, Thing, parts, rewrite, without_asking_json
from medloom.flows.load import Item
from medloom.schemas.record import Config

ALL: tuple[Config, ...] = ("image_text", "vqa", "grounding", "reasoning", "text", "video")
PICTURES: tuple[Config, ...] = ("image_text", "vqa", "grounding", "reasoning")
LLAVA_ROLES = {"user": "human", "assistant": "gpt"}


def turns(item: Item, convention: Convention) -> list[tuple[str, str]]:
    """(role, text) of every turn, with coordinates as the convention has them."""
    record = item.record
    return [(turn.role, rewrite(turn.text, record.places, item.views, convention)) for turn in record.turns]


def _by_kind(item: Item, paths: Sequence[str]) -> dict[str, list[str]]:
    shown = {"images": "picture", "videos": "clip"}
    found = {
        name: [path for path, view in zip(paths, item.views, strict=True) if view.kind == kind]
        for name, kind in shown.items()
    }
    return {name: files for name, files in found.items() if files}


class Llava(LineForm):
    """``{id, image, conversations: [{from: human | gpt, value}]}``, a list a split; coordinates in stored pixels."""

    name = "llava"
    title = "LLaVA JSON"
    configs = (*PICTURES, "text")
    array = True
    convention: Convention = Convention()

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        said = [{"from": LLAVA_ROLES[role], "value": text} for role, text in turns(item, self.convention)]
        shown = {} if not paths else {"image": paths[0] if len(paths) == 1 else list(paths)}
        return {"id": item.record.id, **shown, "conversations": said}


class LlamaFactory(LineForm):
    """ShareGPT with ``messages`` and ``images``, and the dataset_info.json that LLaMA-Factory finds them by."""

    name = "llama_factory"
    title = "LLaMA-Factory ShareGPT"
    configs = ALL
    array = True
    convention: Convention = Convention()

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        said = [{"role": role, "content": text} for role, text in turns(item, self.convention)]
        return {"messages": said, "images": [], "videos": [], **_by_kind(item, paths)}

    def close(self) -> None:
        super().close()
        columns = {"messages": "messages", "images": "images", "videos": "videos"}
        tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
        info = {
            f"medloom_{split}": {
                "file_name": f"{split}.json", "formatting": "sharegpt", "columns": columns, "tags": tags
            }
            for split in sorted(self.written)
        }  # fmt: skip
        (self.out / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")


class Qwen(LineForm):
    """``{messages, images}`` lines with the coordinates of one generation of Qwen-VL (`--model`)."""

    name = "qwen"
    title = "Qwen-VL messages"
    configs = ALL
    models = ("qwen2.5", "qwen2", "qwen3")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        model = self.options.model or self.models[0]
        made: dict[str, Convention] = {"qwen2": Qwen2Tokens(), "qwen3": Thousandths()}
        self.convention = made[model] if model in made else Resized(self.options.processor)

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        said = [{"role": role, "content": text} for role, text in turns(item, self.convention)]
        return {"id": item.record.id, "messages": said, **_by_kind(item, paths)}


class InternVLChat(LineForm):
    """InternVL's lines: ``id, image, width, height, conversations``, with ``<ref>`` and ``<box>``, and meta.json."""

    name = "internvl"
    title = "InternVL"
    configs = (*PICTURES, "text")
    convention: Convention = InternVL()

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        said = [{"from": LLAVA_ROLES[role], "value": text} for role, text in turns(item, self.convention)]
        if len(paths) == 1:
            view = item.views[0]
            shown: dict[str, Any] = {"image": paths[0], "width": view.width, "height": view.height}
        elif paths:
            widths, heights = [view.width for view in item.views], [view.height for view in item.views]
            shown = {"image": list(paths), "width_list": widths, "height_list": heights}
        else:
            shown = {}
        return {"id": item.record.id, **shown, "conversations": said}

    def close(self) -> None:
        super().close()
        meta = {
            f"medloom_{split}": {
                "root": "", "annotation": f"{split}.jsonl", "data_augment": False, "repeat_time": 1, "length": count
            }
            for split, count in sorted(self.written.items())
        }  # fmt: skip
        (self.out / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


class FlorencePairs(LineForm):
    """``{image, prefix, suffix}`` lines with ``<loc_k>``: what Florence-2 is fine-tuned on. One picture, two turns."""

    name = "florence"
    title = "Florence-2"
    configs = PICTURES
    convention: Convention = Florence()

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        if len(paths) != 1:
            raise LeftOut("several pictures")
        question_of(item)
        said = dict(turns(item, self.convention))
        return {
            "id": item.record.id,
            "image": paths[0],
            "prefix": said["user"].removeprefix("<image>").strip(),
            "suffix": said["assistant"],
        }


class Swift(LineForm):
    """ms-swift: coordinates stand in ``objects``, and the trainer writes them as its model wants them."""

    name = "swift"
    title = "ms-swift"
    configs = ALL

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        objects: dict[str, list[Any]] = {"ref": [], "bbox": [], "image_id": []}
        said = [{"role": turn.role, "content": self._text(turn.text, item, objects)} for turn in item.record.turns]
        found = {"objects": objects} if objects["bbox"] else {}
        return {"messages": said, **_by_kind(item, paths), **found}

    def _text(self, text: str, item: Item, objects: dict[str, list[Any]]) -> str:
        said = []
        for part in parts(text, item.record.places):
            if isinstance(part, str):
                said.append(part)
                continue
            named = [self._object(thing, objects) for thing in ((part,) if isinstance(part, Thing) else part.things)]
            said.append(", ".join(named))
        return without_asking_json("".join(said))

    def _object(self, thing: Thing, objects: dict[str, list[Any]]) -> str:
        objects["bbox"].append(list(thing.at))
        objects["image_id"].append(thing.view)
        if thing.label is None:
            return "<bbox>"
        objects["ref"].append(thing.label)
        return "<ref-object><bbox>"
