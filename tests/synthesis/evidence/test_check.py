"""What a small model once got past the evidence check."""

from __future__ import annotations

import pytest

from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.ground import of_text

GRANULOMATA = "Calcified granulomata are present in the right middle lobe and are unchanged."
NO_PROCESS = "No acute cardiopulmonary process."
FUSION = "Previous cervical fusion. Lungs are clear."
TWO = "There is no lung nodule. There is cardiomegaly."


@pytest.mark.parametrize(
    ("notes", "said", "kinds"),
    [
        (GRANULOMATA, "Calcified granulomata are present in the right middle lobe and are unchanged.", set()),
        (GRANULOMATA, "Calcified granulomata are present in the right middle lobe. These are unchanged.", set()),
        (GRANULOMATA, "In the right middle lobe are calcified granulomata, which are unchanged.", set()),
        (GRANULOMATA, "Calcified granulomata are present in the right middle lobe.", {"mark_lost"}),
        (GRANULOMATA, "The right middle lobe are unchanged calcified granulomata.", {"format"}),
        (NO_PROCESS, "There is no acute cardiopulmonary process.", set()),
        (NO_PROCESS, "There is no process. There is no acute cardiopulmonary process.", {"polarity", "added"}),
        (NO_PROCESS, "No acute cardiopulmonary process. No radiopaemiology.", {"added"}),
        (FUSION, "The previous cervical fusion is seen. The lungs are clear.", set()),
        (FUSION, "The previous cervical fusion has been a success. The lungs are clear.", {"added"}),
        (TWO, "Cardiomegaly is seen. No lung nodule is seen.", set()),
        (TWO, "There is no lung nodule. There is cardiomegaly. No lung nodule", {"format"}),
        (TWO, "There is no lung nodule. There is cardiomegaly.},{", {"format"}),
    ],
)
def test_a_rewritten_report_says_the_same(notes: str, said: str, kinds: set[str]) -> None:
    found = {fault.kind for fault in faults(said, Wanted(of_text(notes), of_text=True))}
    assert (found & kinds) if kinds else not found, found


def test_a_process_of_a_bone_is_no_finding() -> None:
    assert not faults("The spinous process is intact.", Wanted(of_text("The spinous process is intact.")))
