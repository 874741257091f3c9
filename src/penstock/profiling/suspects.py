"""Columns that know the label from where no model may look: after the event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.profiling.coding import Coded
from penstock.profiling.predicting import Target, predictive_power
from penstock.profiling.profile import ColumnProfile, Finding, LabelProfile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_ALMOST_PERFECT = {"binary": 0.99, "multiclass": 0.99, "regression": 0.98}
"""From which power on a single column is too good: honest ones hardly ever come so far."""
_ONE_LABEL = 0.99
"""Share of the filled (or empty) rows that have the same label."""
_OTHERS = 0.5
"""By how much the share of that label must be smaller in the other rows."""
_FEWEST_ROWS = 20
"""Rows that must be filled, and rows that must be empty, to say anything [rows]."""
_SHARE_AFTER = 0.05
"""Share of the rows in which a date must lie after the time of the row."""
_MOST_PARTS = 200
_EXACT = 1e-9
"""Share of the label's variance that a sum may leave."""
_TINY, _ROUNDING = 1e-300, 1e-12
_NO_WEIGHT = 1e-3
"""Standardised weight below which a column is no part of a sum."""


def find_leaks(coded: Mapping[str, Coded], columns: Sequence[ColumnProfile], target: Target) -> Iterator[Finding]:
    """Find columns that alone predict the label almost perfectly."""
    for column in columns:
        if column.role in ("empty", "constant", "identifier"):
            continue
        power = predictive_power(coded[column.name], target)
        if power >= _ALMOST_PERFECT[target.task]:
            text = (
                f"{column.shown} alone predicts the label almost perfectly ({target.measure} {power:.3f} on rows held "
                "out): it seems to be the label in other words, or known only after it"
            )
            yield Finding(kind="leakage", columns=(column.name,), text=text, evidence={target.measure: power})


def find_filled_by_label(
    coded: Mapping[str, Coded], columns: Sequence[ColumnProfile], target: Target, label: LabelProfile
) -> Iterator[Finding]:
    """Find columns that are filled, or empty, only when the label has one value."""
    import numpy as np

    if target.task == "regression":
        return
    classes = target.values.astype(np.int64)
    for column in columns:
        missing = coded[column.name].missing[target.rows]
        for rows, word in ((~missing, "filled"), (missing, "empty")):
            if min(rows.sum(), (~rows).sum()) < _FEWEST_ROWS:
                continue
            inside = np.bincount(classes[rows], minlength=len(label.classes)) / rows.sum()
            outside = np.bincount(classes[~rows], minlength=len(label.classes)) / (~rows).sum()
            number = int(inside.argmax())
            if inside[number] >= _ONE_LABEL and inside[number] - outside[number] >= _OTHERS:
                value = label.classes[number]
                text = (
                    f"{column.shown} is {word} only when the label is {value!r} ({inside[number]:.1%} of the rows "
                    f"where it is {word}, {outside[number]:.1%} of the others): it seems to be known only "
                    "after the event"
                )
                evidence = {"value": value, "share": float(inside[number]), "elsewhere": float(outside[number])}
                yield Finding(kind="filled_by_label", columns=(column.name,), text=text, evidence=evidence)
                break


def find_sum(sample: pa.Table, columns: Sequence[ColumnProfile], label: LabelProfile) -> Iterator[Finding]:
    """Find out whether the label is exactly a weighted sum of other columns, as totals are of their parts."""
    import numpy as np

    parts = [c for c in columns if c.role == "number" and not c.missing and c.name != label.column][:_MOST_PARTS]
    if label.task != "regression" or len(parts) < 2 or sample.num_rows < 4 * len(parts):
        return
    there = sample.filter(sample.column(label.column).is_valid())
    total = there.column(label.column).to_numpy().astype(np.float64)
    values = np.stack([there.column(c.name).to_numpy().astype(np.float64) for c in parts], axis=1)
    if not (np.isfinite(values).all() and np.isfinite(total).all()):
        return
    values, total = _standardised(values), _standardised(total)
    if not total.any():
        return
    weights, *_ = np.linalg.lstsq(values, total, rcond=None)
    if float(np.square(total - values @ weights).mean()) > _EXACT:
        return
    names = tuple(c.name for c, weight in zip(parts, weights, strict=True) if abs(weight) > _NO_WEIGHT)
    text = (
        f"the label is exactly a sum of {', '.join(names)}: if these are its parts, known only when it is, --drop them"
    )
    yield Finding(kind="label_is_sum", columns=names, text=text)


def _standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Columns, or one, with mean 0 and variance 1; all 0 where the values differ by no more than rounding."""
    import numpy as np

    largest = np.abs(values).max(axis=0)
    values = values / np.where(largest > _TINY, largest, 1.0)  # first of all, lest squares overflow
    spread = values.std(axis=0)
    centred = np.where(spread > _ROUNDING, values - values.mean(axis=0), 0.0)
    standardised: npt.NDArray[np.float64] = centred / np.where(spread > _ROUNDING, spread, 1.0)
    return standardised


def find_dates_after(table: pa.Table, columns: Sequence[ColumnProfile], time: ColumnProfile) -> Iterator[Finding]:
    """Find dates that lie after the time of the row."""
    import numpy as np

    if time.type not in ("date", "timestamp"):
        return
    for column in columns:
        if column.role != "moment" or column.name == time.name:
            continue
        # A day without an hour is only after a moment of an earlier day.
        unit = "D" if "date" in (column.type, time.type) else "us"
        own, reference = (_moments(table.column(name), unit) for name in (column.name, time.name))
        both = ~np.isnat(own) & ~np.isnat(reference)
        after = int((own[both] > reference[both]).sum())
        if after >= _FEWEST_ROWS and after >= _SHARE_AFTER * both.sum():
            share = after / both.sum()
            text = (
                f"{column.shown} lies after {time.shown} in {share:.0%} of the rows that have both: it seems to be "
                "known only after the event"
            )
            yield Finding(kind="after_the_event", columns=(column.name,), text=text, evidence={"share": share})


def _moments(column: pa.ChunkedArray, unit: str) -> npt.NDArray[np.datetime64]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    moments: npt.NDArray[np.datetime64] = column.to_numpy().astype(f"datetime64[{unit}]")
    return moments
