"""A table looked at as a whole: every column, the label, what orders and names the rows, and every suspect."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.artifacts.task import TaskKind
from penstock.profiling.columns import column_type, encode, encode_texts, iso, numbers_of, profile_column
from penstock.profiling.duplicates import repeated_rows
from penstock.profiling.findings import about_columns, about_label, about_rows, about_sample, listed
from penstock.profiling.labels import find_label
from penstock.profiling.profile import ColumnProfile, Finding, Profile, worst_first
from penstock.profiling.suspects import find_dates_after
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST_ROWS = 50
"""With fewer rows nothing can be learnt and judged apart [rows]."""
_SMALL = 1000
"""Rows below which a larger share judges [rows]."""
_LEAST_BEHIND, _MOST_BEHIND = 0.1, 0.4
"""Shares of the rows between which what lies behind the boundary must be."""
_DAY = 86_400_000_000
"""[us]"""
_FEWEST_GROUPS = 50
_LARGEST_GROUP = 0.05
"""Share of the rows that one customer, say, may have where customers are kept together."""
_ID_WORDS = frozenset({"id", "uuid", "guid"})


@dataclass(frozen=True)
class Wishes:
    """What the user says of the table, by the names that the table has; empty where nothing."""

    label: str
    time_column: str = ""
    key: tuple[str, ...] = ()
    task: TaskKind | None = None
    drop: tuple[str, ...] = ()


Progress = Callable[[int, int], None]


def look(
    table: pa.Table, originals: Mapping[str, str], wishes: Wishes, progress: Progress = lambda done, total: None
) -> Profile:
    """Look at a table.

    Args:
        table: Its rows; columns are string (plain or as dictionary), int64, float64, bool, date32 or timestamp.
        originals: What the data call each column; a column that is not there is called the same.
        wishes: The label, and what else the user said.
        progress: Told the columns done and in all.

    Returns:
        The profile. The same table gives the same profile.

    Raises:
        BadInput: A column is not there, the label cannot be learnt, or there are too few rows (caller's user).
    """
    for wish in (wishes.label, wishes.time_column, *wishes.key, *wishes.drop):
        if wish:
            _require(wish, table.column_names, originals)
    if wishes.label in (wishes.time_column, *wishes.key, *wishes.drop):
        raise BadInput(f"the label {wishes.label!r} cannot be the time, a part of the key, or dropped as well")
    if table.num_rows < FEWEST_ROWS:
        raise BadInput(
            f"the table has {table.num_rows:,} rows", f"At least {FEWEST_ROWS} are needed to learn and judge"
        )
    names = [name for name in table.column_names if name not in wishes.drop]
    table = encode_texts(table.select(names))
    columns = []
    for done, name in enumerate(names):
        progress(done, len(names))
        columns.append(profile_column(name, originals.get(name, name), table.column(name)))
    by_name = {column.name: column for column in columns}
    label = find_label(by_name[wishes.label], table.column(wishes.label), wishes.task)
    features = [column for column in columns if column.name != wishes.label]
    time = _time_column(wishes, by_name)
    key, repeated = _key(table, wishes, features)
    if table.num_rows - repeated < FEWEST_ROWS:
        what = f"the key {', '.join(key)} leaves {table.num_rows - repeated:,} of {table.num_rows:,} rows"
        raise BadInput(f"{what}: the others repeat one", f"Name what tells {FEWEST_ROWS} rows apart, or none")
    group = _group(table, features)
    equal_rows = repeated_rows(table, names)
    findings = [
        *about_label(by_name[wishes.label], label),
        *about_rows(key, repeated, equal_rows),
        *about_columns(table, features),
        *about_sample(table, columns, label),
        *(find_dates_after(table, features, by_name[time]) if time else ()),
    ]
    findings += _about_time(time, wishes, features)
    renamed = [column for column in columns if column.name != column.original]
    if renamed:
        text = f"safe names stand for {len(renamed)} of the columns' own: " + listed(
            [f"{c.original!r}" for c in renamed]
        )
        findings.append(Finding(kind="renamed", columns=tuple(c.name for c in renamed), text=text))
    progress(len(names), len(names))
    return Profile(
        rows=table.num_rows,
        columns=tuple(columns),
        label=label,
        key=key,
        time_column=time,
        time_boundary=_boundary(table.column(time)) if time else None,
        group=group,
        equal_rows=equal_rows,
        findings=worst_first(findings),
    )


def _require(name: str, names: Sequence[str], originals: Mapping[str, str]) -> None:
    if name not in names:
        known = {original: name for name, original in originals.items()} | {name: name for name in names}
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {listed(list(names), 20)}"
        raise BadInput(f"the table has no column {name!r}", hint)


def _time_column(wishes: Wishes, columns: Mapping[str, ColumnProfile]) -> str:
    """The column that orders the rows: the one named, or the only moment, if the rows are in its order."""
    if wishes.time_column:
        column = columns[wishes.time_column]
        where = f"time column {column.shown}"
        if column.type not in ("date", "timestamp", "int", "float"):
            raise BadInput(f"{where}: is {column.type}, which has no order in time", "Choose a date, or a number")
        if column.missing:
            raise BadInput(f"{where}: is missing in {column.missing:,} rows, which then belong nowhere")
        if column.distinct < 2:
            raise BadInput(f"{where}: has one value only, so nothing is later than anything")
        return wishes.time_column
    moments = [column for column in columns.values() if column.role == "moment"]
    return moments[0].name if len(moments) == 1 and moments[0].rises else ""


def _about_time(time: str, wishes: Wishes, features: Sequence[ColumnProfile]) -> list[Finding]:
    """What was decided about time without being asked, or may be worth deciding."""
    if time and not wishes.time_column:
        text = f"{time} orders the rows: what comes later judges what was learnt from earlier"
        return [Finding(kind="time", columns=(time,), text=text)]
    names = [column.name for column in features if column.role == "moment" and not column.missing]
    if time or not names:
        return []
    text = (
        f"if {' or '.join(names)} says when a row came about, --time-column lets the future judge what the past taught"
    )
    return [Finding(kind="time", columns=tuple(names), text=text)]


def _boundary(column: pa.ChunkedArray) -> int | float | str | None:
    """The moment that some of the rows lie behind; None where so many are equal that it parts nothing well."""
    import numpy as np

    kind = column_type(column)
    numbers = np.sort(numbers_of(column))
    place = len(numbers) * (7 if len(numbers) < _SMALL else 8) // 10
    boundary = numbers[place]
    if kind == "timestamp" and (midnight := boundary - boundary % _DAY) > numbers[0]:
        # A day is not torn apart where days are small beside the whole.
        boundary = midnight if _share_from(numbers, midnight) <= _MOST_BEHIND else boundary
    if boundary == numbers[0]:
        boundary = next(iter(numbers[numbers > boundary]), boundary)
    if not _LEAST_BEHIND <= _share_from(numbers, boundary) <= _MOST_BEHIND:
        return None
    return iso(boundary, kind) if kind in ("date", "timestamp") else boundary.item()


def _share_from(numbers: Any, boundary: Any) -> float:
    import numpy as np

    return float(1 - np.searchsorted(numbers, boundary) / len(numbers))


def _key(table: pa.Table, wishes: Wishes, features: Sequence[ColumnProfile]) -> tuple[tuple[str, ...], int]:
    """The columns that name a row, and how many rows have the key of an earlier one."""
    if wishes.key:
        return wishes.key, repeated_rows(table, wishes.key)
    unique = [c.name for c in features if c.role == "identifier" and c.distinct == c.rows]
    return tuple(unique[:1]), 0


def _group(table: pa.Table, features: Sequence[ColumnProfile]) -> str:
    """The column that names whom several rows are about: an id that comes again, and never so often as to be a kind."""
    import numpy as np

    for column in features:
        comes_again = _FEWEST_GROUPS <= column.distinct <= column.present / 1.2
        if column.role == "high_cardinality" and comes_again and set(column.name.split("_")) & _ID_WORDS:
            _, codes = encode(table.column(column.name))
            if np.bincount(codes[codes >= 0]).max() <= _LARGEST_GROUP * column.rows and not column.missing:
                return column.name
    return ""
