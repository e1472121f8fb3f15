"""Numbers as people read them."""

from __future__ import annotations


def whole(number: int) -> str:
    """``12345`` as ``12,345``."""
    return f"{number:,}"


def decimal(number: float, digits: int = 2) -> str:
    """At most `digits` decimals and no trailing zeros: ``3.50`` as ``3.5``, ``12345.0`` as ``12,345``."""
    text = _trim(f"{number:,.{digits}f}")
    return "0" if text == "-0" else text


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def coordinate(number: float) -> str:
    """A number for an SVG attribute: two decimals at most, no grouping, never ``-0``."""
    text = _trim(f"{number:.2f}")
    return "0" if text == "-0" else text


def share(part: float, total: float) -> str:
    """``part / total`` in percent, one decimal; ``<0.1 %`` rather than a false zero."""
    if not total:
        return "–"
    percent = 100 * part / total
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    return f"{_trim(f'{percent:.1f}')} %"


def size(count: float) -> str:
    """Bytes in powers of 1000, three significant digits: ``3.42 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{_short(count)} {unit}"
        count /= 1000
    return f"{_short(count)} TB"


def short(number: float) -> str:
    """Three significant digits, thousands as k and M: ``12.3k``. For the ticks of an axis."""
    if 0 < abs(number) < 1:
        return f"{number:.3g}"
    for unit in ("", "k", "M"):
        if abs(number) < 999.5:
            return f"{_short(number)}{unit}"
        number /= 1000
    return f"{_short(number)}G"


def _short(number: float) -> str:
    return _trim(f"{number:.{0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2}f}")


def duration(seconds: float) -> str:
    """``75.2`` as ``1 min 15 s``."""
    if seconds < 60:
        return f"{_trim(f'{seconds:.1f}')} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
