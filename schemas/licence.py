"""Licence algebra: what may go into a corpus that is released under one licence, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from medloom.schemas.errors import MedloomError
from medloom.schemas.licence_table import INTERNAL, LICENCES, Licence

if TYPE_CHECKING:
    from medloom.schemas.card import SourceCard

Audience = Literal["public", "gated", "private"]
_BY_FOLDED = {key.casefold(): row for key, row in LICENCES.items()}


class LicenceError(MedloomError):
    """Not an SPDX expression, or a licence whose terms are not known."""


@dataclass(frozen=True)
class Grant:
    """What one source allows.

    `licence` covers the whole source; where pictures are licensed one by one, it covers the annotations and
    `per_sample` are the licences that occur. All are SPDX expressions.
    """

    licence: str
    per_sample: tuple[str, ...] = ()
    access: Literal["open", "registration", "credentialed"] = "open"
    redistribute: Literal["bytes", "text", "index"] = "bytes"

    @classmethod
    def of(cls, card: SourceCard) -> Grant:
        per_sample = tuple(sorted(set(card.licences.values())))
        return cls(card.licence, per_sample, card.access, card.redistribute)


@dataclass(frozen=True)
class Conflict:
    """Why nothing of `source`, which comes under `licence`, may go into the corpus."""

    source: str
    licence: str
    reason: str


def combine(inputs: Mapping[str, Grant], release: str, to: Audience) -> list[Conflict]:
    """Conflicts of a corpus made of `inputs` and released under `release`; none where it may be released so.

    Sources stand alone: adding one never removes the conflict of another. Where only some of a source's pictures may
    be used there is no conflict; the others are refused one by one by `releasable`.
    """
    fault = release_fault(release, to)
    return [
        Conflict(source, grant.licence, reason)
        for source, grant in inputs.items()
        if (reason := fault or _hindrance(grant, release, to)) is not None
    ]


def _hindrance(grant: Grant, release: str, to: Audience) -> str | None:
    if to != "private" and grant.access == "credentialed":
        return f"access to it is credentialed, so it may not reach a {to} corpus, only a private one"
    reason = releasable(grant.licence, release)
    if reason is None and grant.per_sample:
        reasons = [releasable(licence, release) for licence in grant.per_sample]
        if None not in reasons:
            return "no licence of its pictures allows it: " + "; ".join(reason for reason in reasons if reason)
    return reason


@lru_cache(maxsize=4096)
def releasable(licence: str, release: str) -> str | None:
    """Why data under `licence` may not be released, changed, under `release`; None where it may.

    `licence` is an SPDX expression: of an OR one side suffices, of an AND every side must allow it.
    """
    target = _one(release)
    if target is None:
        return f"what {release!r} asks for is not known"
    if (exact := LICENCES.get(licence)) is not None:
        return _obstacle(exact, target)
    try:
        return _walk(_parsed(licence), target)
    except LicenceError as error:
        return str(error)


def release_fault(release: str, to: Audience) -> str | None:
    """Why a corpus can't be released under `release` to that audience, whatever goes into it."""
    target = _one(release)
    if target is None:
        return licence_fault(release) or f"a release has one licence, and {release!r} is an expression of several"
    if not target.redistribute and to != "private":
        return f"what is under {target.id} may not be passed on: release to private, not to {to}"
    return None


def licence_fault(licence: str) -> str | None:
    """What is wrong with the words of a licence expression; None where every part of it is known."""
    try:
        unknown = [_unknown(key) for key in licence_ids(licence) if known(key) is None]
    except LicenceError as error:
        return str(error)
    return "; ".join(unknown) or None


def known(key: str) -> Licence | None:
    """The row of one licence id, in any case of letters; None where medloom doesn't know its terms."""
    return _BY_FOLDED.get(key.casefold())


