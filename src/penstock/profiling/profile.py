"""What is known of a table once it has been looked at: plain values, ready to be shown, kept or decided on.

Pure data: who measures is in the neighbouring modules, and who draws conclusions for a pipeline is `choosing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from penstock.artifacts.task import TaskKind
from penstock.tables.source import ColumnType

Value = bool | int | float | str

Role = Literal["empty", "constant", "identifier", "boolean", "number", "category", "high_cardinality", "text", "moment"]
"""What a column is good for. `high_cardinality`: names that come again, but too many to list. `moment`: a date or a
timestamp."""

FindingKind = Literal[
    "leakage",
    "filled_by_label",
    "after_the_event",
    "label_is_sum",
    "other_population",
    "label_missing",
    "rare_class",
    "similar_classes",
    "imbalance",
    "source",
    "duplicate_key",
    "equal_rows",
    "duplicate_column",
    "constant",
    "empty",
    "unit",
    "identifier",
    "time",
    "renamed",
]
"""What a finding is about; the order is that of gravity, worst first."""

GRAVE: frozenset[str] = frozenset({"leakage", "filled_by_label", "after_the_event", "label_is_sum", "other_population"})
"""Findings that can make a model look good and be worthless."""


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Count(_Seen):
    """A value and how many rows have it."""

    value: Value
    rows: int


class ColumnProfile(_Seen):
    """One column."""

    name: str
    original: str
    """What the data call it."""
    type: ColumnType
    role: Role
    rows: int
    missing: int
    """Rows without a value [rows]."""
    distinct: int
    """Different values, missing ones not counted."""
    least: Value | None = None
    """The smallest number, or the earliest moment as ISO 8601 text; None for all else."""
    greatest: Value | None = None
    mean: float | None = None
    skewness: float | None = None
    """Third standardised moment of a number: above 1 or 2 a long tail to the right; None for all else."""
    whole: bool = False
    """Whether every number is whole."""
    rises: bool = False
    """Whether the values never fall from one row to the next, in the order of the data, and not all are equal."""
    unit: str = ""
    """What stands with the number in every text, such as `$` or `kg`."""
    mean_words: float = 0.0
    """Words of a text, on average."""
    top: tuple[Count, ...] = ()
    """The commonest values of a column that repeats its values, commonest first."""
    values: tuple[Value, ...] = ()
    """All values, sorted, where they are few."""

    @property
    def present(self) -> int:
        """Rows with a value [rows]."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """Share of rows without a value, in [0, 1]."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def shown(self) -> str:
        """The name as messages write it: the safe one, and the data's own where they differ."""
        return self.name if self.name == self.original else f"{self.name} ({self.original!r})"


class LabelProfile(_Seen):
    """What is to be predicted."""

    column: str
    task: TaskKind
    reason: str
    """Why this task."""
    classes: tuple[Value, ...] = ()
    """Values of the label in the order of their numbers 0, 1, ...; empty for `regression`."""
    counts: tuple[int, ...] = ()
    """Rows of each class [rows]."""
    encoded: bool = False
    """Whether the values must be turned into their numbers; 0, 1, ... and booleans need not."""


class Finding(_Seen):
    """One thing that whoever uses the table should know."""

    kind: FindingKind
    columns: tuple[str, ...]
    """The columns that it is about; none for the table as a whole."""
    text: str
    """What was seen, in one sentence without a full stop."""
    evidence: dict[str, Any] = {}
    """The figures behind it."""

    @property
    def grave(self) -> bool:
        """Whether a model could look good because of it and be worthless."""
        return self.kind in GRAVE


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Order findings by gravity; those of one kind stay as they are."""
    order = {kind: place for place, kind in enumerate(get_args(FindingKind))}
    return tuple(sorted(findings, key=lambda found: order[found.kind]))


class Profile(_Seen):
    """A table."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    """In the order of the table, the label among them."""
    label: LabelProfile
    key: tuple[str, ...] = ()
    """Columns that name a row: as asked for, or the one that does."""
    time_column: str = ""
    """The column that orders the rows in time: as asked for, or the one that surely does."""
    time_boundary: int | float | str | None = None
    """The moment that about one row in five lies behind, of a small table one in three; None without a time column,
    or where its values part the rows too unevenly."""
    group: str = ""
    """A column that names whom or what several rows are about, so that they belong together."""
    equal_rows: int = 0
    """Rows that are equal in every column to an earlier one [rows]."""
    findings: tuple[Finding, ...] = ()
    """Worst first."""

    def column(self, name: str) -> ColumnProfile:
        """One column.

        Raises:
            KeyError: There is none of that name (caller).
        """
        return {column.name: column for column in self.columns}[name]

    def with_findings(self, more: Sequence[Finding]) -> Profile:
        """The same with more findings, each in its place."""
        return self.model_copy(update={"findings": worst_first([*self.findings, *more])})

    def about(self, name: str, *kinds: str) -> tuple[Finding, ...]:
        """The findings of some kinds about a column."""
        return tuple(found for found in self.findings if name in found.columns and found.kind in kinds)
