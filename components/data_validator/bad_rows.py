"""Which rows are bad: TFDV says that a feature has bad values, here they are found, on whole Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.data_validator.spec import RowRule
from components.data_validator.statistics import string_domain
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import schema_pb2

_COMPARISONS = {
    "less_than": "less",
    "at_most": "less_equal",
    "equal_to": "equal",
    "different_from": "not_equal",
    "at_least": "greater_equal",
    "greater_than": "greater",
}


@dataclass(frozen=True)
class BadRows:
    """The rows that break one rule."""

    feature: str
    rule: str
    text: str
    mask: npt.NDArray[np.bool_]
    """Shape (n_rows,), True for a row that breaks it."""

    @property
    def count(self) -> int:
        """How many rows."""
        return int(self.mask.sum())


def rows_against_schema(table: pa.Table, feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[BadRows]:
    """Find the rows whose value of a feature the schema forbids.

    Args:
        table: The rows.
        feature: The feature as the schema has it; a column of the table.
        schema: The schema, for its shared domains.

    Returns:
        One entry for each rule that some row breaks. A share of values outside a domain of strings that the schema
        bears (`min_domain_mass`) is not broken.
    """
    import pyarrow.compute as pc

    column = table.column(feature.name)
    present = len(column) - column.null_count
    found = []
    if feature.presence.min_fraction == 1.0:
        found.append(("feature_type_low_fraction_present", "the value is missing", pc.is_null(column)))
    domain = string_domain(feature, schema)
    if domain is not None:
        outside = _outside(column, domain)
        mass = feature.distribution_constraints.min_domain_mass  # 1.0 where nothing is said
        if present and pc.sum(outside).as_py() / present > 1 - mass:
            words = pc.unique(column.filter(outside)).to_pylist()
            shown = ", ".join(repr(word) for word in words[:5]) + (", ..." if len(words) > 5 else "")
            found.append(("enum_type_unexpected_string_values", f"not in the domain: {shown}", outside))
    found += _outside_range(column, feature)
    masks = [BadRows(feature.name, rule, text, _mask(mask)) for rule, text, mask in found]
    return [bad for bad in masks if bad.count]


def rows_against_rule(table: pa.Table, name: str, rule: RowRule) -> BadRows:
    """Find the rows that break a rule of the configuration; a row that lacks a value breaks none.

    Raises:
        BadInput: The rule names a column that is not there, or that is not a number (author of the configuration).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in filter(None, (rule.column, rule.other)):
        if column not in table.column_names:
            raise BadInput(f"rules.{name}: no column {column!r}", f"There are {', '.join(table.column_names)}")
    left = table.column(rule.column)
    right = table.column(rule.other) if rule.other else rule.value
    try:
        kept = getattr(pc, _COMPARISONS[rule.must_be])(left, right)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise BadInput(f"rules.{name}: {rule.column!r} is {left.type} and cannot be compared so") from None
    what = f"{rule.column} must be {rule.must_be.replace('_', ' ')} {rule.other or f'{rule.value:g}'}"
    return BadRows(rule.column, f"rule:{name}", what, _mask(pc.invert(pc.fill_null(kept, True))))


def example_rows(table: pa.Table, mask: npt.NDArray[np.bool_], most: int = 5) -> tuple[dict[str, Any], ...]:
    """Some of the rows of a mask as they are, with their place in the split."""
    import numpy as np

    places = np.flatnonzero(mask)[:most]
    rows = table.take(places).to_pylist()
    return tuple({"_row": int(place), **_json(row)} for place, row in zip(places, rows, strict=True))


def _outside(column: pa.ChunkedArray, domain: list[str]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    inside = pc.is_in(column, value_set=pa.array(domain, pa.string()).cast(column.type))
    return pc.and_(pc.invert(inside), pc.is_valid(column))


def _outside_range(column: pa.ChunkedArray, feature: schema_pb2.Feature) -> list[tuple[str, str, pa.ChunkedArray]]:
    """The range of numbers, and what is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for name, word in (("int_domain", "int"), ("float_domain", "float")):
        if not feature.HasField(name) or pa.types.is_string(column.type):
            continue
        domain = getattr(feature, name)
        if domain.HasField("min"):
            found.append((f"{word}_type_small_{word}", f"below {domain.min:g}", pc.less(column, domain.min)))
        if domain.HasField("max"):
            found.append((f"{word}_type_big_{word}", f"above {domain.max:g}", pc.greater(column, domain.max)))
    if feature.HasField("float_domain") and pa.types.is_floating(column.type):
        if feature.float_domain.disallow_nan:
            found.append(("float_type_has_nan", "not a number", pc.is_nan(column)))
        if feature.float_domain.disallow_inf:
            found.append(("float_type_has_inf", "infinite", pc.is_inf(column)))
    if feature.HasField("bool_domain"):
        domain = feature.bool_domain
        if pa.types.is_string(column.type):
            words = [domain.true_value or "true", domain.false_value or "false"]
            found.append(("bool_type_unexpected_string", f"neither of {', '.join(words)}", _outside(column, words)))
        else:
            found.append(("bool_type_small_int", "below 0", pc.less(column, 0)))
            found.append(("bool_type_big_int", "above 1", pc.greater(column, 1)))
    return found


def _mask(flags: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    return pc.fill_null(flags, False).to_numpy()


def _json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON can hold it: what is no finite number becomes text."""
    finite = (int, str, bool, type(None))
    return {
        key: value
        if isinstance(value, finite) or (isinstance(value, float) and abs(value) < float("inf"))
        else str(value)
        for key, value in row.items()
    }
