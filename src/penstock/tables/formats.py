"""How dates and numbers are written otherwise than in ISO 8601 and with a point; from such texts to plain ones.

Own code instead of the C library's `strptime`: that one depends on the machine's language, and takes 31 February for
3 March.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_Parts = Mapping[str, "pa.Array"]

NUMBER_FORMATS = ("1,234.5", "1.234,5", "1 234,5", "1'234.5", "1234,5")
"""Ways to write a number, by example; `1234.5` needs none."""

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_DIRECTIVES = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>1[0-2]|0?[1-9])",
    "d": r"(?P<d>3[01]|[12][0-9]|0?[1-9])",
    "b": rf"(?P<b>(?i:{'|'.join(name[:3] for name in _MONTHS)}))\.?",
    "B": rf"(?P<B>(?i:{'|'.join(_MONTHS)}))",
    "H": r"(?P<H>2[0-3]|[01]?[0-9])",
    "I": r"(?P<I>1[0-2]|0?[1-9])",
    "M": r"(?P<M>[0-5][0-9])",
    "S": r"(?P<S>[0-5][0-9])",
    "f": r"(?P<f>[0-9]{1,6})",
    "p": r"(?P<p>(?i:am|pm))",
    "z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_SPACES = ("\u00a0", "\u2009", "\u202f")
"""Spaces that separate thousands in print: no-break, thin, narrow no-break."""
_PIVOT = 69
"""Two-digit years below it are of 20xx, the others of 19xx.

Source: POSIX.1-2017, strptime(), %y.
"""


def check_date_format(form: str, column: str) -> None:
    """Refuse a format that does not say a day.

    Raises:
        ValueError: It is none (author of the configuration).
    """
    used = re.findall(r"%(.?)", form)
    unknown = [f"%{letter}" for letter in used if letter not in _DIRECTIVES]
    known = " ".join(f"%{letter}" for letter in _DIRECTIVES)
    if not used or unknown:
        what = ", ".join(unknown) or "no directive"
        raise ValueError(f"the format {form!r} of {column!r} has {what}; there are {known} and {NUMBER_FORMATS}")
    letters = [letter for letter in used if letter != "%"]
    parts = (set("Yy"), set("mbB"), set("d"))
    if any(len(part & set(letters)) != 1 for part in parts) or len(letters) != len(set(letters)):
        raise ValueError(f"the format {form!r} of {column!r} must say year, month and day, each once")
    if ("I" in letters) != ("p" in letters) or {"H", "I"} <= set(letters):
        raise ValueError(f"the format {form!r} of {column!r} must say hours by %H, or by %I with %p")


def has_time(form: str) -> bool:
    """Whether a date's format says a time of the day as well."""
    return "%H" in form or "%I" in form


def iso_texts(values: pa.Array, form: str) -> pa.Array:
    """Write dates as ISO 8601: missing where a text does not have the format.

    Whether the day is in the calendar is left to who reads the outcome.

    Args:
        values: Texts, shape (n,).
        form: A format that `check_date_format` passes.

    Returns:
        Shape (n,): `2013-01-31`, or `2013-01-31T17:30:00` with fraction and zone where the format has them.

    Example:
        >>> import pyarrow
        >>> iso_texts(pyarrow.array(["3.12.2013 5:07 pm", "2013"]), "%d.%m.%Y %I:%M %p").to_pylist()
        ['2013-12-03T17:07:00', None]
    """
    import pyarrow.compute as pc

    groups = pc.extract_regex(values, date_pattern(form))
    parts = {field.name: pc.struct_field(groups, [index]) for index, field in enumerate(groups.type)}
    two = [pc.utf8_lpad(text, 2, "0") for text in (_month(parts), parts["d"])]
    day = pc.binary_join_element_wise(_year(parts), *two, "-")
    if not has_time(form):
        return day
    time = pc.binary_join_element_wise(
        *(pc.utf8_lpad(text, 2, "0") for text in (_hour(parts), *_or_zeros(parts, "M"), *_or_zeros(parts, "S"))), ":"
    )
    if "f" in parts:
        time = pc.binary_join_element_wise(time, parts["f"], ".")
    if "z" in parts:
        time = pc.binary_join_element_wise(time, parts["z"], "")
    return pc.binary_join_element_wise(day, time, "T")


def plain_numbers(values: pa.Array, form: str) -> pa.Array:
    """Write numbers with a point and without separators of thousands: missing where a text does not have the format.

    Args:
        values: Texts, shape (n,).
        form: One of `NUMBER_FORMATS`.

    Example:
        >>> import pyarrow
        >>> plain_numbers(pyarrow.array(["1.234,5", "-12", "1,234.5"]), "1.234,5").to_pylist()
        ['1234.5', '-12', None]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = pc.match_substring_regex(values, number_pattern(form))
    thousands, point = _separators(form)
    plain = pc.replace_substring(values, thousands, "") if thousands else values
    if thousands == " ":
        for space in _SPACES:
            plain = pc.replace_substring(plain, space, "")
    plain = pc.replace_substring(plain, point, ".") if point != "." else plain
    return pc.if_else(fits, plain, pa.scalar(None, pa.string()))


def number_pattern(form: str) -> str:
    """The regular expression of all numbers of a format."""
    thousands, point = _separators(form)
    gap = f"[ {''.join(_SPACES)}]" if thousands == " " else re.escape(thousands)
    groups = f"[1-9][0-9]{{0,2}}(?:{gap}[0-9]{{3}})+|" if thousands else ""
    return rf"^-?(?:{groups}0|[1-9][0-9]*)?(?:{re.escape(point)}[0-9]+)?$"


def point_of(form: str) -> str:
    """What stands before the fraction in a format of numbers."""
    return form[-2]


def date_pattern(form: str) -> str:
    """The regular expression of all dates of a format, a group for each directive."""
    pieces = re.split(r"%(.)", form)
    return "^" + "".join(_DIRECTIVES[p] if at % 2 else re.escape(p) for at, p in enumerate(pieces)) + "$"


def _separators(form: str) -> tuple[str, str]:
    """What separates thousands, or nothing, and what the fraction."""
    return ("" if form == "1234,5" else form[1]), form[-2]


def _year(parts: _Parts) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if "Y" in parts:
        return parts["Y"]
    century = pc.if_else(pc.less(pc.cast(parts["y"], pa.int64()), _PIVOT), "20", "19")
    return pc.binary_join_element_wise(century, parts["y"], "")


def _month(parts: _Parts) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if "m" in parts:
        return parts["m"]
    name = pc.utf8_slice_codeunits(pc.utf8_lower(parts.get("b", parts.get("B"))), 0, 3)
    number = pc.index_in(name, value_set=pa.array([month[:3] for month in _MONTHS]))
    return pc.cast(pc.add(number, 1), pa.string())


def _hour(parts: _Parts) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if "H" in parts:
        return parts["H"]
    number = pc.cast(parts["I"], pa.int64())
    morning = pc.if_else(pc.equal(number, 12), 0, number)
    return pc.cast(pc.add(morning, pc.if_else(pc.equal(pc.utf8_lower(parts["p"]), "pm"), 12, 0)), pa.string())


def _or_zeros(parts: _Parts, letter: str) -> list[pa.Array | str]:
    return [parts.get(letter, "00")]
