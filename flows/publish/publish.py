"""Publish: a finished corpus goes up as one version, verified before readers see it, tagged after.

Nothing moves `main` but one commit, made when all of its files lie on the Hub, were read back and loaded at a commit
of a staging branch. Whatever fails before leaves readers with what they had; whatever fails after leaves them with the
whole new version, which the next run verifies, tags and cleans up after.
"""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medloom.flows.documents.dataset_card import Publication
from medloom.flows.publish.diff import compare
from medloom.flows.publish.edition import edition_of, published_edition
from medloom.flows.publish.outgoing import (
    CARRIED,
    OutgoingFile,
    hold_to_lock,
    read_figures,
    read_lock,
    write_documents,
)
from medloom.flows.publish.permit import refusals
from medloom.flows.publish.problem import PublishError, step
from medloom.flows.publish.read_back import Reader, Wanted
from medloom.flows.publish.remote import Refs, Remote, RemoteFile, ours
from medloom.flows.publish.versions import changelog, check_version, entry, latest, parsed, render_diff
from medloom.flows.wording import size, whole

AS_BEFORE = "Readers see what they saw before"
WHOLE = "Readers of main see the whole new version"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Release:
    """What is to be published: the files, and what the Hub is asked to call them."""

    version: str
    files: tuple[OutgoingFile, ...]
    lock: dict[str, Any]
    gated: bool

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    def wanted(self, repo: str, sha: str) -> Wanted:
        """What has to be found at a commit."""
        rows: dict[str, dict[str, int]] = {}
        for path, shard in self.lock["shards"].items():
            splits = rows.setdefault(path.split("/")[1], {})
            splits[shard["split"]] = splits.get(shard["split"], 0) + shard["rows"]
        return Wanted(repo=repo, revision=sha, files={file.path: file.sha256 for file in self.files}, rows=rows)

    def faults(self, tree: Mapping[str, RemoteFile]) -> list[str]:
        """What of a tree is not as it has to be; files that are not medloom's are no fault."""
        wrong = []
        for file in self.files:
            found = tree.get(file.path)
            if found is None:
                wrong.append(f"{file.path} is not there")
            elif not file.is_at(*found):
                wrong.append(f"{file.path} has {found.size} bytes and digest {found.digest[:12]}")
        known = {file.path for file in self.files}
        return wrong + [f"{path} is there" for path in tree if ours(path) and path not in known]


def publish(
    corpus: Path,
    repo: str,
    version: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    endpoint: str | None = None,
    say: Say = print,
) -> str | None:
    """Publishes the corpus as `version` (the catalog's where None) and returns the tagged commit; None of a dry run.

    Raises PublishError where it may not be published, where the version says less than what has changed, or where a
    step failed: its text says at which, what readers see, and what to do.
    """
    lock = read_lock(corpus)
    version = version or lock["catalog"]["version"]
    parsed(version)
    hold_to_lock(corpus, lock)
    reasons = list(refusals(corpus, lock["shards"], lock["catalog"]["release"], private))
    if reasons:
        raise PublishError("this corpus may not be published:\n" + "\n".join(f"  {reason}" for reason in reasons))
    remote = Remote(repo, endpoint)
    with tempfile.TemporaryDirectory(prefix=f".{corpus.name}.publish.", dir=corpus.absolute().parent) as scratch:
        with step("asking the Hub", AS_BEFORE):
            user = None if dry_run else remote.user()
            refs = remote.refs() if remote.exists() else None
        release = prepare(corpus, Path(scratch), lock, version, remote, refs, say)
        if dry_run:
            _tell_dry_run(release, remote, refs, say)
            return None
        say(f"publishing {repo} {release.tag} as {user}: {whole(len(release.files))} files, {size(release.bytes)}")
        reader = Reader(remote.api.endpoint, Path(scratch) / "home")
        try:
            return _Publication(remote, release, private, reader, say).run(refs)
        finally:
            reader.close()


def prepare(
    corpus: Path, scratch: Path, lock: dict[str, Any], version: str, remote: Remote, refs: Refs | None, say: Say
) -> Release:
    """The files of the release: its documents are written into `scratch`, all else lies in the corpus."""
    from medloom.flows.publish.scan import scan
    from medloom.flows.publish.withhold import withhold

    figures = read_figures(corpus)
    before, log, after = _before(corpus, scratch, version, remote, refs, say)
    date = _date(version, scratch, remote, refs)
    outgoing = scratch / "outgoing"
    figures, lock, files = withhold(corpus, outgoing, figures, lock)
    publication = Publication(
        repo=remote.repo,
        version=version,
        url=remote.url,
        date=date,
        changelog=changelog(figures.title or figures.corpus, entry(version, date, before), log),
        changes=entry(version, date, before),
        after=after,
    )
    files += write_documents(outgoing, figures, lock, publication)
    known = {file.path for file in files}
    carried = [name for name in CARRIED if name not in known and (corpus / name).is_file()]
    files += [OutgoingFile.of(name, corpus / name) for name in carried]
    leaks = scan(corpus, lock, files)
    if leaks:
        raise PublishError(
            "what may not leave is in the outgoing files:\n" + "\n".join(f"  {leak}" for leak in leaks[:10])
        )
    gated = lock["catalog"]["release"]["to"] == "gated"
    return Release(version, tuple(sorted(files, key=lambda file: file.path)), lock, gated)


