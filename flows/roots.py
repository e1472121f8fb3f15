"""Where a source lies: a folder, a part of an installed package, or a clinic of phantoms that is made on demand."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from medloom.flows.problem import nearest_or_all
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import SourceUse
from medloom.schemas.errors import CatalogError
from medloom.schemas.identity import digest

_PACKAGE = re.compile(r"package:([A-Za-z_]\w*)(?:/(.*))?", re.DOTALL)
_PHANTOM = re.compile(r"phantom:(\d{1,18})(?:/(.*))?", re.DOTALL)


class NoRoot(Exception):
    """Why there is no root: what was found, and what to do."""

    def __init__(self, what: str, suggestion: str) -> None:
        super().__init__(what, suggestion)
        self.what = what
        self.suggestion = suggestion


def resolve_root(use: SourceUse, card: SourceCard, catalog_dir: Path, scratch: Path) -> Path:
    """The folder of a source; a clinic of phantoms is made in `scratch`, once, whole or not at all.

    Raises CatalogError where it isn't there.
    """
    try:
        made = _phantom(use, scratch)
        root = existing_root(use, card, catalog_dir) if made is None else made
    except NoRoot as error:
        raise CatalogError(f"source {use.use!r}: {error.what} — {error.suggestion}") from None
    if root is None or not root.is_dir():
        raise CatalogError(f"source {use.use!r}: {use.path} holds no such folder")
    return root


def existing_root(use: SourceUse, card: SourceCard, catalog_dir: Path) -> Path | None:
    """The folder of a source that is there already; None for phantoms. Raises NoRoot where it isn't there."""
    how = f"give it with `--source {use.use}=PATH`" + (f" (get it: {card.get})" if card.get else "")
    if use.path is None:
        raise NoRoot(f"source {use.use!r} has no path", f"write `path:`, or {how}")
    if use.path.startswith("phantom:"):
        _phantom_parts(use.path)
        return None
    if use.path.startswith("package:"):
        return _package(use.path)
    try:
        path = (catalog_dir / Path(use.path).expanduser()).absolute()  # workers start elsewhere
    except RuntimeError:
        raise NoRoot(f"{use.path}: there is no such user here", how) from None
    if "://" in use.path:
        raise NoRoot(f"{use.path} is a URL, and sources are read from folders", f"download it, then {how}")
    if not path.is_dir():
        there = "is no folder" if path.exists() else "is not there"
        looked = "" if str(path) == use.path else f" (looked for {path})"
        raise NoRoot(f"{use.path} {there}{looked}", how)
    return path


def _package(path: str) -> Path:
    match = _PACKAGE.fullmatch(path)
    if match is None:
        raise NoRoot(f"{path!r} names no part of a package", "write package:NAME/FOLDER, package:pydicom/data say")
    name, folder = match[1], _below(path, match[2])
    # find_spec tells where a top-level package lies without running its code.
    try:
        spec = find_spec(name)
    except ValueError:  # what is running has no spec
        spec = None
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if (root := Path(place) / folder).is_dir():
            return root
    if spec is None:
        raise NoRoot(f"the package {name!r} is not installed", "install it into this environment, if that is its name")
    raise NoRoot(f"the package {name!r} holds no folder {str(folder)!r}", "look at what it holds where it is installed")


def _phantom_parts(path: str) -> tuple[int, PurePosixPath]:
    """Seed and folder, which is one that the clinic has."""
    from medloom.converters.phantom.clinic import FOLDERS

    match = _PHANTOM.fullmatch(path)
    if match is None:
        raise NoRoot(f"{path!r} names no clinic of phantoms", "write phantom:SEED/FOLDER, phantom:7/ct_msd say")
    folder = _below(path, match[2])
    ward = folder.parts[0] if folder.parts else None
    if ward is not None and ward not in FOLDERS:
        raise NoRoot(f"the clinic of phantoms has no folder {ward!r}", nearest_or_all(ward, FOLDERS))
    return int(match[1]), folder


def _below(path: str, folder: str | None) -> PurePosixPath:
    below = PurePosixPath(folder or ".")
    if below.is_absolute() or ".." in below.parts:
        raise NoRoot(f"{path!r} leads out of it", "name a folder inside")
    return below


def _phantom(use: SourceUse, scratch: Path) -> Path | None:
    if use.path is None or not use.path.startswith("phantom:"):
        return None
    seed, folder = _phantom_parts(use.path)
    return _clinic(seed, scratch) / folder


def _clinic(seed: int, scratch: Path) -> Path:
    """The clinic of that seed. A folder with its final name is whole: it got the name when all was on disk."""
    from medloom.converters.phantom.clinic import write_clinic
    from medloom.flows.store import whole_folder

    clinic = scratch / f"clinic-{seed}-{digest('clinic', _generator(), seed, size=6)}"
    if not clinic.is_dir():
        with whole_folder(clinic) as fresh:
            write_clinic(fresh, seed)
    return clinic


def _generator() -> list[tuple[str, str]]:
    """The code that draws phantoms, by name and content: another version of it makes another clinic."""
    code = sorted(files("medloom.converters.phantom").iterdir(), key=lambda file: file.name)
    return [(file.name, digest(file.read_text("utf-8"))) for file in code if file.name.endswith(".py")]
