"""The command line: each command imports what it needs when it is called, so that --help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from medloom.flows.cli_groups import cache, new
from medloom.flows.heap import share_freed
from medloom.flows.telemetry import switch_off
from medloom.schemas.errors import BuildError, CatalogError, MedloomError

app = typer.Typer(
    name="medloom",
    help="Weaves public medical imaging datasets into one licensed, leak-checked vision-language corpus.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cache, name="cache")
app.add_typer(new, name="new")

EXIT_FAILED, EXIT_WRONG, EXIT_STOPPED = 1, 2, 130

CatalogFile = Annotated[Path, typer.Argument(help="The catalog, a YAML file.", show_default=False)]
Answers = Annotated[
    Path | None, typer.Option("--answers", help="The file of answers that engines gave; .medloom-answers by default.")
]
Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="NAME=PATH", help="Where a source lies; wins over the catalog.")
]
Out = Annotated[Path, typer.Option("--out", help="The folder that the corpus is left in.", show_default=False)]


def main() -> NoReturn:
    """The `medloom` command. Exit codes: 0 done, 1 build failed, 2 catalog or call is wrong, 130 stopped."""
    switch_off()
    share_freed()
    try:
        app(standalone_mode=True)
    except CatalogError as error:
        _leave(error, EXIT_WRONG)
    except (BuildError, MedloomError) as error:
        _leave(error, EXIT_FAILED)
    except KeyboardInterrupt:
        print("stopped; the same command with --resume goes on where this one was", file=sys.stderr)
        sys.exit(EXIT_STOPPED)
    sys.exit(0)


def _leave(error: Exception, code: int) -> NoReturn:
    print(f"medloom: {error}", file=sys.stderr)
    sys.exit(code)


@app.command()
def build(
    catalog: CatalogFile,
    out: Out,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Ray workers, one per core by default; 0 builds in this process.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with, or bring up to date, what is in --out.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier build left and begin again.")] = False,
    source: Sources = None,
    work: Annotated[Path | None, typer.Option(help="Where unfinished work is kept; beside --out by default.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="A running Ray cluster to join.")] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve Ray's dashboard while it builds; needs ray[default].")
    ] = False,
    mirror: Annotated[
        str | None, typer.Option(help="Bring the finished corpus to this fsspec URL too: s3://bucket/corpora/x.")
    ] = None,
    follows: Annotated[
        Path | None, typer.Option(help="Folder of the version before this one: its rows stay in their shards.")
    ] = None,
    answers: Answers = None,
) -> None:
    """Build the corpus that a catalog describes."""
    from medloom.flows.run import run_build

    run_build(
        catalog, out, _pairs(source), _workers(workers), resume, fresh, work, ray_address, follows, dashboard, mirror,
        answers,
    )  # fmt: skip


@app.command()
def check(catalog: CatalogFile, source: Sources = None) -> None:
    """Find every mistake in a catalog and its cards, before any work."""
    from medloom.flows.check import check as find_problems
    from medloom.flows.check import render_problems

    problems = find_problems(catalog, _pairs(source))
    print(render_problems(problems) or f"{catalog}: no mistake found")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(EXIT_WRONG)


@app.command()
def plan(
    catalog: CatalogFile, out: Out, source: Sources = None, work: Path | None = None, answers: Answers = None
) -> None:
    """Say what a build would do and redo, and why; and what an engine would be asked, and at what price."""
    from medloom.flows.plan import plan_build, render_plan

    print(render_plan(*plan_build(catalog, out, _pairs(source), work, answers)))


@app.command("filter")
def run_filters(
    catalog: CatalogFile,
    out: Out,
    explain: Annotated[
        str | None, typer.Option(metavar="RECORD_ID", help="Tell one record's story instead: an id, or its beginning.")
    ] = None,
    source: Sources = None,
    work: Annotated[Path | None, typer.Option(help="Where the build keeps its work; beside --out by default.")] = None,
) -> None:
    """Say what a catalog's filters drop of what a build has made, and why; nothing is written."""
    from medloom.flows.dry_run import explain as story
    from medloom.flows.dry_run import tell_filters

    if explain is None:
        print(tell_filters(catalog, out, _pairs(source), work))
    else:
        print(story(explain, catalog, out, _pairs(source), work))