def _before(
    corpus: Path, scratch: Path, version: str, remote: Remote, refs: Refs | None, say: Say
) -> tuple[Any, str | None, dict[str, str] | None]:
    """The diff to the version before, that one's changelog, and its name and commit; all None for the first one."""
    known = latest(list(refs.tags), below=version) if refs is not None else None
    if refs is None or known is None:
        return None, None, None
    newer = latest(list(refs.tags))
    if newer is not None and parsed(newer) > parsed(version):
        say(f"note: v{newer} is published already; {version} is held against v{known} and becomes main")
    old = published_edition(remote, f"v{known}", scratch / "before")
    new = edition_of(str(corpus), corpus / "corpus.lock.json", corpus / "lineage.parquet")
    diff = compare(old, new)
    say(render_diff(diff))
    check_version(version, diff)
    with step("reading the changelog", AS_BEFORE):
        log = remote.download("CHANGELOG.md", f"v{known}", scratch / "before").read_text("utf-8")
    return diff, log, {"version": known, "commit": refs.tags[f"v{known}"]}


def _date(version: str, scratch: Path, remote: Remote, refs: Refs | None) -> str:
    """The day of publication: that of an earlier try, where one has left its commit, so that both are the same."""
    from huggingface_hub.errors import EntryNotFoundError

    branches = refs.branches if refs is not None else {}
    for branch in (staging_of(version), f"{staging_of(version)}-unopened", "main"):
        if branch not in branches:
            continue
        with step("reading the day of an earlier try", AS_BEFORE):
            try:
                found = json.loads(remote.download("croissant.json", branches[branch], scratch / "dates").read_bytes())
            except (EntryNotFoundError, ValueError):  # another commit than ours, or not our file
                continue
        if isinstance(found, dict) and found.get("version") == version and isinstance(found.get("datePublished"), str):
            return str(found["datePublished"])
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def staging_of(version: str) -> str:
    """The branch that a version is verified on before main moves."""
    return f"medloom-staging-v{version}"


def _tell_dry_run(release: Release, remote: Remote, refs: Refs | None, say: Say) -> None:
    with step("reading what is published", AS_BEFORE):
        tree = remote.tree(refs.branches["main"]) if refs is not None else {}
    fresh = [file for file in release.files if file.path not in tree or not file.is_at(*tree[file.path])]
    for file in release.files:
        say(f"  {'new' if file in fresh else 'there':5} {size(file.size):>10}  {file.path}")
    known = {file.path for file in release.files}
    for path in sorted(path for path in tree if ours(path) and path not in known):
        say(f"  {'gone':5} {'':>10}  {path}")
    say(
        f"dry run: {release.tag} of {remote.repo} would be {whole(len(release.files))} files, {size(release.bytes)}; "
        f"{whole(len(fresh))} of them, at most {size(sum(file.size for file in fresh))}, would be sent; nothing was"
    )


