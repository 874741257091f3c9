"""What whoever uses a table should know of it, each as one sentence: put together from what the searches find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.profiling.coding import Coded, code_columns, rows_to_sample, sampled_rows
from penstock.profiling.columns import encode, numbers_of
from penstock.profiling.duplicates import same_columns
from penstock.profiling.populations import Group, blocks_of, strange_blocks, strange_values
from penstock.profiling.predicting import Target, rank
from penstock.profiling.profile import ColumnProfile, Finding, LabelProfile, Value
from penstock.profiling.suspects import find_filled_by_label, find_leaks, find_sum

if TYPE_CHECKING:
    import pyarrow as pa

_CODES = 10
"""Codes of a column where populations are compared."""
_RARE_CLASS = 10
"""A class with fewer rows cannot be judged [rows]."""
_IMBALANCE = 0.05
"""Share of the rarer class of two below which a label counts as unbalanced."""
_MOST_COMPARED, _MOST_GROUPINGS = 100, 50
"""Columns of a very wide table that are compared, evenly spaced, and those whose values are looked at one by one."""
_COMPARED = ("boolean", "number", "category", "moment")
"""Roles of columns whose values can be another population's; names and texts always are others."""


def about_label(column: ColumnProfile, label: LabelProfile) -> list[Finding]:
    """What may be wrong with the label: missing, rare or hardly ever there."""
    findings = []
    if column.missing:
        text = f"the label is missing in {column.missing:,} rows ({column.missing_share:.1%}), which are set aside"
        findings.append(Finding(kind="label_missing", columns=(column.name,), text=text))
    counted = zip(label.classes, label.counts, strict=True)
    rare = [f"{value!r} ({rows})" for value, rows in counted if rows < _RARE_CLASS]
    if rare:
        text = f"classes with hardly a row, of which nothing can be learnt or judged: {listed(rare)}"
        findings.append(Finding(kind="rare_class", columns=(column.name,), text=text))
    like = [same for same in _same_but_for_case(label.classes) if len(same) > 1]
    if like:
        text = "classes that differ only in letters' case or in spaces: " + listed(
            [" and ".join(map(repr, s)) for s in like]
        )
        findings.append(
            Finding(kind="similar_classes", columns=(column.name,), text=f"{text}; make them one in the data")
        )
    share = min(label.counts, default=0) / max(sum(label.counts), 1)
    if label.task == "binary" and share < _IMBALANCE:
        text = (
            f"only {share:.2%} of the rows have {label.classes[label.counts.index(min(label.counts))]!r} as the label"
        )
        findings.append(Finding(kind="imbalance", columns=(column.name,), text=text, evidence={"share": share}))
    return findings


def _same_but_for_case(classes: Sequence[Value]) -> list[list[Value]]:
    same: dict[str, list[Value]] = {}
    for value in classes:
        same.setdefault("".join(str(value).casefold().split()), []).append(value)
    return list(same.values())


def about_rows(key: tuple[str, ...], repeated: int, equal_rows: int) -> list[Finding]:
    """Rows that are there twice: by the key, and altogether [rows]."""
    findings = []
    if repeated:
        text = f"rows with the key ({', '.join(key)}) of an earlier row: {repeated:,}"
        findings.append(Finding(kind="duplicate_key", columns=key, text=text, evidence={"rows": repeated}))
    if equal_rows:
        text = f"rows that equal an earlier one in every column: {equal_rows:,}"
        findings.append(Finding(kind="equal_rows", columns=(), text=text, evidence={"rows": equal_rows}))
    return findings


