"""Items: what any question, conversation or preference of somebody else's corpus is for the audit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

_MARK = re.compile(r"(?:^|[\s,;(])\(?([A-H])[).:]\s*")
_LETTER = re.compile(r"^\W*(?:answer|option)?\W*\(?([A-H])(?:[).:,\s]|$)", re.I)
_ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.S)
_TAGS = re.compile(r"<(?:image|video|volume)>")
_HUMAN, _MODEL = {"human", "user"}, {"gpt", "assistant", "model"}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer. `pictures` are paths or names as the corpus gives them, `inline` their bytes.

    `options` are without letters; `right` is the number of the right one, None where that can't be told. `cell` groups
    items that were made alike (dataset and kind of question). `tags` counts the marks of pictures in the user's words
    so far; `entry` is the number of the row that it comes from.
    """

    id: str
    entry: int = 0
    split: str = ""
    cell: str = ""
    question: str = ""
    answer: str = ""
    options: tuple[str, ...] = ()
    right: int | None = None
    pictures: tuple[str, ...] = ()
    inline: tuple[bytes, ...] = ()
    tags: int | None = None
    chosen: str | None = None
    rejected: str | None = None
    licence: str = ""


def kind_of(row: Mapping[str, Any]) -> str | None:
    """What a row of somebody's file is, by its keys; None where nobody can tell."""
    has = row.keys()
    if {"chosen", "rejected"} <= has:
        return "TRL preference"
    if {"conversations", "rejected_conversations"} <= has:
        return "MMedPO preference"
    if "records" in has and "views" in has:
        return "medloom shard"
    if "conversations" in has:
        return "LLaVA conversations"
    if "messages" in has:
        return "chat messages"
    if "question" in has and any(f"option_{letter}" in has or f"option_{letter.lower()}" in has for letter in "AB"):
        return "OmniMedVQA questions"
    if {"problem", "solution"} <= has:
        return "Med-R1 problems"
    if {"question", "A", "B", "answer"} <= has:
        return "VLMEvalKit table"
    if {"sentf", "labelf"} <= has:
        return "PathVQA questions"
    if {"sent", "label"} <= has:
        return "LXMERT questions"
    if "question" in has and ({"answer", "answers", "answer_text", "gt_answer"} & has):
        return "questions and answers"
    if {"caption"} <= has or ({"text"} <= has and ({"image", "images", "image_path"} & has)):
        return "captions"
    return None


def items_of(row: Mapping[str, Any], kind: str, number: int, split: str) -> Iterator[Item]:
    """The items of one row. What a field lacks is left empty; nothing is guessed."""
    paths, inline = _pictures(row)
    split = str(row.get("split") or row.get("type_split") or split)
    name = next(
        (str(row[key]) for key in ("question_id", "id", "index", "qid") if row.get(key) is not None), f"{number}"
    )
    licence = str(row.get("licence") or row.get("license") or "")
    parts = [str(row[key]) for key in ("dataset", "source", "question_type", "category", "task") if row.get(key)]
    base = Item(
        id=name, entry=number, split=split, cell=" · ".join(parts), pictures=paths, inline=inline, licence=licence
    )  # fmt: skip
    if kind in ("TRL preference", "MMedPO preference"):
        yield _preference(row, base)
    elif kind == "medloom shard":
        yield from _shard(row, base)
    elif kind in ("LLaVA conversations", "chat messages"):
        yield from _turns(row.get("conversations") or row.get("messages"), base)
    elif kind == "PathVQA questions":
        yield from _listed(row, base)
    elif kind == "captions":
        text = row.get("caption") or row.get("text")
        yield _with(base, "", " ".join(map(str, text)) if isinstance(text, list) else str(text or ""))
    else:
        yield _question(row, base)


def _question(row: Mapping[str, Any], base: Item) -> Item:
    asked = str(row.get("question") or row.get("problem") or row.get("sent") or "")
    answer = row.get("gt_answer", row.get("answer", row.get("answers", row.get("answer_text", row.get("solution")))))
    if answer is None and isinstance(row.get("label"), Mapping):
        answer = max(row["label"], key=row["label"].get, default="")
    if isinstance(answer, list):
        answer = answer[0] if answer else ""
    if isinstance(answer, Mapping):
        answer = answer.get("text") or answer.get("answer") or ""
    options = [
        str(row[key]) for letter in "ABCDEFGH" for key in (f"option_{letter}", letter) if row.get(key) not in (None, "")
    ]
    listed = row.get("options") or row.get("choices")
    if not options and isinstance(listed, Mapping):
        options = [str(value) for value in listed.values()]
    elif not options and isinstance(listed, list | tuple):
        options = [str(value) for value in listed]
    return _with(base, asked, str(answer if answer is not None else ""), tuple(options))


def _listed(row: Mapping[str, Any], base: Item) -> Iterator[Item]:
    """Lists of questions and of answers with their weights, by dataset."""
    for name, asked in (row["sentf"] or {}).items():
        for question, answers in zip(asked, (row["labelf"] or {}).get(name, []), strict=False):
            yield _with(base, str(question), str(max(answers, key=answers.get, default="")))


def _with(base: Item, asked: str, answer: str, options: tuple[str, ...] = (), tags: int | None = None) -> Item:
    tagged = _ANSWER_TAG.search(answer)
    answer = (tagged.group(1) if tagged else answer).strip()
    stem = asked
    if not options:
        stem, options = _listed_options(asked)
    right = _right(answer, options)
    return msgspec.structs.replace(
        base, question=_TAGS.sub(" ", stem).strip(), answer=options[right] if right is not None else answer,
        options=options, right=right, tags=tags,
    )  # fmt: skip


