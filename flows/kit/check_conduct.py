"""How a converter behaves: its card and parameters, what it reads, writes and asks for, and what bad files do to it."""

from __future__ import annotations

from collections.abc import Iterator

from medloom.flows.kit.trial import NotHere, Trial, media_files


def card_is_whole(trial: Trial) -> Iterator[str]:
    from medloom.flows.cards import read_card
    from medloom.flows.problem import render_problems

    card = trial.fixture.card
    found = [one for one in read_card(trial.fixture.card_file).problems if one.severity == "error"]
    yield from render_problems(found).splitlines()
    for key in ("title", "licence", "citation"):
        if not getattr(card, key).strip():
            yield f"the card has no {key}"
    if "unknown" in card.licence.casefold():
        yield f"the licence is {card.licence}: nothing can be released under it"


def parameters_are_closed(trial: Trial) -> Iterator[str]:
    from pydantic import ValidationError

    from medloom.converters.registry import load_converter

    converter = load_converter(trial.fixture.converter)
    if not isinstance(converter.version, str) or not converter.version:
        yield f"version is {converter.version!r}, expected text such as '1'"
    try:
        converter.Params.model_validate({**trial.fixture.card.params, "no_such_parameter": 1})
    except ValidationError as error:
        if any(one["type"] == "extra_forbidden" for one in error.errors()):
            return
    yield "Params takes a parameter that it does not know"


def listing_reads_no_pixels(trial: Trial) -> Iterator[str]:
    grown = trial.grown
    if not grown.grown:
        raise NotHere("the fixture has no media of which the kit could tell")
    if grown.read is None:
        raise NotHere("this system does not count the bytes that a process reads")
    media = {file for one in trial.samples for file in media_files(one)}
    files = {path.relative_to(trial.root).as_posix(): path for path in trial.root.rglob("*") if path.is_file()}
    notes = sum(path.stat().st_size for file, path in files.items() if file not in media)
    allowed = 4 * notes + 2**20 * (4 + len(media))
    if grown.read > allowed:
        read, most = grown.read >> 20, allowed >> 20
        yield f"listing read {read} MB of {len(grown.grown)} media that were made big; headers take less than {most}"


def listing_stays_at_home(trial: Trial) -> Iterator[str]:
    yield from _touches(trial, ("network", "process"))


def listing_writes_nothing(trial: Trial) -> Iterator[str]:
    yield from _touches(trial, ("write",))
    for file in trial.written:
        yield f"{file} was written, changed or removed under the root"


def _touches(trial: Trial, kinds: tuple[str, ...]) -> Iterator[str]:
    seen = (trial.first, trial.second)
    found = [touch for one in seen for touch in one.touches if touch.kind in kinds]
    for touch in dict.fromkeys(found):
        yield f"{touch.event}: {touch.what.replace(str(trial.root), '<root>')}"


def bad_files_are_refused(trial: Trial) -> Iterator[str]:
    if not trial.damaged:
        raise NotHere("the fixture has no files")
    keys = {one.key for one in trial.samples}
    for damage, seen in trial.damaged:
        what = f"{damage.file} {damage.how}"
        raised = seen.raised or next((one.raised for one in seen.shown if one.raised is not None), None)
        if raised is not None:
            yield f"{what}: raised instead of refusing:\n{raised.rstrip()}"
            continue
        if seen.odd is not None:
            yield f"{what}: {seen.odd}"
        told = set(seen.refused) - set(trial.first.refused) or any(one.refused for one in seen.shown)
        if told or damage.how == "cut in half":
            continue
        if gone := sorted(keys - {one.key for one in seen.samples}):
            yield f"{what}: {len(gone)} Samples are gone in silence, {gone[0]!r} is one"
        elif any(damage.file in media_files(one) for one in seen.samples):
            yield f"{what}: nobody noticed, and a Sample shows it"
