"""Values as people read them. Pure; the same words and the same digits on every page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

DASH = "\N{EN DASH}"
"""Stands for what is not known."""
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, thousands apart.

    Example:
        >>> number(0.70351334), number(84292), number(1234567.8), number(2.5e-7)
        ('0.7035', '84,292', '1,234,568', '2.5e-07')
    """
    if value is None or not math.isfinite(value):
        return DASH if value is None else str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}"


def signed(value: float | None, digits: int = 3) -> str:
    r"""A difference with its sign, the minus as typographers write it.

    Example:
        >>> signed(0.00235), signed(0), signed(-0.5).replace("\N{MINUS SIGN}", "-")
        ('+0.00235', '0', '-0.5')
    """
    if value is None or value == 0:
        return DASH if value is None else "0"
    return ("+" if value > 0 else _MINUS) + number(abs(value), digits)


def percent(share: float | None) -> str:
    """A share in percent; what is not nothing is never shown as nothing.

    Example:
        >>> percent(0), percent(0.25), percent(0.00001), percent(1), percent(0.99999)
        ('0%', '25%', '<0.01%', '100%', '>99.99%')
    """
    if share is None:
        return DASH
    if 0 < share < 0.0001:
        return "<0.01%"
    if 0.9999 < share < 1:
        return ">99.99%"
    return f"{100 * share:.4g}%" if share >= 0.1 else f"{100 * share:.3g}%"


def duration(seconds: float | None) -> str:
    """A span of time.

    Example:
        >>> duration(0.031), duration(9.87), duration(75), duration(3725)
        ('0.03 s', '9.9 s', '1 min 15 s', '1 h 2 min')
    """
    if seconds is None:
        return DASH
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int | None) -> str:
    """Bytes, in decimal units.

    Example:
        >>> size(900), size(1_234_567), size(5_400_000_000)
        ('900 B', '1.2 MB', '5.4 GB')
    """
    if count is None:
        return DASH
    amount, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, bigger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def digest(text: str) -> str:
    """The first twelve hex digits of a digest.

    Example:
        >>> digest("sha256:0123456789abcdef")
        '0123456789ab'
    """
    return text.removeprefix("sha256:")[:12]


def value(thing: Any) -> str:
    """Any value of a parameter, in one line.

    Example:
        >>> value(True), value(0.1), value(["a", 1]), value("")
        ('true', '0.1', '["a", 1]', '""')
    """
    if thing is None:
        return DASH
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, int | float):
        return number(thing, 6)
    if isinstance(thing, str):
        return digest(thing) if thing.startswith("sha256:") else thing or '""'
    return json.dumps(thing, ensure_ascii=False, sort_keys=isinstance(thing, Mapping), default=str)


def words(name: str) -> str:
    """A name of the code as a heading.

    Example:
        >>> words("binary_crossentropy"), words("auc")
        ('Binary crossentropy', 'AUC')
    """
    known = _KNOWN.get(name)
    text = name.replace("_", " ")
    return known or text[:1].upper() + text[1:]


_KNOWN = {
    "auc": "AUC",
    "auc_precision_recall": "AUC of precision and recall",
    "rmse": "RMSE",
    "r2": "R²",
    "id": "ID",
    "jensen_shannon_divergence": "Jensen-Shannon divergence",
    "l_infty": "L∞ distance",
}
