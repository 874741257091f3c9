"""What each declared derivation does, on whole Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.ingest.declare import (
    Cast,
    Concat,
    DateOf,
    Derivation,
    Difference,
    GreaterThan,
    IsIn,
    IsMissing,
    MinutesOfHhmm,
    PositionIn,
    TimePart,
    inputs_of,
)
from penstock.sdk import BadInput
from penstock.tables.values import convert

if TYPE_CHECKING:
    import pyarrow as pa


def derive_column(name: str, derivation: Derivation, table: pa.Table) -> pa.ChunkedArray:
    """Compute one derived column of shape (n_rows,).

    Raises:
        BadInput: A column has a type, or a value, that the operation cannot take (author of the configuration).
    """
    import pyarrow as pa

    where = f"derived column {name!r}"
    columns = [table.column(column) for column in inputs_of(derivation)]
    try:
        return _compute(derivation, columns, where)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        kinds = ", ".join(f"{n} is {c.type}" for n, c in zip(inputs_of(derivation), columns, strict=True))
        raise BadInput(f"{where}: {derivation.op} does not work here ({kinds}): {error}") from None


def _compute(  # noqa: PLR0911 - one a derivation
    derivation: Derivation, columns: list[pa.ChunkedArray], where: str
) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    first = columns[0]
    match derivation:
        case GreaterThan():
            flag = pc.cast(pc.greater(first, derivation.value), pa.int64())
            return flag if derivation.if_missing is None else pc.fill_null(flag, derivation.if_missing)
        case IsIn():
            flag = pc.is_in(first, value_set=pa.array(derivation.values).cast(first.type))
            return pc.if_else(pc.is_valid(first), pc.cast(flag, pa.int64()), pa.scalar(None, pa.int64()))
        case PositionIn():
            return pc.cast(pc.index_in(first, value_set=pa.array(derivation.values).cast(first.type)), pa.int64())
        case IsMissing():
            return pc.cast(pc.is_null(first), pa.int64())
        case MinutesOfHhmm():
            return _minutes(first, where)
        case DateOf():
            return _date(columns, where)
        case TimePart():
            return _part(first, derivation)
        case Cast():
            return convert(first, derivation.to, where)
        case Difference():
            if pa.types.is_date(first.type) or pa.types.is_timestamp(first.type):
                return pc.divide(pc.cast(_microseconds(pc.subtract(*map(_instant, columns))), pa.float64()), 1e6)
            return pc.subtract(*columns)
        case Concat():
            texts = [pc.cast(column, pa.string()) for column in columns]
            return pc.binary_join_element_wise(*texts, derivation.separator)


def _minutes(clock: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    number = pc.cast(clock, pa.int64())
    hours = pc.divide(number, 100)
    minutes = pc.subtract(number, pc.multiply(hours, 100))
    total = pc.add(pc.multiply(hours, 60), minutes)
    wrong = pc.or_(pc.or_(pc.less(number, 0), pc.greater(minutes, 59)), pc.greater(total, 1440))
    if pc.any(wrong).as_py():
        example = number.filter(wrong)[0].as_py()
        raise BadInput(f"{where}: {pc.sum(wrong).as_py():,} values are no clock time as hhmm, such as {example}")
    return total


def _date(parts: list[pa.ChunkedArray], where: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    year, month, day = (pc.cast(part, pa.string()) for part in parts)
    padded = [pc.utf8_lpad(text, width, "0") for text, width in ((year, 4), (month, 2), (day, 2))]
    try:
        return pc.cast(pc.cast(pc.binary_join_element_wise(*padded, "-"), pa.timestamp("s")), pa.date32())
    except pa.ArrowInvalid as error:
        raise BadInput(f"{where}: not a date: {error}") from None


def _part(moment: pa.ChunkedArray, derivation: TimePart) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if derivation.timezone:
        moment = pc.cast(_instant(moment), pa.timestamp("us", tz=derivation.timezone))
    functions = {"weekday": pc.day_of_week, "day_of_year": pc.day_of_year}
    return pc.cast(functions.get(derivation.part, getattr(pc, derivation.part, None))(moment), pa.int64())


def _instant(moment: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(moment.type):
        return pc.assume_timezone(pc.cast(moment, pa.timestamp("us")), "UTC")
    return moment


def _microseconds(duration: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.cast(duration, pa.duration("us")), pa.int64())
