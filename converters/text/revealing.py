"""Revealing: English words that give away what a text was made from. Patterns for Rust's and for Python's engine."""

from __future__ import annotations

REVEALS_SOURCE = (
    r"(?i)\b(?:ground[- ]truth|metadata|file ?names?|mask files?|label ?(?:map|file)s?|segmentation labels?|data ?set|"
    r"(?:as|according to|based on|per|in|from) the (?:given |provided |above |accompanying |original )?"
    r"(?:reports?|captions?|annotations?|labels?|notes?|description|findings section|impression section|context)|"
    r"the (?:given |provided |above |original )?(?:reports?|captions?|annotations?|notes?|description) "
    r"(?:says?|states?|stated|mentions?|mentioned|notes?|noted|describes?|described|indicates?|indicated|reads?|"
    r"suggests?|confirms?|lists?)|annotat(?:ed|ions?|ors?)|as an ai)\b"
)
"""English words that give away that the text was made from a report or an annotation, wherever they stand."""

SAYS_LABEL = r"(?i)(?:^|[^\"\w])(?:labels?|labell?ed (?:as|by|with)|bounding box annotation)\b"
"""The same, for what the assistant says: a prompt may well ask for labels."""
