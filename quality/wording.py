"""Wording: regular expressions (Rust syntax) of what no published text may carry."""

from __future__ import annotations

FORBIDDEN = {
    # UTF-8 that was read as Latin-1 or Windows-1252, and characters that some decoder gave up on.
    "mojibake": r"[ÃÂ][\x{80}-\x{bf}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â[\x{80}-\x{9f}€]|ðŸ|ï»¿|\x{fffd}",
    # Controls, bidirectional overrides, zero-width characters but the joiners that Persian and Hindi are spelt with.
    "non_printing": r"[\x{00}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}\x{7f}-\x{9f}\x{ad}\x{200b}\x{200e}\x{200f}"
    r"\x{202a}-\x{202e}\x{2028}\x{2029}\x{2060}-\x{2064}\x{feff}\x{e000}-\x{f8ff}]",
    "html": r"(?i)</?(?:p|br|hr|div|span|b|i|u|em|strong|font|ul|ol|li|table|tbody|thead|t[dhr]|a|img|su[bp]|h[1-6]|"
    r"script|style)(?:\s[^<>]*)?/?>|&(?:amp|lt|gt|nbsp|quot|apos|#\d+|#x[0-9a-f]+);",
    # Slots that nobody filled, and what Python prints of nothing: "None" only inside of a sentence.
    "template_residue": r"\{\{|\}\}|\{%|\{[A-Za-z_][A-Za-z0-9_.]*\}|<(?:slot|placeholder|todo)\b|"
    r"\b(?:TODO|FIXME|XXX|nan|NaN|nil value)\b|[a-z,(\[] None\b|<[a-z_.]+ object at 0x|[a-z]  +[a-z]",
    # Names of files and folders; keys of JSON and special tokens stand in quotes or brackets.
    "raw_name": r"(?:^|[^\w\"<|/\\])[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*[A-Za-z0-9]\b|"
    r"(?i:\b[\w-]+\.(?:png|jpe?g|tiff?|bmp|webp|gif|dcm|nii(?:\.gz)?|mha|mhd|nrrd|csv|tsv|json|xml|txt|npy|h5)\b)|"
    r"\b[A-Za-z]:\\|(?:^|\s)/[a-z]+/",
}
"""Reason: pattern, in the order of being asked; held against everything that a record says, in any language."""

BOILERPLATE = (
    r"(?i)\b(?:i hope this helps|feel free to|please (?:consult|note that|let me know)|"
    r"it is (?:important|worth) (?:to note|noting)|as a language model|i(?:'m| am) (?:sorry|not able|unable)|"
    r"(?:consult|speak (?:to|with)|seek advice (?:of|from)) (?:a|your) (?:qualified |healthcare |medical )*"
    r"(?:professional|doctor|physician|provider|radiologist)|"
    r"clinical correlation is (?:recommended|advised|suggested)|sure[,!] here|certainly[,!]|of course[,!])"
)
"""English that says nothing of any picture, in what the assistant says."""

GIVES_AWAY = (
    r"(?i)\b(?:contradict(?:s|ed|ing|ion|ions|ory)?|hallucinat\w*|incorrect(?:ly)?|rejected|"
    r"original (?:findings?|reports?|answers?|captions?|descriptions?|texts?)|ground[- ]truth|"
    r"(?:wrong|right|correct|false|true|chosen|preferred|dispreferred) (?:answer|response|option|statement)|"
    r"(?:made[- ]up|fabricated|fictitious|deliberately|intentionally|plausible but|as an ai))\b"
)
"""English that speaks of a preference's answer instead of the picture, after what MMedPO's rejected answers say."""
