"""The words in which a configuration says what to join, what to derive and how to split.

Only declarations: nothing here touches data. They are apart from `spec` because `plan` reasons about them, and the
spec's own validation uses the plan.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from penstock.tables.source import ColumnType, Declaration

SPLIT_NAME = r"^(?!quarantine$)[a-z0-9][a-z0-9_-]*$"
"""Lower-case letters, digits, `_` and `-`; `quarantine` is where the data validator puts bad rows."""


def _check_split_name(name: str) -> str:
    if not re.fullmatch(SPLIT_NAME, name):
        raise ValueError("a split's name is lower-case letters, digits, '_' and '-', and not 'quarantine'")
    return name


SplitName = Annotated[str, AfterValidator(_check_split_name)]
"""The name of a split."""

Value = bool | int | float | str


class Join(Declaration):
    """A left join: every row stays once, and gets the columns of the one row that fits, or missing values."""

    source: str
    """The table to look up in."""
    keys: dict[str, str] = Field(min_length=1)
    """Column of the rows: column of the table. Together these must name at most one row of the table."""
    columns: dict[str, str] = Field(min_length=1)
    """New name: column of the table."""


class GreaterThan(Declaration):
    """1 where the value is greater, else 0."""

    op: Literal["greater_than"]
    column: str
    value: float
    if_missing: Literal[0, 1] | None = None
    """What a missing value gives; missing by default."""


class IsIn(Declaration):
    """1 where the value is one of those listed, else 0; missing stays missing."""

    op: Literal["is_in"]
    column: str
    values: tuple[Value, ...] = Field(min_length=1)


class PositionIn(Declaration):
    """Where the value stands among those listed, from 0; missing where it is none of them."""

    op: Literal["position_in"]
    column: str
    values: tuple[Value, ...] = Field(min_length=1)
    """Each once."""

    @model_validator(mode="after")
    def _each_once(self) -> PositionIn:
        twice = sorted({str(value) for value in self.values if self.values.count(value) > 1})
        if twice:
            raise ValueError(f"lists {', '.join(twice)} twice, so it has two positions")
        return self


class IsMissing(Declaration):
    """1 where the value is missing, else 0."""

    op: Literal["is_missing"]
    column: str


class MinutesOfHhmm(Declaration):
    """Minutes since midnight [min], in [0, 1440], of a clock time written as a number: 1730 gives 1050."""

    op: Literal["minutes_of_hhmm"]
    column: str


class DateOf(Declaration):
    """A date from its year, month and day."""

    op: Literal["date_of"]
    year: str
    month: str
    day: str


class TimePart(Declaration):
    """One part of a date or a timestamp."""

    op: Literal["time_part"]
    column: str
    part: Literal["year", "month", "day", "hour", "minute", "weekday", "day_of_year"]
    """`weekday`: 0 is Monday."""
    timezone: str = ""
    """The zone whose clock counts, such as `America/New_York`; UTC when empty."""


class Cast(Declaration):
    """The same value in another type; a value that does not fit is an error."""

    op: Literal["cast"]
    column: str
    to: ColumnType


class Difference(Declaration):
    """One number less another; of two dates or timestamps, the time between them [s]."""

    op: Literal["difference"]
    column: str
    minus: str


class Concat(Declaration):
    """Texts joined together; missing where one of them is."""

    op: Literal["concat"]
    columns: tuple[str, ...] = Field(min_length=2)
    separator: str = "-"


Derivation = Annotated[
    GreaterThan | IsIn | PositionIn | IsMissing | MinutesOfHhmm | DateOf | TimePart | Cast | Difference | Concat,
    Field(discriminator="op"),
]
"""One derived column."""


def inputs_of(derivation: Derivation) -> tuple[str, ...]:
    """The columns that a derivation reads.

    Example:
        >>> inputs_of(Difference(op="difference", column="a", minus="b"))
        ('a', 'b')
    """
    match derivation:
        case Concat():
            return derivation.columns
        case Difference():
            return (derivation.column, derivation.minus)
        case DateOf():
            return (derivation.year, derivation.month, derivation.day)
        case _:
            return (derivation.column,)


class Split(Declaration):
    """Which rows go where."""

    by: Literal["time", "hash", "column"] = "hash"
    """`time`: what lies before a boundary never meets what lies behind it. `hash`: by the hash of a group's key.
    `column`: the table says it itself."""
    column: str = ""
    """The time, or the column that names the split."""
    starts: dict[SplitName, int | float | str] = {}
    """For `time`: where each split but `train` begins, itself included: a number, a date, or a timestamp with its zone.
    `{eval: 2013-10-01T04:00:00Z}` puts everything earlier into `train`."""
    group: tuple[str, ...] = ()
    """The columns whose values belong together: all rows of a group are in one split. For `hash` they are what is
    hashed; empty: all that the row puts out. For the others it is checked."""
    equal_rows: Literal["together", "apart"] = "together"
    """For `hash` without a group: whether equal rows are in one split, as copies must be, or fall where each does, as
    different events may where only few different rows are possible."""
    fractions: dict[SplitName, float] = {"train": 0.8, "eval": 0.2}
    """For `hash`: the share of the groups [fraction], each in (0, 1], summing to 1."""
    values: dict[SplitName, tuple[Value, ...]] = {}
    """For `column`: the values that mean each split; empty: the values are the names."""

    @model_validator(mode="after")
    def _complete(self) -> Split:
        if self.by == "time" and not (self.column and self.starts):
            raise ValueError("a split by time needs 'column' and 'starts'")
        if self.by == "time" and "train" in self.starts:
            raise ValueError("'train' is what lies before the first of 'starts'; leave it out")
        if self.equal_rows == "apart" and (self.by != "hash" or self.group):
            raise ValueError("equal rows can only be 'apart' in a split by hash without 'group'")
        if self.by == "column" and not self.column:
            raise ValueError("a split by column needs 'column'")
        if abs(sum(self.fractions.values()) - 1) > 1e-9 or min(self.fractions.values()) <= 0:
            raise ValueError(f"'fractions' must be positive and sum to 1, not {sum(self.fractions.values()):g}")
        return self

    def columns(self) -> tuple[str, ...]:
        """The columns that the split needs."""
        return tuple(dict.fromkeys(([self.column] if self.by != "hash" else []) + list(self.group)))
