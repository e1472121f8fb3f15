"""Versions: how far a version number has to move, and the changelog that says why."""

from __future__ import annotations

from collections.abc import Sequence

from medloom.flows.documents.markdown import code, words
from medloom.flows.publish.diff import Change, Diff, Level
from medloom.flows.publish.problem import PublishError
from medloom.flows.wording import whole

SHOWN = 50
"""Patients that a changelog names one by one."""
WHY = {
    "major": "the schema, a config or somebody's split has changed",
    "minor": "records were added",
    "patch": "records were repaired or removed",
    "none": "no record has changed",
}


def parsed(version: str) -> tuple[int, int, int]:
    """MAJOR.MINOR.PATCH. Raises PublishError for anything else."""
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise PublishError(f"{version!r} is no version: expected MAJOR.MINOR.PATCH, 1.2.0 say")
    major, minor, patch = (int(part) for part in parts)
    return major, minor, patch


def least(before: str, level: Level) -> str:
    """The least version that may follow `before` after a change of that level."""
    major, minor, patch = parsed(before)
    if level == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == "minor" else f"{major}.{minor}.{patch + 1}"


def check_version(version: str, diff: Diff) -> None:
    """Raises PublishError where `version` says less than what has changed since the version before."""
    needed = least(diff.before, diff.level)
    if parsed(version) >= parsed(needed):
        return
    told = {"major": ("; ".join((*diff.schema, *_names(diff)[:3]))), "minor": _total(diff.added, "added")}
    detail = told.get(diff.level, "")
    raise PublishError(
        f"{version} can't follow {diff.before}: {WHY[diff.level]}{f' ({detail})' if detail else ''}, "
        f"so it is {needed} or later. Give --version {needed}"
    )


def latest(tags: Sequence[str], below: str | None = None) -> str | None:
    """The highest version among tags ``vX.Y.Z``, below the one that is named."""
    versions = []
    for tag in tags:
        try:
            versions.append(parsed(tag.removeprefix("v")) if tag.startswith("v") else (-1, 0, 0))
        except PublishError:
            continue
    fit = [one for one in versions if one[0] >= 0 and (below is None or one < parsed(below))]
    return ".".join(map(str, max(fit))) if fit else None


def render_diff(diff: Diff) -> str:
    """The diff as plain text: who moved first, since that is what must not pass unseen."""
    counts = f"{whole(diff.records[0])} -> {whole(diff.records[1])} records"
    lines = [f"{diff.before} -> {diff.after}: {WHY[diff.level]}; {counts}"]
    if diff.moved:
        lines.append(
            f"!! {len(diff.moved)} CHANGED SPLIT: whoever trained on the version before has seen some of these"
        )
        lines += [f"   {name}" for name in _names(diff)]
    lines += [f"!! {fact}" for fact in diff.schema]
    for kind in ("added", "removed", "changed"):
        changes: tuple[Change, ...] = getattr(diff, kind)
        lines.append(f"{kind}: {whole(sum(change.records for change in changes))} records")
        lines += [f"   {change.source}: {whole(change.records)} ({change.reason})" for change in changes]
    if diff.recipe:
        lines.append("made otherwise:")
        lines += [f"   {fact}" for fact in diff.recipe]
    return "\n".join(lines)


def entry(version: str, date: str, diff: Diff | None) -> str:
    """The changelog's entry of a version, as Markdown; `diff` is None for the first one."""
    lines = [f"## {version} ({date})", ""]
    if diff is None:
        return "\n".join([*lines, "First version.", ""])
    counts = f"{whole(diff.records[0])} to {whole(diff.records[1])} records"
    lines += [f"After {diff.before}: {WHY[diff.level]}; {counts}.", ""]
    if diff.moved:
        lines.append(f"- **{whole(len(diff.moved))} changed split**:")
        lines += [f"  - {words(name)}" for name in _names(diff)[:SHOWN]]
        if len(diff.moved) > SHOWN:
            lines.append(f"  - and {whole(len(diff.moved) - SHOWN)} more; `medloom diff` names all")
    lines += [f"- **{words(fact)}**" for fact in diff.schema]
    for kind in ("added", "removed", "changed"):
        changes: tuple[Change, ...] = getattr(diff, kind)
        lines += [
            f"- {kind.capitalize()}: {whole(change.records)} records of {code(change.source)} ({words(change.reason)})"
            for change in changes
        ]
    lines += [f"- Made otherwise: {words(fact)}" for fact in diff.recipe]
    return "\n".join([*lines, ""])


def changelog(title: str, newest: str, before: str | None) -> str:
    """The whole file: the newest entry above those that the version before had."""
    head = f"# Changes of {title}\n\nMAJOR: schema or split; MINOR: records added; PATCH: records repaired.\n\n"
    older = "" if before is None or "\n## " not in before else before[before.index("\n## ") + 1 :]
    return head + newest + ("\n" + older if older else "")


def _names(diff: Diff) -> list[str]:
    return [f"{one.source}: {one.who} from {'+'.join(one.before)} to {'+'.join(one.after)}" for one in diff.moved]


def _total(changes: Sequence[Change], what: str) -> str:
    return f"{whole(sum(change.records for change in changes))} {what}"
