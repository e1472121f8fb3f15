from __future__ import annotations

import msgspec

from medloom.flows.documents.notice import CHANGED, render_notice


def blocks(text):
    return text.split("-" * 78)[1:]


def test_every_source_has_its_licences_citation_and_own_notice(figures):
    text = render_notice(figures)
    assert text.startswith("Drawn clinic and blood smears 1.2.0\nReleased under CC-BY-4.0.")
    phantom, films, cells = blocks(text)
    assert "Phantom, not real data." in phantom and CHANGED not in phantom
    assert "https://example.org/chest-films" in films and "Licence: CC-BY-4.0 (156 records)" in films
    assert "<https://creativecommons.org/licenses/by/4.0/>" in films and CHANGED in films
    assert "Attribution: Author A and Author B." in films
    assert "  Copyright (c) 2017 The authors\n\n  Permission is hereby granted" in cells


def test_a_source_of_several_licences_stands_once_with_all(figures):
    row = figures.licences[1]
    other = msgspec.structs.replace(row, licence="CC-BY-SA-4.0", records=7, notice="")
    (block,) = blocks(render_notice(msgspec.structs.replace(figures, licences=(row, other))))
    assert block.count("Cite:") == 1 and "CC-BY-SA-4.0 (7 records)" in block and "CC-BY-4.0 (156 records)" in block


def test_a_licence_without_known_terms_is_still_named(figures):
    row = msgspec.structs.replace(figures.licences[1], licence="LicenseRef-Nobody-Knows", notice="")
    (block,) = blocks(render_notice(msgspec.structs.replace(figures, licences=(row,))))
    assert "Licence: LicenseRef-Nobody-Knows" in block
    assert blocks(render_notice(msgspec.structs.replace(figures, licences=()))) == []


def test_a_citation_stays_on_its_line(figures):
    row = msgspec.structs.replace(figures.licences[1], citation="A\n-----\nLicence: CC0-1.0")
    assert "Cite: A ----- Licence: CC0-1.0" in render_notice(msgspec.structs.replace(figures, licences=(row,)))
