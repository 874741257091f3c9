"""What the texts of a column are: numbers, dates, truth values, or texts after all; decided on every one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from penstock.tables.formats import NUMBER_FORMATS, date_pattern, has_time, iso_texts, number_pattern, point_of
from penstock.tables.source import ColumnType
from penstock.tables.values import convert, distinct, fits, infer_type

if TYPE_CHECKING:
    import pyarrow as pa

SURELY_MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null", "Null", "(null)", "\\N", "?",
)  # fmt: skip
"""Texts that mean a missing value wherever they stand."""
PERHAPS_MISSING = (
    "-", "--", "---", ".", "..", "None", "none", "NONE", "na", "nil", "missing", "Missing", "MISSING", "unknown",
    "Unknown", "#DIV/0!", "#REF!", "#VALUE!", "#NUM!",
)  # fmt: skip
"""Texts that mean one where all others in the column are numbers or dates, or where several columns have them."""
_INFINITE = r"^[-+]?(?i:inf|infinity|∞|1\.#INF)$"

_LIKE_A_NUMBER = r"^\s*[-+]?[0-9]*[.,]?[0-9]+([eE][-+]?[0-9]+)?\s*$"
_STRAYS = 0.01
_SAMPLE = 20_000
_DATES = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y",
    "%d-%b-%y", "%d/%b/%Y", "%Y-%m-%d",
)  # fmt: skip
_GAPS = (" ", "T", ", ", "  ")
_CLOCKS = (
    "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H:%M:%S %z", "%H:%M:%S%z", "%H:%M %z",
)  # fmt: skip
_LONGEST_DATE = 40
_COMPACT = "%Y%m%d"
_AT_LEAST = 10
"""So many different numbers must all be days of the calendar before they are taken for days."""


@dataclass(frozen=True)
class Guess:
    """What a column is."""

    kind: ColumnType
    form: str = ""
    """How it is written, where not plainly."""
    spellings: tuple[str, ...] = ()
    """Texts in it that may mean a missing value."""
    needed: bool = False
    """Whether it is of its kind only if they do."""
    forms: tuple[str, ...] = ()
    """Ways to read it that all its values allow, where there are several."""


def guess(column: pa.ChunkedArray) -> Guess:  # noqa: PLR0911 - one a kind
    """Say what a column of texts is.

    Args:
        column: Shape (n_rows,); empty texts are missing already.

    Example:
        >>> import pyarrow
        >>> guess(pyarrow.chunked_array([["31/12/2013", "NA"]]))
        Guess(kind='date', form='%d/%m/%Y', spellings=('NA',), needed=True, forms=())
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = distinct(column)
    kind = infer_type(values)
    if kind == "int" and _all_days(values):
        return Guess("date", _COMPACT)
    if kind != "string" or not len(values):
        return Guess(kind)
    spelled = pc.is_in(values, value_set=pa.array([*SURELY_MISSING, *PERHAPS_MISSING]))
    found = tuple(sorted(pc.unique(values.filter(spelled)).to_pylist()))
    rest = values.filter(pc.invert(spelled)) if found else values
    if found and not len(rest):
        return Guess("string", spellings=found)
    kind = infer_type(rest) if found else "string"
    if kind == "int" and _all_days(rest):
        return Guess("date", _COMPACT, found, needed=True)
    if kind != "string":
        return Guess(kind, "", found, needed=True)
    numbers = [form for form in NUMBER_FORMATS if _matches(rest, number_pattern(form))]
    if numbers:
        return _number(rest, numbers, found)
    return _date(rest, found)


