"""Values and their few, fixed types: string, int64, float64, bool, date32, timestamp[us, UTC].

A value that does not fit is an error that names its line; it never becomes a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.formats import NUMBER_FORMATS, has_time, iso_texts, plain_numbers
from penstock.tables.source import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

Locate = Callable[[int], str]
"""Tells a person where a row is: `line 17`, of such a file."""

_INTEGER = r"^-?(0|[1-9][0-9]{0,18})$"
_FLOAT = r"^-?(0|[1-9][0-9]{0,14})?(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
_BOOL = r"^([Tt]rue|[Ff]alse|TRUE|FALSE)$"
_EXAMPLE_LETTERS = 40
_HEAD = 20_000
_FEW = 0.3


def arrow_type(name: ColumnType) -> pa.DataType:
    """The Arrow type of one of our type names."""
    import pyarrow as pa

    types = {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "date": pa.date32()}
    return types.get(name) or pa.timestamp("us", tz="UTC")


def name_of(kind: pa.DataType) -> ColumnType:
    """Our name of one of the Arrow types that a column may have."""
    import pyarrow as pa

    names: dict[str, ColumnType] = {"int64": "int", "double": "float", "bool": "bool", "date32[day]": "date"}
    return "timestamp" if pa.types.is_timestamp(kind) else names.get(str(kind), "string")


def plain_type(kind: pa.DataType, where: str) -> pa.DataType:
    """The one of our types that an Arrow type becomes.

    Raises:
        BadInput: It holds several values a row (author of the configuration).
    """
    import pyarrow as pa
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return plain_type(kind.value_type, where)
    if is_.is_binary(kind) or is_.is_large_binary(kind):
        kind = pa.string()  # so some writers of Parquet store texts
    if is_.is_null(kind) or is_.is_string(kind) or is_.is_large_string(kind) or is_.is_time(kind):
        return pa.string()
    if is_.is_integer(kind):
        return pa.int64()
    if is_.is_floating(kind) or is_.is_decimal(kind):
        return pa.float64()
    if is_.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if is_.is_boolean(kind) or is_.is_date(kind):
        return pa.bool_() if is_.is_boolean(kind) else pa.date32()
    raise BadInput(f"{where}: values of type {kind} are not one value a row", "Leave the column out")


def infer_type(values: pa.Array) -> ColumnType:
    """Find the narrowest type that holds all values of a column unchanged.

    Example:
        >>> import pyarrow
        >>> infer_type(pyarrow.array(["1", "2", None])), infer_type(pyarrow.array(["1", "02"]))
        ('int', 'string')
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.drop_null()
    if not len(values):
        return "string"
    patterns: Mapping[ColumnType, str] = {
        "int": _INTEGER,
        "float": _FLOAT,
        "bool": _BOOL,
        "date": _DATE,
        "timestamp": _TIMESTAMP,
    }
    whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    head = whole.slice(0, 100)
    for name, pattern in patterns.items():
        if all(pc.all(pc.match_substring_regex(part, pattern)).as_py() for part in (head, whole)) and fits(whole, name):
            return name
    return "string"


def distinct(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of a column without the missing, each once where that makes them far fewer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.drop_null()
    head = values.slice(0, _HEAD)
    if len(pc.unique(head)) > _FEW * len(head):
        return values
    return pa.chunked_array([pc.unique(values)])


def convert(
    column: pa.ChunkedArray, name: ColumnType, where: str, form: str = "", locate: Locate | None = None
) -> pa.ChunkedArray:
    """Cast a column; a value that does not fit is an error, never a missing value.

    Args:
        column: Shape (n_rows,).
        name: The type it gets.
        where: Names the column in messages.
        form: How its texts are written, where they are not ISO 8601 or plain numbers.
        locate: Says where a row is; its number is told without.

    Raises:
        BadInput: A value does not fit (author of the configuration, or of the data).
    """
    import pyarrow as pa

    try:
        return _cast(column, name, form)
    except pa.ArrowNotImplementedError as error:
        raise BadInput(f"{where} does not fit type {name!r}: {error}") from None
    except pa.ArrowInvalid:
        row = _first_misfit(column, name, form)
        if fits(column.slice(row, 1), name, form):  # each for itself, but not together
            raise BadInput(f"{where} does not fit type {name!r}: some of its times have a zone, some none") from None
        text = str(column[row].as_py())
        shown = repr(text if len(text) <= _EXAMPLE_LETTERS else text[:_EXAMPLE_LETTERS] + "...")
        at = locate(row) if locate else f"row {row + 1:,}"
        kind = f"{name!r}, written as {form!r}" if form else repr(name)
        hint = "" if form or name in ("string", "bool") else "If that is how they are written, say so in 'formats'"
        raise BadInput(f"{where} does not fit type {kind}: {at} has {shown}", hint) from None


def fits(column: pa.ChunkedArray, name: ColumnType, form: str = "") -> bool:
    """Whether every value of a column can be of a type."""
    import pyarrow as pa

    try:
        _cast(column, name, form)
    except pa.ArrowInvalid:
        return False
    return True


def _cast(column: pa.ChunkedArray, name: ColumnType, form: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(name)
    if form and pa.types.is_string(column.type):
        column = _plain_texts(column, name, form)
    if name == "timestamp" and pa.types.is_string(column.type):
        try:
            return pc.cast(column, target)
        except pa.ArrowInvalid:  # no zone in the text: UTC
            return pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC")
    if name == "date" and pa.types.is_string(column.type):
        return pc.cast(pc.cast(column, pa.timestamp("s")), target)
    if name == "timestamp" and pa.types.is_timestamp(column.type) and column.type.tz is None:
        return pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC")
    return pc.cast(column, target)


def _plain_texts(column: pa.ChunkedArray, name: ColumnType, form: str) -> pa.ChunkedArray:
    """Rewrite each distinct text once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column.dictionary_encode().combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else pa.concat_arrays(encoded.chunks)
    words = encoded.dictionary
    plain = plain_numbers(words, form) if form in NUMBER_FORMATS else iso_texts(words, form)
    if plain.null_count:
        raise pa.ArrowInvalid(f"not written as {form}")
    if name == "date" and form not in NUMBER_FORMATS and has_time(form):
        plain = pc.utf8_slice_codeunits(plain, 0, 10)
    return pa.chunked_array([plain.take(encoded.indices)])


def _first_misfit(column: pa.ChunkedArray, name: ColumnType, form: str) -> int:
    """Find the first row that cannot be cast, by halves."""
    import pyarrow as pa

    low, high = 0, len(column)  # it is in [low, high)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _cast(column.slice(low, middle - low), name, form)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low