def about_columns(table: pa.Table, features: Sequence[ColumnProfile]) -> list[Finding]:
    """Columns that tell nothing, or nothing that another does not tell."""
    findings = []
    by_name = {column.name: column for column in features}
    for earlier, later in same_columns(table, [c for c in features if c.role not in ("empty", "constant")]):
        text = f"{by_name[later].shown} says the same as {by_name[earlier].shown}"
        findings.append(Finding(kind="duplicate_column", columns=(later, earlier), text=text))
    for column in features:
        match column.role:
            case "constant":
                findings.append(
                    Finding(kind="constant", columns=(column.name,), text=f"{column.shown} has one value only")
                )
            case "empty":
                findings.append(
                    Finding(kind="empty", columns=(column.name,), text=f"{column.shown} has no value at all")
                )
            case "high_cardinality" if column.unit:
                text = f"{column.shown} holds numbers with {column.unit!r}, which are texts: give them without it"
                findings.append(Finding(kind="unit", columns=(column.name,), text=text))
            case "identifier":
                text = f"{column.shown} names the rows ({column.distinct:,} values in {column.present:,} rows)"
                findings.append(Finding(kind="identifier", columns=(column.name,), text=text))
    return findings


def about_sample(table: pa.Table, columns: Sequence[ColumnProfile], label: LabelProfile) -> list[Finding]:
    """What shows in some of the rows as well as in all: leaks, and other populations."""
    places = sampled_rows(table.num_rows, rows_to_sample(len(columns)))
    sample = table if len(places) == table.num_rows else table.take(places)
    coded = code_columns(sample, columns)
    features = [column for column in columns if column.name != label.column]
    target = _target(sample, label)
    filled = list(find_filled_by_label(coded, features, target, label))
    told = {name for finding in filled for name in finding.columns}
    leaks = [f for f in find_leaks(coded, features, target) if not told.intersection(f.columns)]
    sums = () if leaks else find_sum(sample, columns, label)
    return [*filled, *leaks, *sums, *_populations(coded, columns, label, table.num_rows)]


def _target(sample: pa.Table, label: LabelProfile) -> Target:
    import numpy as np

    column = sample.column(label.column)
    rows = np.flatnonzero(~column.is_null().to_numpy())
    if label.task == "regression":
        return Target(label.task, rank(numbers_of(column).astype(np.float64)), rows)
    words, codes = encode(column)
    numbers = {value: number for number, value in enumerate(label.classes)}
    lookup = np.array([numbers[word] for word in words.to_pylist()], dtype=np.float64)
    return Target(label.task, lookup[codes[rows]], rows)


def _populations(
    coded: Mapping[str, Coded], columns: Sequence[ColumnProfile], label: LabelProfile, rows: int
) -> list[Finding]:
    useful = [column for column in columns if column.role in _COMPARED and column.name != label.column]
    compared = useful[:: -(-len(useful) // _MOST_COMPARED) or 1]
    others = [coded[column.name].coarse(_CODES) for column in compared]
    of_label = coded[label.column].coarse(_CODES)
    found = []
    groupings = [column for column in useful if column.role in ("boolean", "category")]
    for column in groupings[:_MOST_GROUPINGS]:
        own = coded[column.name]
        for group in strange_values(own, others, of_label):
            value = own.words[group.first] if group.first < len(own.words) else "missing"
            found.append(_population(f"the rows with {column.shown} = {value!r}", group))
    blocks = blocks_of(len(of_label.codes)).size
    for group in strange_blocks(others, of_label):
        first, last = group.first * rows // blocks + 1, (group.last + 1) * rows // blocks
        found.append(_population(f"rows {first:,} to {last:,} or so", group))
    return found


def _population(which: str, group: Group) -> Finding:
    text = (
        f"{which} ({group.share:.1%} of all) look like another population: they differ almost completely from rows of "
        f"the same label in {len(group.columns)} of {group.compared} columns ({group.shown})"
    )
    evidence = {"rows_share": group.share, "compared": group.compared}
    return Finding(kind="other_population", columns=group.columns, text=text, evidence=evidence)


def listed(items: Sequence[str], most: int = 8) -> str:
    """Some of many, as a message shows them.

    Example:
        >>> listed(["a", "b", "c"], 2)
        'a, b and 1 more'
    """
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")
