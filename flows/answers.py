"""Answers: what `medloom cache` says of files of answers, and how it brings several together."""

from __future__ import annotations

from pathlib import Path

from medloom.synthesis.engines.cache import AnswerCache, CacheError


def merge_answers(into: Path, others: list[Path]) -> str:
    """Adds the answers of the other files to the first. Raises CacheError where one is no such file."""
    for other in others:
        if not other.is_file():
            raise CacheError(f"{other}: no such file; a build keeps its answers in .medloom-answers beside --out")
    with AnswerCache(into) as cache:
        lines = [f"{other}: {cache.merge(other):,} new answers" for other in others]
        return "\n".join([*lines, f"{into}: {len(cache):,} answers"])


def show_answers(file: Path) -> str:
    """How many answers of which model a file holds, and what their prompts take."""
    if not file.is_file():
        raise CacheError(f"{file}: no such file; a build keeps its answers in .medloom-answers beside --out")
    with AnswerCache(file) as cache:
        lines = [
            f"{'@'.join(filter(None, (model, revision)))}: {count:,} answers, {asked:,} prompt and {said:,} "
            "generated tokens"
            for model, revision, count, asked, said in cache.by_model()
        ]
        lines += [
            f"  {prompt}: {count:,} answers of {said:,.0f} tokens on average"
            for prompt, (count, _, said, _) in cache.habits().items()
        ]
        return "\n".join(lines) or f"{file}: no answers"
