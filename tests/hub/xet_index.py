"""What lies in a Xet store on disk, read from its shards: the CAS that hf_xet fills where its address is local:///DIR.

The layout of a shard (MDB) follows xet-core's `mdb_shard`: a header of 48 bytes, then for each file its hash, flags and
number of segments, the segments, where flag 31 is set one verification entry for each, and where flag 30 is set the
SHA-256 of the file. Every entry has 48 bytes; a hash of ones ends the section.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

ENTRY = 48
VERIFIED, WITH_SHA256 = 1 << 31, 1 << 30


class XetFile(NamedTuple):
    """A file in the store: its Xet hash as the client writes it, and its size."""

    hash: str
    size: int


def _hex(raw: bytes) -> str:
    """A Merkle hash is four little-endian words, written as numbers."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", raw))


def files_of_shard(data: bytes) -> dict[str, XetFile]:
    """Files by SHA-256."""
    found, at = {}, ENTRY
    while data[at : at + 32] != b"\xff" * 32:
        name = _hex(data[at : at + 32])
        flags, segments = struct.unpack_from("<II", data, at + 32)
        at += ENTRY
        # of a segment: hash of the xorb, flags, unpacked bytes, first chunk, chunk behind the last
        size = sum(struct.unpack_from("<I", data, at + index * ENTRY + 36)[0] for index in range(segments))
        at += segments * ENTRY * (2 if flags & VERIFIED else 1)
        if flags & WITH_SHA256:
            found[_hex(data[at : at + 32])] = XetFile(name, size)
            at += ENTRY
    return found


class XetStore:
    """One store and its index, which grows as shards arrive."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self._read: set[str] = set()
        self._files: dict[str, XetFile] = {}

    @property
    def address(self) -> str:
        return f"local://{self.root}"

    def find(self, sha256: str) -> XetFile | None:
        if sha256 not in self._files:
            for shard in (self.root / "xet" / "xorbs" / "shards").glob("*.mdb"):
                if shard.name not in self._read:
                    self._files |= files_of_shard(shard.read_bytes())
                    self._read.add(shard.name)
        return self._files.get(sha256)

    def rebuild(self, sha256: str, path: Path) -> None:
        """Puts the file together at `path`."""
        import hf_xet

        known = self.find(sha256)
        partial = path.with_suffix(".part")
        with hf_xet.XetSession().new_file_download_group(endpoint=self.address) as group:
            group.start_download_file(hf_xet.XetFileInfo(known.hash, known.size), str(partial))
        partial.replace(path)