class _Publication:
    """One run, step by step; each step finds done what an earlier run did."""

    def __init__(self, remote: Remote, release: Release, private: bool, reader: Reader, say: Say) -> None:
        self.remote, self.release, self.private, self.reader, self.say = remote, release, private, reader, say
        self.staging = staging_of(release.version)
        self.unopened = f"{self.staging}-unopened"

    def run(self, refs: Refs | None) -> str:
        refs = self._make() if refs is None else refs
        self._check_owner(refs)
        if self.unopened in refs.branches:
            self.staging = self.unopened
        if self.release.gated:
            with step("gating", AS_BEFORE):
                self.remote.gate()
        head = self._main_with(refs)
        self._tag(head)
        self._clean_up()
        self.say(f"{self.release.tag} is published: {self.remote.url}/tree/{self.release.tag} ({head})")
        return head

    def _make(self) -> Refs:
        """A new repository is private until it holds a whole version. That it is to be opened then, the name of its
        staging branch tells: one that its owner made private stays so."""
        with step("creating the repository", "Readers see no repository"):
            self.remote.create()
            refs = self.remote.refs()
            if not self.private and self.unopened not in refs.branches:
                self.remote.branch(self.unopened, refs.branches["main"])
            if self.release.gated:
                self.remote.gate()
            return self.remote.refs()

    def _check_owner(self, refs: Refs) -> None:
        with step("reading what is published", AS_BEFORE):
            tree = self.remote.tree(refs.branches["main"])
            exposed = self.private and self.remote.is_private() is False
        if exposed:
            raise PublishError(f"{self.remote.repo} is public and --private was asked for: give another repository")
        data = [path for path in tree if path.startswith("data/")]
        if data and "corpus.lock.json" not in tree:
            raise PublishError(
                f"{self.remote.repo} holds data that medloom didn't publish ({data[0]}): give another name"
            )
        if (tagged := refs.tags.get(self.release.tag)) is not None:
            with step("reading the tag", AS_BEFORE):
                faults = self.release.faults(self.remote.tree(tagged))
            if faults:
                raise PublishError(
                    f"{self.release.tag} of {self.remote.repo} is published already and holds something else "
                    f"({faults[0]}); a version never changes: give a later --version"
                )

    def _main_with(self, refs: Refs) -> str:
        """The commit of main, or of the tag, that holds the release, verified."""
        if (tagged := refs.tags.get(self.release.tag)) is not None:
            self._verify(tagged, f"{self.release.tag} is there already")
            return tagged
        main = refs.branches["main"]
        with step("reading what is published", AS_BEFORE):
            tree = self.remote.tree(main)
        if not self.release.faults(tree):
            self._verify(main, f"main holds it already. {WHOLE}")
            return main
        staged = self._stage(refs, main, tree)
        self._verify(staged, AS_BEFORE)
        head = self._move(main, tree, staged)
        self._verify(head, WHOLE)
        return head

    def _stage(self, refs: Refs, main: str, tree: Mapping[str, RemoteFile]) -> str:
        """A commit of the staging branch that holds the release."""
        with step("preparing the staging branch", AS_BEFORE):
            found = refs.branches.get(self.staging)
            if found is not None and found != main and not self.release.faults(self.remote.tree(found)):
                self.say("  an earlier run has staged it")
                return found
            if found is not None and found != main:
                self._restart(main)
            elif found is None:
                self.remote.branch(self.staging, main)
        known = {file.path for file in self.release.files}
        gone = [path for path in tree if ours(path) and path not in known]
        with step("uploading", AS_BEFORE):
            self.say("  uploading to a staging branch")
            return self.remote.upload(self.release.files, gone, self.staging, main, f"Stage {self.release.tag}")

    def _restart(self, main: str) -> None:
        """The branch again from main: what an earlier run, or another corpus, has left on it is of no use."""
        self.remote.drop_branch(self.staging)
        self.remote.branch(self.staging, main)

    def _move(self, main: str, tree: Mapping[str, RemoteFile], staged: str) -> str:
        """One commit on main; whoever committed in between is not overwritten."""
        known = {file.path for file in self.release.files}
        fresh = [file for file in self.release.files if file.path not in tree or not file.is_at(*tree[file.path])]
        gone = [path for path in tree if ours(path) and path not in known]
        with step("moving main", f"{AS_BEFORE}, unless the commit went through and only its answer was lost"):
            self.say("  moving main")
            title = f"Publish {self.release.tag}"
            return self.remote.move("main", main, staged, fresh, gone, title)

    def _verify(self, sha: str, readers: str) -> None:
        """Every file by the digest that the Hub tells, then by its bytes, then every config through load_dataset."""
        self.say(f"  verifying {sha[:12]}: digests, bytes, load_dataset")
        with step("verifying", readers):
            faults = self.release.faults(self.remote.tree(sha))
            if faults:
                raise PublishError(f"verifying {sha[:12]}: {'; '.join(faults[:5])}. {readers}")
            try:
                self.reader.hold(self.release.wanted(self.remote.repo, sha))
            except PublishError as error:
                raise PublishError(f"{error}. {readers}. Run the same command again") from None

    def _tag(self, head: str) -> None:
        with step("tagging", WHOLE):
            refs = self.remote.refs()
            if self.release.tag not in refs.tags:
                self.remote.tag(self.release.tag, head, f"{self.release.version}")

    def _clean_up(self) -> None:
        with step("cleaning up", f"{WHOLE}, by its tag too"):
            if self.staging == self.unopened:
                self.remote.open()
            if self.staging in self.remote.refs().branches:
                self.remote.drop_branch(self.staging)
            if not self.private and self.remote.is_private():
                self.say(f"note: {self.remote.repo} is private, as it was before; its settings make it public")