def infinities(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Mark the values that mean infinity in a column that is of numbers but for them and missing values.

    Returns:
        Truth values of shape (n_rows,); none is true in a column of texts.
    """
    import pyarrow.compute as pc

    if not _mostly_numbers(column):
        return _nowhere(column)
    wild = pc.fill_null(pc.match_substring_regex(column, _INFINITE), False)
    if pc.any(wild).as_py() and guess(column.filter(pc.invert(wild))).kind in ("int", "float"):
        return wild
    return _nowhere(column)


def strays(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Mark the values that are no numbers, or no dates, in a column where nearly all others are.

    Returns:
        Truth values of shape (n_rows,); none is true where a column is one of texts, of numbers, or of dates.
    """
    import pyarrow.compute as pc

    if _mostly_numbers(column):
        odd = pc.fill_null(pc.invert(pc.match_substring_regex(column, _LIKE_A_NUMBER)), False)
    elif form := _form_of_most(column):
        odd = pc.and_(column.is_valid(), pc.invert(_is_day(column, form)))
    else:
        return _nowhere(column)
    count = pc.sum(odd).as_py() or 0
    return odd if 0 < count < _STRAYS * (len(column) - column.null_count) else _nowhere(column)


def _mostly_numbers(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    head = column.slice(0, _SAMPLE).drop_null()
    like = pc.or_(pc.match_substring_regex(head, _LIKE_A_NUMBER), pc.match_substring_regex(head, _INFINITE))
    return 2 * (pc.sum(like).as_py() or 0) > len(head)


def _form_of_most(column: pa.ChunkedArray) -> str:
    """The one way in which most values of a column are dates; empty where there is none."""
    import pyarrow.compute as pc

    head = column.slice(0, _SAMPLE).drop_null()
    some = [text for text in head.slice(0, _AT_LEAST).to_pylist() if len(text) <= _LONGEST_DATE]
    for form in dict.fromkeys(form for text in some for form in _date_forms(text)):
        if 2 * (pc.sum(_is_day(head, form)).as_py() or 0) > len(head):
            return form
    return ""


def _is_day(column: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Whether each text is a day of the calendar, written so; 31 February, which Arrow takes for 2 March, is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def one(chunk: pa.Array) -> pa.Array:
        day = pc.utf8_slice_codeunits(iso_texts(chunk, form), 0, 10)
        parsed = pc.strptime(day, format="%Y-%m-%d", unit="s", error_is_null=True)
        return pc.fill_null(pc.equal(pc.strftime(parsed, format="%Y-%m-%d"), day), False)

    return pa.chunked_array([one(chunk) for chunk in column.chunks], pa.bool_())


def _nowhere(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.repeat(False, len(column))])


def without_spellings(column: pa.ChunkedArray, spellings: Sequence[str]) -> pa.ChunkedArray:
    """Make texts missing that mean it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(column, value_set=pa.array(spellings, pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), column)


def is_json(column: pa.ChunkedArray) -> bool:
    """Whether all texts of a column are JSON objects."""
    import pyarrow.compute as pc

    values = column.drop_null()
    if not len(values) or not pc.all(pc.match_substring_regex(values, r"^\s*\{(?s:.*)\}\s*$")).as_py():
        return False
    try:
        return all(isinstance(json.loads(text), dict) for text in distinct(column).to_pylist())
    except (ValueError, RecursionError):
        return False


def _matches(values: pa.ChunkedArray, pattern: str) -> bool:
    import pyarrow.compute as pc

    return all(bool(pc.all(pc.match_substring_regex(part, pattern)).as_py()) for part in (values.slice(0, 100), values))


def _number(values: pa.ChunkedArray, forms: list[str], found: tuple[str, ...]) -> Guess:
    """Choose among ways to write a number, if they all mean the same."""
    import pyarrow.compute as pc

    plain = pc.match_substring_regex(values, r"^-?[0-9]*$")
    meanings = [convert(values, "float", "", form) for form in forms]
    if pc.all(plain).as_py() or any(not meaning.equals(meanings[0]) for meaning in meanings):
        return Guess("string", "", found, forms=() if pc.all(plain).as_py() else tuple(forms))
    whole = not pc.any(pc.match_substring(values, point_of(forms[0]))).as_py() and fits(values, "int", forms[0])
    return Guess("int" if whole else "float", forms[0], found, needed=bool(found))


def _date(values: pa.ChunkedArray, found: tuple[str, ...]) -> Guess:
    """Find the one way in which all dates are written; where there are several, the next rows could tell otherwise."""
    first = values[0].as_py()
    if len(first) > _LONGEST_DATE or not any(letter.isdigit() for letter in first):
        return Guess("string", spellings=found)
    kinds: dict[str, ColumnType] = {form: "timestamp" if has_time(form) else "date" for form in _date_forms(first)}
    head = values.slice(0, 100)
    forms = tuple(form for form, kind in kinds.items() if fits(head, kind, form) and fits(values, kind, form))
    if len({form.replace("%B", "%b") for form in forms}) != 1:  # May is both
        return Guess("string", spellings=found, forms=forms)
    return Guess(kinds[forms[0]], forms[0], found, needed=bool(found))


def _date_forms(text: str) -> list[str]:
    """The formats of dates that one text has."""
    out = []
    for date in _DATES:
        if (day := _pattern(date).match(text)) is None:
            continue
        rest = text[day.end() :]
        if not rest:
            out.append(date)
        clocks = [(gap, clock) for gap in _GAPS if rest.startswith(gap) for clock in _CLOCKS]
        out += [f"{date}{gap}{clock}" for gap, clock in clocks if _pattern(clock).fullmatch(rest[len(gap) :])]
    return out


@cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(date_pattern(form).removesuffix("$"))


def _all_days(values: pa.ChunkedArray) -> bool:
    """Whether whole numbers are days of the 20th or 21st century, written as 20130131."""
    import pyarrow.compute as pc

    if not _matches(values, r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"):
        return False
    return len(pc.unique(values)) >= _AT_LEAST and fits(values, "date", _COMPACT)