def _one(licence: str) -> Licence | None:
    """The row of an expression that is a single licence."""
    if (exact := known(licence)) is not None:
        return exact
    try:
        rows = [known(key) for key in licence_ids(licence)]
    except LicenceError:
        return None
    return rows[0] if len(rows) == 1 else None


def licence_ids(licence: str) -> tuple[str, ...]:
    """The licence ids in an expression, sorted. Raises LicenceError where it is no SPDX expression."""
    return tuple(sorted(set(_leaves(_parsed(licence)))))


def strictest(licences: Iterable[str]) -> str | None:
    """The licence, among those named, under which everything may be released; None where they don't go together.

    Of equals the newest wins, and an SPDX id over a LicenseRef.
    """
    named = sorted(set(licences))
    keys = {row.id for licence in named if licence_fault(licence) is None for row in _rows(licence)}
    fit = [key for key in keys if all(releasable(licence, key) is None for licence in named)]
    return max(fit, key=lambda key: (not key.startswith("LicenseRef-"), key), default=None)


def _rows(licence: str) -> list[Licence]:
    return [row for key in licence_ids(licence) if (row := known(key)) is not None]


def _obstacle(one: Licence, release: Licence) -> str | None:
    if one.no_derivatives and not (release.id == INTERNAL and one.adaptable):
        return f"{one.id} allows no derivatives, and every record is one"
    if release.id == INTERNAL or release.id == one.id:
        return None
    if not one.redistribute:
        return f"{one.id} allows no passing on, only a private release under {one.id} or {INTERNAL}"
    if one.share_alike and release.id not in one.heirs:
        return f"{one.id} is share-alike: what is made from it may be released under {' or '.join(one.heirs)} only"
    if one.non_commercial and not release.non_commercial:
        return f"{one.id} is non-commercial and {release.id} is not"
    if one.attribution and not release.attribution:
        return f"{one.id} asks for attribution and {release.id} does not"
    if one.notice and not (release.notice or release.attribution):
        return f"{one.id} asks that its notice be kept and {release.id} does not"
    return None


def _walk(node: Any, release: Licence) -> str | None:
    if (children := _children(node)) is None:
        key = _leaf_id(node)
        row = known(key)
        return _unknown(key) if row is None else _obstacle(row, release)
    reasons = [_walk(child, release) for child in children]
    found = [reason for reason in reasons if reason is not None]
    if not found or (node.operator.strip() == "OR" and len(found) < len(reasons)):
        return None
    return "; ".join(dict.fromkeys(found))


def _children(node: Any) -> tuple[Any, ...] | None:
    return None if node.isliteral else node.args


def _leaves(node: Any) -> Iterator[str]:
    children = _children(node)
    if children is None:
        yield _leaf_id(node)
    else:
        for child in children:
            yield from _leaves(child)


def _leaf_id(node: Any) -> str:
    # An exception (GPL-2.0-only WITH ...) only ever grants more than its licence.
    return str(getattr(node, "license_symbol", node).key)


@lru_cache(maxsize=4096)
def _parsed(licence: str) -> Any:
    from license_expression import ExpressionError

    try:
        parsed = _licensing().parse(licence)
    except (ExpressionError, AttributeError, TypeError) as error:
        raise LicenceError(f"{licence!r} is no SPDX expression: {error}") from None
    if parsed is None:
        raise LicenceError("no licence is stated")
    return parsed


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def _unknown(key: str) -> str:
    """What to do next about an id without a row."""
    folded = key.casefold()
    if folded.startswith("licenseref-"):
        return f"nobody knows what {key} allows: ask the owner of the source, then put the licence into its card"
    if any(symbol.casefold() == folded for symbol in _licensing().known_symbols):
        return f"the terms of {key} are not in schemas/licence_table.py yet: add its row"
    near = get_close_matches("-".join(folded.split()), _BY_FOLDED, 1)
    hint = f"did you mean {_BY_FOLDED[near[0]].id}?" if near else "see the SPDX licence list, or write LicenseRef-NAME"
    return f"{key!r} is no SPDX licence id: {hint}"
