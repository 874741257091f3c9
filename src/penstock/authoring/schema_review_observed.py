"""What was seen of columns, as far as a schema speaks of it: read off statistics, and off rows.

Pure: protocol buffers and tables in, values out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import statistics_pb2

_KINDS = {0: "INT", 1: "FLOAT", 2: "BYTES", 3: "BYTES", 4: "STRUCT"}
"""Types of a schema by the types of statistics."""


@dataclass(frozen=True)
class Observed:
    """What was seen of one column, in all rows together."""

    type: str
    """`INT`, `FLOAT` or `BYTES`, as a schema writes it; empty where no value was there."""
    rows: int
    present: int
    """Rows with a value."""
    low: float = math.nan
    """Smallest number; NaN where there is none."""
    high: float = math.nan
    values: Mapping[str, int] = field(default_factory=dict)
    """Texts with their counts."""
    complete: bool = True
    """Whether `values` has every text that was seen."""
    fraction: float = 1.0
    """Share of the rows with a value, of the split that has the fewest."""

    def merged(self, other: Observed) -> Observed:
        """Both together."""
        return Observed(
            self.type or other.type,
            self.rows + other.rows,
            self.present + other.present,
            _extreme(min, self.low, other.low),
            _extreme(max, self.high, other.high),
            {v: self.values.get(v, 0) + other.values.get(v, 0) for v in {*self.values, *other.values}},
            self.complete and other.complete,
            min((each.fraction for each in (self, other) if each.rows), default=1.0),
        )


def observe(statistics: Sequence[statistics_pb2.DatasetFeatureStatisticsList]) -> dict[str, Observed]:
    """Read off TFDV's statistics what a schema speaks of, all splits together.

    Returns:
        By column, in the order of the statistics.
    """
    found: dict[str, Observed] = {}
    for each in statistics:
        for dataset in each.datasets:
            for column in dataset.features:
                name = column.name or ".".join(column.path.step)
                seen = _observed(column)
                found[name] = found[name].merged(seen) if name in found else seen
    return found


def observe_rows(table: pa.Table, known: Collection[str]) -> dict[str, Observed]:
    """The same of rows themselves: those that were set aside are in no statistics.

    Args:
        table: The rows.
        known: The columns to look at.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {}
    for name in known:
        if name not in table.column_names:
            continue
        column = table.column(name)
        present = len(column) - column.null_count
        rows = {"rows": len(column), "present": present}
        if not present:
            found[name] = Observed("", **rows)
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
            kind = "FLOAT" if pa.types.is_floating(column.type) else "INT"
            ends = pc.min_max(column).as_py()
            found[name] = Observed(kind, **rows, low=float(ends["min"]), high=float(ends["max"]))
        else:
            counted = pc.value_counts(pc.cast(column, pa.string()).drop_null()).to_pylist()
            found[name] = Observed("BYTES", **rows, values={each["values"]: each["counts"] for each in counted})
    return found


def merge(one: Mapping[str, Observed], other: Mapping[str, Observed]) -> dict[str, Observed]:
    """What was observed of the rows that were accepted, and of those that were set aside, which are few."""
    both = {name: one[name].merged(other[name]) for name in one if name in other}
    shares = {name: min(one[name].fraction, seen.present / max(1, seen.rows)) for name, seen in both.items()}
    return {**one, **{name: replace(seen, fraction=shares[name]) for name, seen in both.items()}}


def _observed(column: statistics_pb2.FeatureNameStatistics) -> Observed:
    numeric = column.HasField("num_stats")
    stats = column.num_stats if numeric else column.string_stats
    present = int(stats.common_stats.num_non_missing)
    rows = present + int(stats.common_stats.num_missing)
    fraction = present / rows if rows else 1.0
    if not present:
        return Observed("", rows, present, fraction=fraction)
    kind = _KINDS[column.type]
    if numeric:
        return Observed(kind, rows, present, float(stats.min), float(stats.max), fraction=fraction)
    values = {bucket.label: int(bucket.sample_count) for bucket in stats.rank_histogram.buckets}
    return Observed(kind, rows, present, values=values, complete=len(values) >= stats.unique, fraction=fraction)


def _extreme(choose: Any, one: float, other: float) -> float:
    present = [value for value in (one, other) if not math.isnan(value)]
    return float(choose(present)) if present else math.nan
