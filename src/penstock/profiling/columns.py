"""What one column shows about itself: counts, range, repetition, and what it is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.profiling.profile import ColumnProfile, Count, Role, Value
from penstock.tables.source import ColumnType

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

LISTED_VALUES = 100
"""A column with at most so many values has them listed."""
_TOP = 10
_LOOKED_AT = 10_000
"""Texts whose words are counted."""
_FEWEST_FOR_IDS = 20
"""With fewer rows, values that are all different say nothing."""
_TEXT_WORDS = 4.0
_WITH_UNIT = r"^#\s?(?P<unit>%|[$€£¥]|[A-Za-zµ°²³/]{1,5})$|^(?P<sign>[$€£¥])\s?#$"
_ID_WORDS = frozenset({"id", "ids", "uuid", "guid", "key", "pk", "idx", "index", "identifier", "rownames", "rowid"})
_TIME_WORDS = frozenset({"year", "month", "week", "day", "date", "time", "hour", "period", "quarter"})


def profile_column(name: str, original: str, column: pa.ChunkedArray) -> ColumnProfile:
    """Measure one column.

    Args:
        name: Its safe name.
        original: What the data call it.
        column: Shape (n_rows,): string (or a dictionary of strings), int64, float64, bool, date32 or timestamp.
    """
    import pyarrow.types as is_

    rows, missing = len(column), column.null_count
    facts: dict[str, Any] = {"name": name, "original": original, "rows": rows, "missing": missing}
    if missing == rows:
        facts |= {"type": column_type(column), "distinct": 0}
    elif is_.is_string(column.type) or is_.is_dictionary(column.type):
        facts |= _of_texts(column)
    elif is_.is_boolean(column.type):
        facts |= _of_booleans(column)
    else:
        facts |= _of_numbers(column)
    return ColumnProfile(role=_role(name, facts), **facts)


def column_type(column: pa.ChunkedArray) -> ColumnType:
    """Our name of a column's type."""
    import pyarrow.types as is_

    kind = column.type
    if is_.is_boolean(kind):
        return "bool"
    if is_.is_integer(kind):
        return "int"
    if is_.is_floating(kind):
        return "float"
    if is_.is_date(kind):
        return "date"
    return "timestamp" if is_.is_timestamp(kind) else "string"


def encode(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Number a column's values in the order in which they appear.

    Returns:
        The values, and for each row the number of its own, -1 where it is missing; shape (n_rows,).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    array = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    if isinstance(array, pa.ChunkedArray):  # of no chunk at all, or of several that cannot be one
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type).dictionary_encode()
    return array.dictionary, pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)


def encode_texts(table: pa.Table) -> pa.Table:
    """The same table with every column of texts as a dictionary in one piece: `encode` then costs nothing."""
    import pyarrow as pa
    import pyarrow.types as is_

    for place, name in enumerate(table.column_names):
        if is_.is_string(table.column(place).type) or is_.is_dictionary(table.column(place).type):
            words, codes = encode(table.column(place))
            encoded = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), words)
            table = table.set_column(place, name, encoded)
    return table


