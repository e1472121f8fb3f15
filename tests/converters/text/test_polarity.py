"""Polarity on sentences as reports have them: the mention stands between brackets."""

from __future__ import annotations

import pytest

from medloom.converters.text.polarity import stance

CASES = {
    "present": [
        "There is a small right [pleural effusion].", "Mild [cardiomegaly] is unchanged.",
        "[Cardiomegaly] without [pulmonary edema] is seen.", "Stable [cardiomegaly], no focal consolidation.",
        "No [pneumothorax], but a [pleural effusion] is present.|1", "No change in the [nodule] of the left lung.",
        "No significant interval change in the right [effusion].", "Calcified [granuloma] in the right upper lobe.",
        "The lungs are clear except for a [nodule] at the left base.", "Increased [opacity] at the left base.",
        "No acute disease; chronic [emphysema].", "There are degenerative changes and [scoliosis].",
        "Heart size is normal, there is mild [atelectasis] at the bases.",
        "Not only [effusion] but also consolidation.",
        "The [effusion] is no larger than before.", "[Atelectasis] at the left base due to low volumes.",
        "Large hiatal [hernia].", "Bilateral [pleural effusions], right greater than left.",
        "The [mass] measures 3.2 cm.", "Healed right [rib fracture].",
    ],
    "absent": [
        "No [pneumothorax].", "There is no [pleural effusion] or pneumothorax.",
        "No pleural effusion or [pneumothorax].",
        "Without focal [consolidation], effusion, or pneumothorax.", "Lungs are clear without [infiltrate].",
        "Negative for [pneumonia].", "The lungs are free of [consolidation].", "[Pneumothorax] is not seen.",
        "No evidence of [pneumonia], effusion or [pneumothorax].|1", "[Effusion] has resolved.",
        "There is no evidence for acute [fracture].", "No focal air space opacity to suggest a [pneumonia].",
        "Absence of [effusion].", "Neither [effusion] nor pneumothorax.", "[Edema] is absent.",
        "No acute [infiltrate] is identified.", "No visible [pneumothorax] or large pleural effusion.",
        "[Consolidation] is not identified.", "The previously seen consolidation has gone and no [effusion] is left.",
        "Interval resolution of the [effusion].",
    ],
    "uncertain": [
        "Possible [pneumonia] at the left base.", "Findings suspicious for [malignancy].",
        "[Pneumonia] cannot be excluded.", "Opacity which may represent [atelectasis].",
        "Left basilar atelectasis versus [infiltrate].", "Cannot exclude a small [effusion].",
        "Probable [granuloma] in the right apex.", "[Effusion] is suspected.",
        "Questionable [nodule] at the right apex.",
        "This could reflect [edema].", "Suggestive of [emphysema].", "A small [pneumothorax] is not entirely excluded.",
        "Likely [scarring] in the lingula.", "Concerning for [pneumonia].", "[Nodule] is possible.",
        "Appears to represent [atelectasis].", "No definite [effusion].", "Presumed [granuloma].",
        "[Metastasis] should be considered.", "Opacity, perhaps [scar].",
    ],
    "other": [
        "History of [tuberculosis].", "Status post repair of [hernia].", "If [pneumonia] is suspected, repeat.",
        "Family history of [lung cancer].", "Evaluate for [pneumothorax].", "Prior [fracture] of the rib.",
        "Known [sarcoidosis].", "r/o [pneumonia]", "Screening for [tuberculosis].", "Previously seen [effusion].",
    ],
}  # fmt: skip


def _parted(case: str) -> tuple[str, int, int]:
    text, _, which = case.partition("|")
    plain, spans, start = "", [], 0
    for letter in text:
        if letter == "[":
            start = len(plain)
        elif letter == "]":
            spans.append((start, len(plain)))
        else:
            plain += letter
    return plain, *spans[int(which or 0)]


@pytest.mark.parametrize(("expected", "case"), [(kind, case) for kind, cases in CASES.items() for case in cases])
def test_what_a_sentence_says_of_a_finding(expected: str, case: str) -> None:
    assert stance(*_parted(case)) == expected


def test_what_is_not_about_this_picture_states_nothing_of_it() -> None:
    assert stance("Chest pain and pneumonia.", 15, 24, elsewhere=True) == "other"
