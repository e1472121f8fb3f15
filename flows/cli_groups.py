"""Groups of commands: `medloom cache` and `medloom new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

cache = typer.Typer(no_args_is_help=True, help="Look at answers that engines gave, or merge those of several machines.")
AnswerFile = Annotated[Path, typer.Argument(help="A file of answers.", show_default=False)]


@cache.command("merge")
def cache_merge(
    into: AnswerFile,
    others: Annotated[list[Path], typer.Argument(help="The files whose answers are added.", show_default=False)],
) -> None:
    """Add the answers of other machines to a file: no request that one of them made is made again."""
    from medloom.flows.answers import merge_answers

    print(merge_answers(into, others))


@cache.command("show")
def cache_show(file: AnswerFile) -> None:
    """Say how many answers of which model a file holds."""
    from medloom.flows.answers import show_answers

    print(show_answers(file))


new = typer.Typer(no_args_is_help=True, help="Write the beginning of a source card or a plugin.")
Into = Annotated[Path, typer.Option("--into", help="The folder to write it into.")]


@new.command("source")
def new_source(
    name: Annotated[str, typer.Argument(help="The source's name.", show_default=False)],
    converter: Annotated[str, typer.Option(help="The converter that reads its layout.", show_default=False)],
    into: Into = Path("sources"),
) -> None:
    """Write the skeleton of a source card: enough where a converter reads the dataset's layout."""
    from medloom.flows.kit.new import new_source as write

    path = write(name, converter, into)
    print(f"{path}: fill it in, then `medloom check {path}`")


@new.command("converter")
def new_converter(
    name: Annotated[str, typer.Argument(help="The converter's name.", show_default=False)], into: Into = Path()
) -> None:
    """Write an installable package with a converter, its card, fixture and test."""
    _new_plugin("converter", name, into, f"medloom conform {name}")


@new.command("task")
def new_task(
    name: Annotated[str, typer.Argument(help="The task's name, group.name say.", show_default=False)],
    into: Into = Path(),
) -> None:
    """Write an installable package with a task and its test."""
    _new_plugin("task", name, into, "pytest")


@new.command("filter")
def new_filter(
    name: Annotated[str, typer.Argument(help="The filter's name.", show_default=False)], into: Into = Path()
) -> None:
    """Write an installable package with a filter and its test."""
    _new_plugin("filter", name, into, "pytest")


def _new_plugin(kind: Literal["converter", "task", "filter"], name: str, into: Path, then: str) -> None:
    from medloom.flows.kit.new import new_plugin

    folder = new_plugin(kind, name, into)
    print(f"{folder}: now `pip install -e {folder}`, then `{then}`; its README.md tells what to change")
