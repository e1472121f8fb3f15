"""Text of strangers, made fit to be shown: no control characters, no reordering, no lone surrogates."""

from __future__ import annotations

import re

# C0 and C1 controls except tab and line feed; bidirectional overrides and isolates (Unicode TR 36); surrogates that
# `os.fsdecode` makes of bytes that are not UTF-8; non-characters that XML and HTML forbid.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def plain_text(text: str, limit: int | None = None) -> str:
    """`text` with what can't be shown replaced by U+FFFD, cut to `limit` characters with an ellipsis."""
    shown = _UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n"))
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1].rstrip() + "…"
