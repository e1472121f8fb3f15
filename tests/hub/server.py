"""A Hub on loopback for the real client, from the calls that it was seen to make: repositories, commits, tags, LFS
(basic and multipart) and Xet through a store on this disk. Run it as a process of its own:

    python server.py --root DIR [--port 0] [--xet] [--chunk BYTES]

It prints its port, and writes one line for each request to DIR/requests.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import socket
import time
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from repository import Blobs, HubError, Repository, git_oid
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from xet_index import XetStore

TOKEN = "hf_loopbackSecretToken0123456789"
LARGE = 10 * 2**20
PAGE = 50


class Hub:
    """The whole service. Any user may write who shows TOKEN; strangers read what is public."""

    def __init__(self, root: Path, xet: bool, chunk: int | None, sizes: bool = False) -> None:
        self.root, self.chunk, self.sizes = root, chunk, sizes
        self.xet = XetStore(root / "cas") if xet else None
        self.blobs = Blobs(root, self.xet)
        self.repos: dict[str, Repository] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.log = (root / "requests.jsonl").open("a", buffering=1)

    # ---- for tests alone ------------------------------------------------------------------------------------------

    async def rewind(self, request: Request) -> Response:
        """Branches and tags as they are told, and no object that only later commits name."""
        asked = await request.json()
        repo = self.repos[asked["repo"]]
        repo.branches, repo.tags = asked["branches"], asked["tags"]
        repo.private = asked.get("private", repo.private)
        kept = {entry.sha256 for sha in (*repo.branches.values(), *repo.tags.values())
                for entry in repo.commits[sha].tree.values()}  # fmt: skip
        for path in self.blobs.large.iterdir():
            if path.name not in kept:
                path.unlink()
        return Response()

    # ---- who and what ---------------------------------------------------------------------------------------------

    def may_write(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise HubError(401, "", "Invalid username or password.")

    def repo(self, request: Request, write: bool = False) -> Repository:
        name = f"{request.path_params['org']}/{request.path_params['name'].removesuffix('.git')}"
        known = self.repos.get(name)
        signed = request.headers.get("authorization") == f"Bearer {TOKEN}"
        if known is None or (known.private and not signed):
            raise HubError(404 if signed else 401, "RepoNotFound", "Repository not found")
        if known.gated and not signed and "/resolve/" in request.url.path:
            raise HubError(403, "GatedRepo", "Access to this dataset is restricted")
        if write:
            self.may_write(request)
        return known

    async def whoami(self, request: Request) -> Response:
        self.may_write(request)
        return JSONResponse({"type": "user", "name": "tester", "orgs": [{"name": "org"}],
                             "auth": {"accessToken": {"role": "write"}}})  # fmt: skip

    async def create(self, request: Request) -> Response:
        self.may_write(request)
        asked = await request.json()
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        url = f"{self.base(request)}/datasets/{name}"
        if name in self.repos:
            return JSONResponse({"error": "You already created this dataset repo", "url": url}, 409)
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.repos[name] = Repository(name, self.blobs, private)
        return JSONResponse({"url": url, "name": name, "id": name})

    async def delete(self, request: Request) -> Response:
        self.may_write(request)
        asked = await request.json()
        self.repos.pop(f"{asked.get('organization') or 'tester'}/{asked['name']}", None)
        return Response()

    async def settings(self, request: Request) -> Response:
        repo, asked = self.repo(request, write=True), await request.json()
        if "visibility" in asked or "private" in asked:
            repo.private = asked.get("visibility") == "private" or bool(asked.get("private"))
        repo.gated = asked.get("gated", repo.gated)
        return JSONResponse({"private": repo.private, "gated": repo.gated})

    async def validate_yaml(self, request: Request) -> Response:
        import yaml

        content = (await request.json())["content"]
        try:
            yaml.safe_load(content.split("---")[1] if content.startswith("---") else "")
            return JSONResponse({"errors": [], "warnings": []})
        except Exception as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)

    # ---- upload -----------------------------------------------------------------------------------------------------

    async def preupload(self, request: Request) -> Response:
        import base64

        tree = self.repo(request, write=True).resolve(request.path_params["rev"]).tree
        files = []
        for file in (await request.json())["files"]:
            large = (
                file["path"].endswith(".parquet") or file["size"] > LARGE or b"\0" in base64.b64decode(file["sample"])
            )
            known = tree.get(file["path"])
            files.append({"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
                          "oid": (known.sha256 or known.oid) if known else None})  # fmt: skip
        return JSONResponse({"files": files})

    async def batch(self, request: Request) -> Response:
        self.repo(request, write=True)
        asked, base = await request.json(), self.base(request)
        multipart = self.chunk is not None and "multipart" in asked["transfers"]
        objects = []
        for each in asked["objects"]:
            oid, size = each["oid"], each["size"]
            shown = {"oid": oid, "size": size}
            if not self.blobs.has(oid):
                upload = {"href": f"{base}/lfs/{oid}?size={size}"}
                if multipart and size > self.chunk:
                    count = -(-size // self.chunk)
                    urls = {f"{part:05d}": f"{base}/lfs/{oid}/part/{part}" for part in range(1, count + 1)}
                    upload = {"href": f"{base}/lfs/{oid}/whole", "header": {"chunk_size": str(self.chunk), **urls}}
                verify = {"href": f"{base}/lfs/verify", "header": {"Authorization": f"Bearer {TOKEN}"}}
                shown["actions"] = {"upload": upload, "verify": verify}
            objects.append(shown)
        return JSONResponse({"transfer": "multipart" if multipart else "basic", "objects": objects})

    async def put_object(self, request: Request) -> Response:
        self._store(request.path_params["oid"], await request.body())
        return Response(headers={"ETag": f'"{request.path_params["oid"][:16]}"'})

    async def put_part(self, request: Request) -> Response:
        body = await request.body()
        self.parts.setdefault(request.path_params["oid"], {})[int(request.path_params["part"])] = body
        return Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    async def put_whole(self, request: Request) -> Response:
        oid, asked = request.path_params["oid"], await request.json()
        held = self.parts.get(oid, {})
        for part in asked["parts"]:
            body = held.get(part["partNumber"])
            if body is None or part["etag"].strip('"') != hashlib.md5(body).hexdigest():
                raise HubError(400, "", f"part {part['partNumber']} of {oid} is not what was sent")
        self._store(oid, b"".join(held[number] for number in sorted(held)))
        del self.parts[oid]
        return JSONResponse({})

    def _store(self, oid: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise HubError(400, "", f"the bytes that were sent are not those of {oid}")
        partial = self.blobs.large / f"{oid}.part"
        partial.write_bytes(body)
        partial.replace(self.blobs.large / oid)

    async def verify(self, request: Request) -> Response:
        asked = await request.json()
        if not self.blobs.has(asked["oid"]) or self.blobs.entry(asked["oid"]).size != asked["size"]:
            raise HubError(404, "EntryNotFound", f"no object {asked['oid']} of {asked['size']} bytes")
        return JSONResponse({"message": "ok"})

    async def commit(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        lines = [json.loads(line) for line in (await request.body()).splitlines() if line.strip()]
        if self.sizes and any(line["key"] == "lfsFile" and "size" not in line["value"] for line in lines):
            raise HubError(400, "", "an LFS file needs a size")
        made = repo.commit(request.path_params["rev"], lines)
        url = f"{self.base(request)}/datasets/{repo.name}/commit/{made.sha}"
        return JSONResponse({"success": True, "commitOid": made.sha, "commitUrl": url})

    async def xet_token(self, request: Request) -> Response:
        write = request.path_params["kind"] == "write"
        self.repo(request, write=write)
        if self.xet is None:
            raise HubError(404, "", "no Xet here")
        until = int(time.time()) + 3600
        shown = {"accessToken": "xet", "exp": until, "casUrl": self.xet.address}
        headers = {"X-Xet-Cas-Url": self.xet.address, "X-Xet-Access-Token": "xet", "X-Xet-Token-Expiration": str(until)}
        return JSONResponse(shown, headers=headers)

    # ---- refs -------------------------------------------------------------------------------------------------------

    async def branch(self, request: Request) -> Response:
        repo, name = self.repo(request, write=True), request.path_params["ref"]
        if request.method == "DELETE":
            if name == "main" or repo.branches.pop(name, None) is None:
                raise HubError(404, "RevisionNotFound", f"no branch {name}")
            return Response()
        if name in repo.branches:
            raise HubError(409, "", "Reference already exists")
        body = await request.body()
        start = (json.loads(body) if body else {}).get("startingPoint") or "main"
        repo.branches[name] = repo.resolve(start).sha
        return JSONResponse({})

    async def tag(self, request: Request) -> Response:
        repo, ref = self.repo(request, write=True), request.path_params["ref"]
        if request.method == "DELETE":
            if repo.tags.pop(ref, None) is None:
                raise HubError(404, "RevisionNotFound", f"no tag {ref}")
            return Response()
        name = (await request.json())["tag"]
        if name in repo.tags:
            raise HubError(409, "", "Tag reference exists already")
        repo.tags[name] = repo.resolve(ref).sha
        return JSONResponse({})

    async def refs(self, request: Request) -> Response:
        repo = self.repo(request)

        def listed(kind: str, named: dict[str, str]) -> list[dict]:
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in named.items()]

        return JSONResponse({"branches": listed("heads", repo.branches), "tags": listed("tags", repo.tags),
                             "converts": [], "pullRequests": []})  # fmt: skip

    async def commits(self, request: Request) -> Response:
        repo = self.repo(request)
        found, at = [], repo.resolve(request.path_params["rev"])
        while at is not None:
            found.append({"id": at.sha, "title": at.title, "message": "", "date": at.when, "authors": []})
            at = repo.commits.get(at.parent)
        return JSONResponse(found)

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def info(self, request: Request) -> Response:
        repo = self.repo(request)
        at = repo.resolve(request.path_params.get("rev", "main"))
        siblings = []
        for path, entry in sorted(at.tree.items()):
            one = {"rfilename": path}
            if "blobs" in request.query_params:
                one |= {"size": entry.size, "blobId": entry.oid}
                one |= {"lfs": self._lfs(entry)} if entry.sha256 else {}
            siblings.append(one)
        return JSONResponse({"_id": git_oid(repo.name.encode()), "id": repo.name, "author": repo.name.split("/")[0],
                             "sha": at.sha, "lastModified": at.when, "private": repo.private, "gated": repo.gated,
                             "disabled": False, "tags": [], "siblings": siblings})  # fmt: skip

    async def tree(self, request: Request) -> Response:
        repo = self.repo(request)
        at = repo.resolve(request.path_params["rev"])
        folder = request.path_params.get("path", "").strip("/")
        deep = request.query_params.get("recursive", "").lower() in ("1", "true")
        rows = self._listed(at.tree, folder, deep, at.when if self._asked(request, "expand") else None)
        if folder and not rows:
            raise HubError(404, "EntryNotFound", f"{folder} does not exist")
        start = int(request.query_params.get("cursor", 0))
        headers = {}
        if start + PAGE < len(rows):
            further = request.url.include_query_params(cursor=start + PAGE)
            headers["Link"] = f'<{self.base(request)}{further.path}?{further.query}>; rel="next"'
        return JSONResponse(rows[start : start + PAGE], headers=headers)

    def _asked(self, request: Request, name: str) -> bool:
        return request.query_params.get(name, "").lower() in ("1", "true")

    def _listed(self, tree: dict, folder: str, deep: bool, when: str | None) -> list[dict]:
        below = f"{folder}/" if folder else ""
        rows, folders = [], set()
        for path, entry in sorted(tree.items()):
            if not path.startswith(below):
                continue
            inside = path[len(below) :].split("/")
            folders |= {
                below + "/".join(inside[:depth]) for depth in range(1, len(inside) if deep else min(len(inside), 2))
            }
            if deep or len(inside) == 1:
                rows.append(self._file(path, entry, when))
        made = [
            {"type": "directory", "oid": git_oid(name.encode()), "size": 0, "path": name} for name in sorted(folders)
        ]
        return [*made, *rows]

    def _file(self, path: str, entry, when: str | None) -> dict:
        row = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
        if entry.sha256:
            row["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": len(entry.pointer)}
        if (xet := self.blobs.xet_hash(entry)) is not None:
            row["xetHash"] = xet
        if when is not None:
            row["lastCommit"] = {"id": "0" * 40, "title": "commit", "date": when}
        return row

    def _lfs(self, entry) -> dict:
        return {"sha256": entry.sha256, "size": entry.size, "pointerSize": len(entry.pointer)}

    async def paths_info(self, request: Request) -> Response:
        at = self.repo(request).resolve(request.path_params["rev"])
        asked = parse_qs((await request.body()).decode())
        rows = []
        for path in asked.get("paths", []):
            if path in at.tree:
                rows.append(self._file(path, at.tree[path], at.when if "expand" in asked else None))
            elif any(other.startswith(f"{path.rstrip('/')}/") for other in at.tree):
                rows.append({"type": "directory", "oid": git_oid(path.encode()), "size": 0, "path": path})
        return JSONResponse(rows)

    async def resolve(self, request: Request) -> Response:
        repo = self.repo(request)
        at = repo.resolve(request.path_params["rev"])
        entry = at.tree.get(request.path_params["path"])
        if entry is None:
            raise HubError(404, "EntryNotFound", f"{request.path_params['path']} does not exist at {at.sha}")
        headers = {"X-Repo-Commit": at.sha, "ETag": f'"{entry.sha256 or entry.oid}"', "Accept-Ranges": "bytes"}
        if entry.sha256:
            headers |= {"X-Linked-ETag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        if (xet := self.blobs.xet_hash(entry)) is not None:
            route = f"{self.base(request)}/api/datasets/{repo.name}/xet-read-token/{at.sha}"
            headers |= {"X-Xet-Hash": xet, "Link": f'<{route}>; rel="xet-auth"'}
        if request.method == "HEAD":
            return Response(headers=headers | {"Content-Length": str(entry.size)})
        path = await asyncio.to_thread(self.blobs.path, entry)
        return FileResponse(path, headers=headers, media_type="application/octet-stream")

    def base(self, request: Request) -> str:
        """The address under which the client sees this server: a proxy may stand between."""
        return f"http://{request.headers['host']}"


def app_of(hub: Hub) -> Starlette:
    """The routes, each told in the log with what came in and out."""

    async def failed(request: Request, error: HubError) -> Response:
        headers = {"X-Error-Message": error.words} | ({"X-Error-Code": error.code} if error.code else {})
        return JSONResponse({"error": error.words}, error.status, headers=headers)

    repo = "/api/datasets/{org}/{name}"
    routes = [
        Route("/_rewind", hub.rewind, methods=["POST"]),
        Route("/api/whoami-v2", hub.whoami),
        Route("/api/repos/create", hub.create, methods=["POST"]),
        Route("/api/repos/delete", hub.delete, methods=["DELETE"]),
        Route("/api/validate-yaml", hub.validate_yaml, methods=["POST"]),
        Route(f"{repo}/settings", hub.settings, methods=["PUT"]),
        Route(f"{repo}/preupload/{{rev}}", hub.preupload, methods=["POST"]),
        Route(f"{repo}/xet-{{kind}}-token/{{rev}}", hub.xet_token),
        Route(f"{repo}/commit/{{rev}}", hub.commit, methods=["POST"]),
        Route(f"{repo}/branch/{{ref}}", hub.branch, methods=["POST", "DELETE"]),
        Route(f"{repo}/tag/{{ref}}", hub.tag, methods=["POST", "DELETE"]),
        Route(f"{repo}/refs", hub.refs),
        Route(f"{repo}/commits/{{rev}}", hub.commits),
        Route(f"{repo}/revision/{{rev:path}}", hub.info),
        Route(f"{repo}/tree/{{rev}}/{{path:path}}", hub.tree),
        Route(f"{repo}/tree/{{rev}}", hub.tree),
        Route(f"{repo}/paths-info/{{rev}}", hub.paths_info, methods=["POST"]),
        Route(repo, hub.info),
        Route("/datasets/{org}/{name}/info/lfs/objects/batch", hub.batch, methods=["POST"]),
        Route("/datasets/{org}/{name}/resolve/{rev}/{path:path}", hub.resolve),
        Route("/lfs/verify", hub.verify, methods=["POST"]),
        Route("/lfs/{oid}/part/{part}", hub.put_part, methods=["PUT"]),
        Route("/lfs/{oid}/whole", hub.put_whole, methods=["POST"]),
        Route("/lfs/{oid}", hub.put_object, methods=["PUT"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HubError: failed})

    class Told:
        """Writes each request down."""

        def __init__(self, inner) -> None:
            self.inner = inner

        async def __call__(self, scope, receive, send) -> None:
            if scope["type"] != "http":
                await self.inner(scope, receive, send)
                return
            told = {"method": scope["method"], "path": scope["path"], "in": 0, "out": 0, "status": 0}
            told["range"] = dict(scope["headers"]).get(b"range", b"").decode()

            async def counted_in():
                message = await receive()
                told["in"] += len(message.get("body", b""))
                return message

            async def counted_out(message) -> None:
                told["status"] = message.get("status", told["status"])
                told["out"] += len(message.get("body", b""))
                await send(message)

            try:
                await self.inner(scope, counted_in, counted_out)
            finally:
                hub.log.write(json.dumps(told) + "\n")

    app.add_middleware(Told)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--xet", action="store_true")
    parser.add_argument("--chunk", type=int)
    parser.add_argument("--sizes", action="store_true", help="refuse copies, which come without a size")
    given = parser.parse_args()
    given.root.mkdir(parents=True, exist_ok=True)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", given.port))
        listening.listen(128)  # before the port is told: a client that comes while uvicorn starts waits, not refused
        print(listening.getsockname()[1], flush=True)
        hub = Hub(given.root.absolute(), given.xet, given.chunk, given.sizes)
        config = uvicorn.Config(app_of(hub), log_level="warning", timeout_keep_alive=30)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
