"""Checks: what has to hold of a converter on its fixture, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medloom.flows.kit.check_bounds import boxes_inside, masks_lie_on_their_grid, pictures_are_shown, round_trips
from medloom.flows.kit.check_conduct import (
    bad_files_are_refused,
    card_is_whole,
    listing_reads_no_pixels,
    listing_stays_at_home,
    listing_writes_nothing,
    parameters_are_closed,
)
from medloom.flows.kit.check_facts import (
    files_are_there,
    names_are_the_cards,
    patients_are_stated,
    splits_are_disjoint,
    truth_is_met,
)
from medloom.flows.kit.check_items import (
    features_are_carried,
    fits_the_schema,
    keys_are_unique,
    lists_samples,
    second_run_is_the_same,
)
from medloom.flows.kit.trial import Trial


@dataclass(frozen=True)
class Check:
    """One check: `faults` yields what is wrong with a trial, `advice` says what to do about it.

    `faults` raises NotHere where the fixture has nothing to look at; a Note among the faults fails nothing.
    """

    name: str
    claim: str
    advice: str
    faults: Callable[[Trial], Iterator[str]]


CHECKS = (
    Check("card", "the card is whole: licence, citation, labels of the vocabulary",
          "mend the source card; docs/catalogs.md explains its keys", card_is_whole),
    Check("parameters", "unknown parameters are refused, and there is a version",
          "let Params inherit from medloom.converters.base.Params", parameters_are_closed),
    Check("samples", "the fixture is listed, and nothing is raised",
          "raise BadInput where one input can't be used, and yield refused(unit, bad) for it", lists_samples),
    Check("schema", "every item is a Sample or a Refusal of the schema, and refers to its own media",
          "see medloom.schemas.sample for the types; tuples, not lists", fits_the_schema),
    Check("keys", "keys are unique", "take the path under the root, or the source's own id, as the key",
          keys_are_unique),
    Check("stable", "a second run elsewhere gives the same Samples in the same order",
          "sort every listing of a folder, and take nothing from absolute paths, times, sets or hash()",
          second_run_is_the_same),
    Check("features", "gives() says what Samples carry", "make gives() return those features", features_are_carried),
    Check("labels", "every name maps to a concept of the card, or to null",
          "add the names to the card's labels; values of masks are named one by one", names_are_the_cards),
    Check("patients", "patients are those of the card's rule",
          "use card.patient_of(key, path, row), and mend the card's `patient`", patients_are_stated),
    Check("splits", "no patient, study or file is in two splits",
          "read the published split; where the source itself tears patients apart, state None", splits_are_disjoint),
    Check("files", "files and pointers lead to files under the root",
          "make paths relative to the root, with forward slashes", files_are_there),
    Check("boxes", "boxes lie inside their pictures", "boxes are half-open xyxy in native pixels, origin top-left",
          boxes_inside),
    Check("masks", "masks lie on the grid of their picture or volume",
          "pair each medium with its own mask; `resample` is for masks on another grid by design",
          masks_lie_on_their_grid),
    Check("pictures", "pictures can be made of the Samples", "look at the file named with its own tools",
          pictures_are_shown),
    Check("affine", "pixels lead to the patient and back", "refer to the volume's own file, unchanged", round_trips),
    Check("lazy", "listing reads no pixels", "refer to files, and read headers at most", listing_reads_no_pixels),
    Check("offline", "no network, and no other process",
          "read files under the root only; downloads are the card's `get`, in words", listing_stays_at_home),
    Check("read-only", "nothing is written outside scratch", "keep what you need in memory", listing_writes_nothing),
    Check("bad files", "a bad file is refused, never raised and never silent",
          "catch what the reader raises and yield refused(unit, BadInput(reason, detail, file))",
          bad_files_are_refused),
    Check("truth", "Samples are what truth.yaml states", "mend the converter, or truth.yaml where it is wrong",
          truth_is_met),
)  # fmt: skip
"""In the order in which they are told."""