@app.command()
def trace(
    record: Annotated[str, typer.Argument(help="A record's id, or the beginning of one.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The corpus to look in.")] = Path("build/quickstart"),
) -> None:
    """Tell a record's whole story: source file, annotation, transform, template, verdicts."""
    from medloom.flows.trace import tell

    print(tell(record, out))


@app.command()
def export(
    corpus: Annotated[str, typer.Argument(help="A corpus: its folder, or ORG/NAME on the Hub.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="The format; docs/export.md lists them.", show_default=False)],
    dest: Annotated[Path, typer.Option("--dest", help="A new folder.", show_default=False)],
    revision: Annotated[str | None, typer.Option(help="Tag, branch or commit of a repository.")] = None,
    config: Annotated[list[str] | None, typer.Option(help="Only this config; may be given several times.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split; may be given several times.")] = None,
    model: Annotated[str | None, typer.Option(help="The generation of a model that coordinates are for.")] = None,
    processor: Annotated[str | None, typer.Option(help="The model's image processor: a folder, or a name.")] = None,
) -> None:
    """Write a corpus in the format of a trainer or benchmark."""
    from medloom.flows.export.run import export as write

    splits = _splits(split or [])
    done = write(
        corpus, to, dest, revision=revision, configs=config or (), splits=splits, model=model, processor=processor
    )
    for name, count in sorted(done.written.items()):
        print(f"{name}: {count:,} records")
    for reason, count in sorted(done.left_out.items()):
        print(f"left out: {count:,} ({reason})")
    print(f"{done.out}: {done.pictures:,} pictures; what it was made from is in {done.out / 'export.json'}")


@app.command()
def schedule(
    catalog: CatalogFile,
    out: Out,
    kind: Annotated[
        Literal["refresh", "new-source", "release"],
        typer.Option(help="Build what changed, wait for new sources, or build and publish."),
    ] = "refresh",
    every: Annotated[float | None, typer.Option(help="Seconds from one run to the next.")] = None,
    cron: Annotated[str | None, typer.Option(help="When it runs, as cron says it; daily at 2 by default.")] = None,
    source: Sources = None,
    workers: Annotated[int, typer.Option(min=0, help="Ray workers of a run; 0 builds in its process.")] = 0,
    repo: Annotated[str | None, typer.Option(help="ORG/NAME that a release is published to.")] = None,
) -> None:
    """Serve builds on a schedule, until it is stopped. Needs a Prefect server: PREFECT_API_URL."""
    import os

    if not os.environ.get("PREFECT_API_URL"):
        raise CatalogError("no PREFECT_API_URL: start `prefect server start`, then export the URL that it prints")
    if kind == "release" and repo is None:
        raise CatalogError("a release goes somewhere: --repo ORG/NAME")
    if every is not None and cron is not None:
        raise CatalogError("--every and --cron: one of them")
    from medloom.flows.schedule import serve

    parameters = {"catalog": str(catalog.resolve()), "out": str(out.resolve()), "workers": workers}
    parameters |= {"sources": _pairs(source)} | ({"repo": repo} if kind == "release" else {})
    serve(kind, parameters, every, cron or (None if every else "0 2 * * *"))


def _splits(asked: list[str]) -> list[Literal["train", "validation", "test"]]:
    from medloom.flows.load import SPLITS

    wrong = [name for name in asked if name not in SPLITS]
    if wrong:
        raise CatalogError(f"--split {wrong[0]!r}: there are {', '.join(SPLITS)}")
    return [name for name in SPLITS if name in asked]


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed is another clinic; the same seed gives the same bytes.")] = 7,
) -> None:
    """Write a small made-up clinic with complete ground truth, in native layouts. It is not real data."""
    from medloom.converters.phantom.clinic import write_clinic

    if folder.exists() and any(folder.iterdir()):
        raise CatalogError(f"{folder} is not empty")
    clinic = write_clinic(folder, seed)
    print(f"{folder}: a phantom clinic, not real data; its truth is in {folder / 'truth.json'}")
    del clinic


@app.command()
def publish(
    corpus: Annotated[Path, typer.Argument(help="The folder that a build left.", show_default=False)],
    repo: Annotated[str, typer.Option(metavar="ORG/NAME", help="The dataset repository.", show_default=False)],
    version: Annotated[str | None, typer.Option(help="MAJOR.MINOR.PATCH; the catalog's by default.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Only for those whom the repository lets in.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """Publish a corpus as a version of a dataset on the Hub: verified, in one commit, tagged.

    The token comes from HF_TOKEN or from `hf auth login`; HF_ENDPOINT names another server. A run that stopped is
    finished by the same command.
    """
    from medloom.flows.publish.publish import publish as send

    send(corpus, repo, version, private, dry_run)


@app.command()
def rejoin(
    corpus: Annotated[Path, typer.Argument(help="A published corpus, downloaded into a folder.", show_default=False)],
    out: Out,
    source: Sources = None,
) -> None:
    """Put back, bit for bit, the rows that were published without pictures or words, from the source itself."""
    from medloom.flows.publish.rejoin import rejoin as put_back

    put_back(corpus, _pairs(source), out)


@app.command()
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A corpus's folder, or ORG/NAME@REVISION.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="The same of the later version.", show_default=False)],
) -> None:
    """Tell which records were added, removed and changed from A to B, by source and reason, and who changed split."""
    from medloom.flows.publish.diff import compare
    from medloom.flows.publish.edition import open_edition
    from medloom.flows.publish.versions import render_diff

    print(render_diff(compare(open_edition(before), open_edition(after))))


@app.command()
def conform(
    converter: Annotated[str, typer.Argument(help="The converter's name.", show_default=False)],
    fixture: Annotated[Path | None, typer.Option(help="A small dataset; beside its code by default.")] = None,
    card: Annotated[Path | None, typer.Option(help="The source card to read it by.")] = None,
) -> None:
    """Hold a converter to the rules, offline, on its fixture: what is wrong, and what to do about it."""
    from medloom.flows.kit.conform import conform as hold
    from medloom.flows.kit.conform import render

    found = hold(converter, fixture, card)
    print("\n\n".join(render(*one) for one in found))
    if any(finding.faults for _, findings in found for finding in findings):
        raise typer.Exit(EXIT_FAILED)


@app.command("benchmark-index")
def benchmark_index(
    source: Annotated[
        str, typer.Argument(help="A file, a folder, or the id of a dataset on the Hub.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The index to write: NAME.index.parquet.", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="The benchmark's name; the file's by default.")] = "",
    licence: Annotated[str, typer.Option(help="The benchmark's licence.")] = "unknown",
    images: Annotated[Path | None, typer.Option(help="Where its pictures lie, if elsewhere.")] = None,
) -> None:
    """Make the index that keeps a benchmark out of corpora; it holds hashes alone, no picture and no text."""
    from medloom.flows.benchmark import make_index

    about, broken = make_index(source, out, name or out.name.split(".")[0], licence, images)
    told = f", {broken:,} pictures unreadable" if broken else ""
    print(f"{out}: {about.name}, {about.pictures:,} pictures and {about.texts:,} texts{told}; now in a catalog:")
    print(f"  filters: [..., {{decontaminate: {{against: [{out}]}}}}]")


@app.command()
def audit(
    path: Annotated[
        Path, typer.Argument(help="A corpus: a JSON, JSONL, Parquet, TSV or CSV file, or a folder of them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where audit.html and audit.json go.")] = Path("audit"),
    images: Annotated[Path | None, typer.Option(help="Where the pictures lie, if elsewhere.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="A benchmark index to hold it against; may be repeated.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Most pictures that are read; 0 reads none.")] = 20_000,
    fail_on: Annotated[
        Literal["bad", "look", "never"], typer.Option(help="From which verdict on it exits with 1.")
    ] = "bad",
) -> None:
    """Say what is wrong with somebody's corpus: a table here, a page to read, a file for machines."""
    from medloom.flows.audit.told import tell_audit

    if tell_audit(path, out, images, against or [], pictures, fail_on):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def version() -> None:
    """Print the version."""
    import importlib.metadata

    print(importlib.metadata.version("medloom"))


def _pairs(entries: list[str] | None) -> dict[str, str]:
    found = {}
    for entry in entries or []:
        name, equals, path = entry.partition("=")
        if not (name and equals and path):
            raise CatalogError(f"--source {entry!r}: it is --source NAME=PATH")
        found[name] = path
    return found


def _workers(asked: int | None) -> int:
    """One worker for each core that this process may use, unless a number was asked for."""
    import os

    if asked is not None:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