def numbers_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """The values that are there as int64 or float64, moments as whole days or microseconds; shape (n_present,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type):
        column = column.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int64())
    present = column.drop_null() if column.null_count else column
    numbers: npt.NDArray[Any] = present.to_numpy()
    return numbers


def iso(number: float, kind: ColumnType) -> str:
    """A moment as `ingest` writes it.

    Example:
        >>> iso(15614, "date"), iso(1_349_064_000_000_000, "timestamp")
        ('2012-10-01', '2012-10-01T04:00:00Z')
    """
    import numpy as np

    if kind == "date":
        return str(np.datetime64(int(number), "D"))
    moment = np.datetime64(int(number), "us")
    whole = moment.astype("datetime64[s]")
    return f"{whole if whole == moment else moment}Z"


def _of_numbers(column: pa.ChunkedArray) -> dict[str, Any]:
    import numpy as np

    kind = column_type(column)
    numbers = numbers_of(column)
    values, counts = np.unique(numbers, return_counts=True)
    rises = not column.null_count and len(values) > 1 and bool((numbers[1:] >= numbers[:-1]).all())
    facts: dict[str, Any] = {"type": kind, "distinct": len(values), "rises": rises}
    if kind in ("date", "timestamp"):
        return {**facts, "least": iso(values[0], kind), "greatest": iso(values[-1], kind)}
    plain = [_plain(value) for value in (values if len(values) <= LISTED_VALUES else values[[0, -1]])]
    repeats = len(values) <= len(numbers) / 2
    return {
        **facts,
        **_moments(numbers),
        "least": plain[0],
        "greatest": plain[-1],
        "whole": kind == "int" or bool((values == np.floor(values)).all()),
        "top": _top(values, counts) if repeats else (),
        "values": tuple(plain) if len(values) <= LISTED_VALUES else (),
    }


def _moments(numbers: npt.NDArray[Any]) -> dict[str, float | None]:
    """Mean and skewness, None where they are no numbers."""
    import numpy as np

    with np.errstate(all="ignore"):  # of huge numbers the powers are infinite: then they have no skewness
        mean = numbers.mean(dtype=np.float64)
        centred = numbers - mean
        squared = centred * centred
        spread = np.sqrt(squared.mean())
        squared *= centred
        skewness = squared.mean() / spread**3 if spread else np.float64(0)
    return {
        "mean": float(mean) if np.isfinite(mean) else None,
        "skewness": round(float(skewness), 3) if np.isfinite(skewness) else None,
    }


def _of_booleans(column: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow.compute as pc

    true = pc.sum(column).as_py() or 0
    counts = {True: true, False: len(column) - column.null_count - true}
    found = sorted(value for value, rows in counts.items() if rows)
    top = sorted((Count(value=value, rows=counts[value]) for value in found), key=lambda c: -c.rows)
    return {"type": "bool", "distinct": len(found), "values": tuple(found), "top": tuple(top)}


def _of_texts(column: pa.ChunkedArray) -> dict[str, Any]:
    import numpy as np
    import pyarrow.compute as pc

    words, codes = encode(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    distinct = int(np.count_nonzero(counts))
    looked_at = words.take(np.unique(np.linspace(0, len(words) - 1, min(len(words), _LOOKED_AT)).astype(np.int64)))
    blanks = pc.count_substring_regex(pc.utf8_trim_whitespace(looked_at), r"\s+")
    few = distinct <= LISTED_VALUES
    values = sorted(word for word, rows in zip(words.to_pylist(), counts, strict=True) if rows) if few else []
    return {
        "type": "string",
        "distinct": distinct,
        "unit": _unit(looked_at),
        "mean_words": round(pc.mean(blanks).as_py() + 1, 2),
        "top": _top(words, counts) if distinct <= counts.sum() / 2 else (),
        "values": tuple(values),
    }


def _unit(words: pa.Array) -> str:
    """What stands with a number in all texts; nothing where they are no such numbers, or of several units."""
    import pyarrow.compute as pc

    if not pc.all(pc.match_substring_regex(words.slice(0, 100), "[0-9]")).as_py():
        return ""
    plain = pc.utf8_trim_whitespace(words)
    shapes = pc.unique(pc.replace_substring_regex(plain, r"[-+]?[0-9]([0-9.,' ]*[0-9])?", "#", max_replacements=1))
    found = pc.extract_regex(shapes, _WITH_UNIT)
    units = {part["unit"] or part["sign"] if part else "" for part in found.to_pylist()}
    return units.pop() if len(units) == 1 else ""


def _top(values: Any, counts: npt.NDArray[np.int64]) -> tuple[Count, ...]:
    """The commonest values; among equally common ones the first."""
    import numpy as np

    order = np.argsort(-counts, kind="stable")[:_TOP]
    return tuple(Count(value=_plain(values[int(i)]), rows=int(counts[i])) for i in order if counts[i])


def _plain(value: Any) -> Value:
    """A value as Python's own."""
    plain: Value = value.as_py() if hasattr(value, "as_py") else value.item() if hasattr(value, "item") else value
    return plain


def _role(name: str, facts: dict[str, Any]) -> Role:
    """Decide what a column is good for."""
    present, distinct = facts["rows"] - facts["missing"], facts["distinct"]
    if not distinct:
        return "empty"
    if distinct == 1 and not facts["missing"]:
        return "constant"
    if facts["type"] == "string":
        role = _role_of_text(present, distinct, facts["mean_words"])
        return "high_cardinality" if role == "identifier" and facts["unit"] else role  # amounts name no rows
    if facts["type"] == "int":
        return _role_of_integer(set(name.split("_")), facts)
    roles: dict[str, Role] = {"bool": "boolean", "date": "moment", "timestamp": "moment"}
    return roles.get(facts["type"], "number")


def _role_of_text(present: int, distinct: int, mean_words: float) -> Role:
    if mean_words >= _TEXT_WORDS and (distinct > LISTED_VALUES or distinct > present / 2):
        return "text"
    if distinct >= 0.95 * present and present >= _FEWEST_FOR_IDS:
        return "identifier"
    return "category" if distinct <= LISTED_VALUES and distinct <= present / 2 else "high_cardinality"


def _role_of_integer(words: set[str], facts: dict[str, Any]) -> Role:
    """Integers are numbers, unless they count the rows or their name says that they only name something."""
    present, distinct = facts["rows"] - facts["missing"], facts["distinct"]
    named = bool(words & _ID_WORDS)
    counts_rows = facts["greatest"] - facts["least"] == distinct - 1 and not words & _TIME_WORDS
    if distinct == present >= _FEWEST_FOR_IDS and (named or counts_rows):
        return "identifier"
    return "high_cardinality" if named and distinct > LISTED_VALUES else "number"