def _listed_options(asked: str) -> tuple[str, tuple[str, ...]]:
    """(question, options) of a text that lists two or more, from A on and in order; else the text itself."""
    marks: list[re.Match[str]] = []
    for match in _MARK.finditer(asked):
        if match.group(1) == "ABCDEFGH"[len(marks) : len(marks) + 1]:
            marks.append(match)
    if len(marks) < 2:
        return asked, ()
    ends = [match.start() for match in marks[1:]] + [len(asked)]
    options = [asked[match.end() : end].strip(" ,;\n(") for match, end in zip(marks, ends, strict=True)]
    options[-1] = options[-1].split("\n")[0].strip()
    return asked[: marks[0].start()].strip(), tuple(options)


def _right(answer: str, options: tuple[str, ...]) -> int | None:
    plain = [option.strip().lower() for option in options]
    said = answer.strip().lower().rstrip(".")
    if said in plain:
        return plain.index(said)
    letter = _LETTER.match(answer.strip())
    if letter and options and (number := ord(letter.group(1).upper()) - ord("A")) < len(options):
        return number
    return None


def _turns(turns: Any, base: Item) -> Iterator[Item]:
    asked, tags = "", 0
    for turn in turns if isinstance(turns, list | tuple) else ():
        if not isinstance(turn, Mapping):
            continue
        role = str(turn.get("from") or turn.get("role") or "").lower()
        text = turn_text(turn.get("value", turn.get("content", "")))
        if role in _HUMAN:
            asked, tags = text, tags + len(_TAGS.findall(text))
        elif role in _MODEL:
            yield _with(base, asked, text, (), tags)
            asked = ""


def turn_text(content: Any) -> str:
    """The words of a turn, be it a text or parts of text and pictures."""
    if isinstance(content, list | tuple):
        return "\n".join(
            str(part.get("text") or "<image>") if isinstance(part, Mapping) else str(part) for part in content
        )
    return str(content or "")


def _preference(row: Mapping[str, Any], base: Item) -> Item:
    def words(value: Any) -> str:
        if isinstance(value, list | tuple):
            models = [each for each in value if isinstance(each, Mapping)]
            last = [each for each in models if str(each.get("role") or each.get("from")).lower() in _MODEL]
            return turn_text(last[-1].get("content", last[-1].get("value", ""))) if last else ""
        return turn_text(value)

    def asked(value: Any) -> str:
        if isinstance(value, list | tuple):
            users = [each for each in value if isinstance(each, Mapping)]
            users = [each for each in users if str(each.get("role") or each.get("from")).lower() in _HUMAN]
            return "\n".join(turn_text(each.get("content", each.get("value", ""))) for each in users)
        return turn_text(value)

    chosen = row.get("chosen", row.get("conversations"))
    prompt = asked(row.get("prompt")) or asked(chosen if isinstance(chosen, list | tuple) else "")
    first = _with(base, prompt, words(chosen))
    rejected = words(row.get("rejected", row.get("rejected_conversations")))
    return msgspec.structs.replace(
        first, options=(), right=None, answer=words(chosen), chosen=words(chosen), rejected=rejected
    )


def _shard(row: Mapping[str, Any], base: Item) -> Iterator[Item]:
    for record in row["records"]:
        turns = record.get("turns") or []
        options = record.get("options") or []
        asked = next((turn["text"] for turn in turns if turn["role"] == "user"), "")
        said = next((turn["text"] for turn in turns if turn["role"] == "assistant"), "")
        right = [number for number, option in enumerate(options) if option.get("correct")]
        lines = {f"{option['key']}. {option['text']}" for option in options}
        stem = "\n".join(line for line in asked.split("\n") if line not in lines)
        yield msgspec.structs.replace(
            base, id=record["id"], split=str(row.get("split") or base.split),
            cell=" · ".join(filter(None, (record.get("source"), record.get("task")))),
            question=_TAGS.sub(" ", stem).strip(), answer=said, options=tuple(option["text"] for option in options),
            right=right[0] if len(right) == 1 else None, tags=len(_TAGS.findall(asked)),
            licence=record.get("licence") or "",
        )  # fmt: skip


def _pictures(row: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    paths: list[str] = []
    inline: list[bytes] = []
    keys = ("image", "images", "image_path", "img_path", "image_file", "img_name", "img_id", "imgs", "media")
    value = next((row[key] for key in keys if row.get(key) not in (None, "", [])), None)
    for each in value if isinstance(value, list | tuple) else [value]:
        if isinstance(each, Mapping):
            data = each.get("bytes")
            paths.append(str(each.get("path") or each.get("image") or ""))
            inline.append(data if isinstance(data, bytes) else b"")
        elif isinstance(each, bytes):
            paths.append("")
            inline.append(each)
        elif isinstance(each, str) and len(each) > 512:
            paths.append("")
            inline.append(_base64(each))
        elif each is not None:
            paths.append(str(PurePosixPath(str(each))))
            inline.append(b"")
    return tuple(paths), tuple(inline) if any(inline) else ()


def _base64(text: str) -> bytes:
    import base64
    import binascii

    try:
        return base64.b64decode(text.split(",", 1)[-1], validate=True)
    except (binascii.Error, ValueError):
        return b""
