"""What is a word, and what a model has made up."""

from __future__ import annotations

import pytest

from medloom.synthesis.evidence.words import coined, words_in


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("There is cardiomegaly without pneumothoraces.", "", []),
        ("Radiopaemiology of the hyperfoamed lung.", "", ["hyperfoamed", "radiopaemiology"]),
        ("The lungs are hyperexpandedly clear.", "Hyperexpandedly clear lungs.", []),
        ("Obv. XR of pt wnl.", "", []),
    ],
)
def test_words_are_known_given_or_made_up(text: str, given: str, found: list[str]) -> None:
    assert list(coined(text, words_in(given))) == found
