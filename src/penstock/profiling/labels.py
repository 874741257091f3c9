"""Which task a label asks for, and why; or why it can be none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.artifacts.task import TaskKind
from penstock.profiling.columns import encode
from penstock.profiling.profile import ColumnProfile, LabelProfile, Value
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CLASSES = 100
"""More classes than that are names, not classes."""
_FEW_WHOLE_NUMBERS = 10
"""Up to so many whole numbers are taken for classes where nothing else is said."""
_ROWS_A_CLASS = 5
"""Whole numbers that come up less often than that, on average, are taken for amounts [rows]."""
_POSITIVE = frozenset({"yes", "y", "true", "t", "1", "positive", "pos", "+", "bad", "fraud", "spam", "churned", "up"})
_NEGATIVE = frozenset({"no", "n", "false", "f", "0", "negative", "neg", "-", "good", "none", "ham", "stayed", "down"})


def find_label(column: ColumnProfile, values: pa.ChunkedArray, asked: TaskKind | None = None) -> LabelProfile:
    """Find the task and the classes.

    Args:
        column: The label's profile.
        values: The label itself, shape (n_rows,).
        asked: The task that the user names; None to find it.

    Raises:
        BadInput: Nothing can be learnt from this label, or not this task (whoever chose it).
    """
    where = f"label {column.shown}"
    if column.missing == column.rows:
        raise BadInput(f"{where}: all {column.rows:,} values are missing", "Choose another label")
    if column.distinct == 1:
        raise BadInput(f"{where}: has one value only, so there is nothing to tell apart", "Choose another label")
    if column.type in ("date", "timestamp"):
        raise BadInput(f"{where}: is a {column.type}", "Choose a label that is a class or a number")
    task, reason = (asked, "as asked for") if asked else _find_task(column, where)
    if task == "regression":
        if column.type in ("string", "bool"):
            raise BadInput(f"{where}: a regression needs numbers, and this is {column.type}", "Use --task multiclass")
        return LabelProfile(column=column.name, task=task, reason=reason)
    if task == "binary" and column.distinct != 2:
        raise BadInput(f"{where}: has {column.distinct:,} values, and a binary task needs two", "Use --task multiclass")
    if column.distinct > MOST_CLASSES:
        raise BadInput(f"{where}: has {column.distinct:,} values; {MOST_CLASSES} classes are the most", _remedy(column))
    classes = _in_order(column, task, counts := _counts(values))
    return LabelProfile(
        column=column.name,
        task=task,
        reason=reason,
        classes=classes,
        counts=tuple(counts[value] for value in classes),
        encoded=column.type != "bool" and not (column.type == "int" and list(classes) == list(range(len(classes)))),
    )


def _find_task(column: ColumnProfile, where: str) -> tuple[TaskKind, str]:
    if column.distinct == 2:
        return "binary", "it has two values"
    if column.type == "string":
        if column.distinct > MOST_CLASSES:
            raise BadInput(
                f"{where}: {column.distinct:,} different texts are too many classes; {MOST_CLASSES} are the most",
                _remedy(column),
            )
        return "multiclass", f"it has {column.distinct} different texts"
    often = column.present >= _ROWS_A_CLASS * column.distinct
    if column.whole and column.distinct <= _FEW_WHOLE_NUMBERS and often:
        return "multiclass", f"it has only {column.distinct} whole numbers; --task regression if they are amounts"
    if column.whole:
        return "regression", f"it has {column.distinct:,} whole numbers; --task multiclass if they are classes"
    return "regression", "its numbers have fractions"


def _remedy(column: ColumnProfile) -> str:
    numeric = column.type in ("int", "float")
    return "Use --task regression" if numeric else "Choose another label, or group its values beforehand"


def _counts(values: pa.ChunkedArray) -> dict[Value, int]:
    import numpy as np

    words, codes = encode(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    return {word: int(rows) for word, rows in zip(words.to_pylist(), counts, strict=True) if rows}


def _in_order(column: ColumnProfile, task: TaskKind, counts: dict[Value, int]) -> tuple[Value, ...]:
    """The classes in the order of their numbers: sorted; of two, the one that is looked for comes second."""
    classes: Sequence[Value] = sorted(counts)
    if task == "binary" and column.type == "string":
        words = [str(value).strip().lower() for value in classes]
        if words[0] in _POSITIVE or words[1] in _NEGATIVE:
            return (classes[1], classes[0])
        known = words[1] in _POSITIVE or words[0] in _NEGATIVE
        if not known and counts[classes[0]] < counts[classes[1]]:
            return (classes[1], classes[0])
    return tuple(classes)
