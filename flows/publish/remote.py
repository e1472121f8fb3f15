"""Remote: the few things that publishing asks of a Hub, through huggingface_hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from medloom.flows.publish.outgoing import OURS, OutgoingFile
from medloom.flows.publish.problem import PublishError

if TYPE_CHECKING:
    from pathlib import Path

    from huggingface_hub import HfApi

T = TypeVar("T")
KIND = "dataset"
BATCH_BYTES, BATCH_FILES = 2 * 2**30, 64
"""So much is uploaded at a step: what an interrupted run has finished isn't sent again."""
WAITS = (1.0, 4.0)
"""Seconds between tries of a call that only reads, or that may be made twice."""


class RemoteFile(NamedTuple):
    """A file of a tree: SHA-256 where the bytes are an LFS or Xet object, else git's id of the blob."""

    size: int
    digest: str


class Refs(NamedTuple):
    """Branches and tags, each with the commit that it names."""

    branches: dict[str, str]
    tags: dict[str, str]


def again(call: Callable[[], T]) -> T:
    """The call's result; where the server or the way to it fails, tried again after WAITS."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    for wait in WAITS:
        try:
            return call()
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code < 500:
                raise
        except (TransportError, OSError):
            pass
        time.sleep(wait)
    return call()


class Remote:
    """One dataset repository. The token comes from the environment or the client's own login, never from here."""

    def __init__(self, repo: str, endpoint: str | None = None) -> None:
        self.repo = repo
        self.endpoint = endpoint

    @cached_property
    def api(self) -> HfApi:
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, library_name="medloom")

    @property
    def url(self) -> str:
        return f"{self.api.endpoint}/datasets/{self.repo}"

    def user(self) -> str:
        """Who the token belongs to. Raises PublishError where there is no token."""
        from huggingface_hub import get_token

        if get_token() is None:
            raise PublishError("no token: set HF_TOKEN, or log in with `hf auth login`; it is never asked for here")
        return str(again(self.api.whoami)["name"])

    def exists(self) -> bool:
        return again(lambda: self.api.repo_exists(self.repo, repo_type=KIND))

    def is_private(self) -> bool | None:
        """None of a server that doesn't tell."""
        return again(lambda: self.api.repo_info(self.repo, repo_type=KIND)).private

    def create(self) -> None:
        """Makes the repository, private: strangers see it when it holds a whole version."""
        self.api.create_repo(self.repo, repo_type=KIND, private=True, exist_ok=True)

    def gate(self) -> None:
        self.api.update_repo_settings(self.repo, repo_type=KIND, gated="manual")

    def open(self) -> None:
        """Lets strangers see the repository."""
        again(lambda: self.api.update_repo_settings(self.repo, repo_type=KIND, visibility="public"))

    def refs(self) -> Refs:
        found = again(lambda: self.api.list_repo_refs(self.repo, repo_type=KIND))
        if "main" not in [branch.name for branch in found.branches]:
            raise PublishError(f"{self.repo} has no branch main: commit anything to it first, a .gitattributes say")
        return Refs(
            {branch.name: branch.target_commit for branch in found.branches},
            {tag.name: tag.target_commit for tag in found.tags},
        )

    def tree(self, revision: str) -> dict[str, RemoteFile]:
        """Every file at a revision, by path."""
        from huggingface_hub import RepoFile

        def listed() -> list[Any]:
            return list(self.api.list_repo_tree(self.repo, repo_type=KIND, revision=revision, recursive=True))

        files = [entry for entry in again(listed) if isinstance(entry, RepoFile)]
        return {file.path: RemoteFile(file.size, file.lfs.sha256 if file.lfs else file.blob_id) for file in files}

    def download(self, path: str, revision: str, into: Path) -> Path:
        """A file at a revision, below `into`, held to the digest that the Hub tells: the client looks at sizes."""
        from pathlib import Path

        from huggingface_hub import RepoFile

        told = again(lambda: self.api.get_paths_info(self.repo, path, repo_type=KIND, revision=revision))
        files = [file for file in told if isinstance(file, RepoFile)]
        digests = {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
        tries = iter((False, *(True for _ in WAITS)))

        def fetched() -> Path:
            anew = next(tries, True)
            local = self.api.hf_hub_download(
                self.repo, path, repo_type=KIND, revision=revision, cache_dir=into, force_download=anew
            )
            file = OutgoingFile.of(path, Path(local))
            if path in digests and not file.is_at(file.size, digests[path]):
                raise OSError(f"{path} came as other bytes than the Hub has")
            return file.local

        return again(fetched)

    def branch(self, name: str, at: str) -> None:
        self.api.create_branch(self.repo, repo_type=KIND, branch=name, revision=at)

    def drop_branch(self, name: str) -> None:
        self.api.delete_branch(self.repo, repo_type=KIND, branch=name)

    def tag(self, name: str, at: str, words: str) -> None:
        again(lambda: self.api.create_tag(self.repo, repo_type=KIND, tag=name, revision=at, tag_message=words))

    def upload(self, files: Sequence[OutgoingFile], gone: Iterable[str], branch: str, parent: str, words: str) -> str:
        """Sends what is large in steps, then makes one commit on `parent`, which `branch` must stand at; its sha."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        additions = []
        for file in files:
            addition = CommitOperationAdd(file.path, str(file.local))
            addition.upload_info.sha256 = bytes.fromhex(file.sha256)
            additions.append(addition)
        for batch in _batches(additions):
            self.api.preupload_lfs_files(self.repo, batch, repo_type=KIND, revision=branch, free_memory=False)
        deletions = [CommitOperationDelete(path, is_folder=False) for path in gone]
        made = self.api.create_commit(
            self.repo,
            [*additions, *deletions],
            commit_message=words,
            repo_type=KIND,
            revision=branch,
            parent_commit=parent,
        )
        return str(made.oid)

    def move(
        self, branch: str, parent: str, source: str, files: Sequence[OutgoingFile], gone: Iterable[str], words: str
    ) -> str:
        """One commit on `branch` that copies `files` from `source`: the objects are there, nothing is sent.

        A server that takes no copies (they come without sizes) is given the files again, which it has.
        """
        from huggingface_hub import CommitOperationCopy, CommitOperationDelete
        from huggingface_hub.errors import HfHubHTTPError

        gone = list(gone)
        copies = [CommitOperationCopy(file.path, file.path, src_revision=source) for file in files]
        deletions = [CommitOperationDelete(path, is_folder=False) for path in gone]
        try:
            made = self.api.create_commit(
                self.repo,
                [*copies, *deletions],
                commit_message=words,
                repo_type=KIND,
                revision=branch,
                parent_commit=parent,
            )
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code not in (400, 422, 500, 501):
                raise
            return self.upload(files, gone, branch, parent, words)
        return str(made.oid)


def ours(path: str) -> bool:
    """Whether a path of the repository is one that publishing writes, and so may delete."""
    return path.startswith(tuple(name for name in OURS if name.endswith("/"))) or path in OURS


def _batches(additions: Sequence[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for addition in additions:
        if batch and (len(batch) >= BATCH_FILES or size + addition.upload_info.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(addition)
        size += addition.upload_info.size
    if batch:
        yield batch
