"""The kinds of features that can be declared: what each is called, takes, and puts out. No computation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Declared(BaseModel):
    """What all kinds have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def inputs(self, name: str) -> tuple[str, ...]:
        """Name the raw columns that a feature of this name is made from."""
        raise NotImplementedError

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name the columns that a feature of this name puts out."""
        return (name,)


class _Feature(_Declared):
    column: str = ""
    """The raw column it is made from; the feature's own name by default."""

    def inputs(self, name: str) -> tuple[str, ...]:
        """Name the one column that it is made from."""
        return (self.column or name,)


class _Numeric(_Feature):
    indicator: bool = False
    """Whether to put out `<name>_missing` beside it: 1.0 where the raw value is missing, else 0.0."""
    impute: Literal["mean", "median", "constant"] | None = None
    """What a missing value is taken for before anything else: the mean or the median of the values present in the
    analysed split, or `constant`. It then counts like any other value. By default nothing: it comes out as the kind
    says."""
    constant: float | None = None
    """The raw value that `impute: constant` puts in."""

    @model_validator(mode="after")
    def _one_filling(self) -> Self:
        if (self.impute == "constant") != (self.constant is not None):
            raise ValueError("'constant' goes with 'impute: constant', and the other way round")
        if self.impute and "missing" in self.model_fields_set:
            raise ValueError("'missing' is for values that are still missing after scaling; with 'impute' none is")
        return self

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name the number, and its indicator."""
        return (name, *([f"{name}_missing"] * self.indicator))


class ZScore(_Numeric):
    """`(x - mean) / standard deviation` of the values present; 0 where the value is missing."""

    kind: Literal["z_score"]


class Robust(_Numeric):
    """`(x - median) / interquartile range` of the values present; 0 where the value is missing.

    Where half of the values are one and the same, so that the range is 0, the standard deviation takes its place.
    """

    kind: Literal["robust"]
    smooth_clip: float | None = Field(default=None, gt=0)
    """Draws outliers in: y becomes `y / sqrt(1 + (y / smooth_clip)^2)`, which stays below it in size and hardly changes
    what is near 0; by default nothing is drawn in. 3 suits heavy tails."""


class MinMax(_Numeric):
    """`(x - min) / (max - min)` of the values present, in [0, 1] on the analysed split."""

    kind: Literal["min_max"]
    missing: float = 0.0
    """What stands for a missing value, after scaling."""


class Log(_Numeric):
    """The z-score of `log(1 + max(x, 0))`; 0 where the value is missing."""

    kind: Literal["log"]


class AsIs(_Numeric):
    """The value itself, times a constant."""

    kind: Literal["as_is"]
    scale: float = 1.0
    """What it is multiplied by."""
    missing: float = 0.0
    """What stands for a missing value, after scaling."""


class Cyclic(_Numeric):
    """`<name>_sin` and `<name>_cos` of a quantity that comes round again; both 0 where the value is missing."""

    kind: Literal["cyclic"]
    period: float = Field(gt=0)
    """After how much the quantity is the same again, in its own unit (24 for hours, 360 for degrees)."""
    clock: bool = False
    """Whether the value is a time of day written as digits, hour * 100 + minute; it becomes minutes first."""

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name the two coordinates, and the indicator."""
        return (f"{name}_sin", f"{name}_cos", *super().outputs(name)[1:])


class Piecewise(_Numeric):
    """How far the value has come through each bin between quantiles, as one vector; all 0 where it is missing.

    The boundaries b_0, ..., b_width are the minimum, the quantiles and the maximum of the analysed split; component i
    is `clip((x - b_i) / (b_(i+1) - b_i), 0, 1)`: 0 below the bin, 1 above it, a ramp inside. A value so frequent that
    a bin begins and ends at it makes that bin a step: 0 below, 1 above, one half at it.
    """

    kind: Literal["piecewise"]
    width: int = Field(default=16, ge=2, le=512)
    """Number of bins, and of numbers that come out."""
    indicator: bool = True
    """Whether to put out `<name>_missing` beside it: 1.0 where the raw value is missing, else 0.0."""


class Time(_Feature):
    """Cyclic parts of a date or time, two a part; all 0 where it is missing or is none.

    The column holds ISO 8601 text (`2013-01-31`, `2013-01-31T05:30:00Z`), as ingest writes dates and timestamps. The
    time counts as it is written, whatever its offset from UTC.
    """

    kind: Literal["time"]
    parts: tuple[Literal["hour", "weekday", "day_of_month", "day_of_year"], ...] = ("hour", "weekday", "day_of_year")
    """What comes out, each as `<name>_<part>_sin` and `<name>_<part>_cos`. The hour has its minutes and seconds."""
    trend: bool = False
    """Whether to put out `<name>_trend`, the z-score of the days: for what grows from year to year. What is served lies
    beyond what was learnt from."""
    indicator: bool = True
    """Whether to put out `<name>_missing`: 1.0 where the value is missing or is no date, else 0.0."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.parts and not self.trend:
            raise ValueError("give 'parts', or 'trend: true', or both")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("'parts' names a part twice")
        return self

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name two coordinates a part, the trend, and the indicator."""
        waves = [f"{name}_{part}_{wave}" for part in self.parts for wave in ("sin", "cos")]
        return (*waves, *([f"{name}_trend"] * self.trend), *([f"{name}_missing"] * self.indicator))


class Buckets(_Feature):
    """The index of the interval that the value is in; missing values have the last index to themselves."""

    kind: Literal["buckets"]
    count: int | None = Field(default=None, ge=2)
    """Number of buckets between quantiles of the analysed split, equally many rows in each."""
    boundaries: tuple[float, ...] = ()
    """Boundaries between buckets, rising; a value equal to one belongs above it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.count is None) == (not self.boundaries):
            raise ValueError("give either 'count' or 'boundaries'")
        _must_rise(self.boundaries)
        return self


class Vocabulary(_Feature):
    """The index of the value among the values seen, most frequent first, unseen ones behind."""

    kind: Literal["vocabulary"]
    top_k: int | None = Field(default=10_000, ge=1)
    """How many values to keep, the most frequent ones; of equally frequent ones those whose text is last in byte order.
    Null for all: each is a row of an embedding."""
    frequency_threshold: int = Field(default=0, ge=0)
    """How often a value must occur to be kept [rows]."""
    oov_buckets: int = Field(default=1, ge=1)
    """Number of indices that unseen and missing values are hashed into."""


class Text(_Feature):
    """The words of a text in their order, as indices among the words seen; 0 behind the last one.

    Words are runs of letters, marks and digits of any script, in lower case; all else separates them. The most frequent
    word is 1; unseen ones are behind the seen ones.
    """

    kind: Literal["text"]
    max_tokens: int = Field(default=32, ge=2, le=4096)
    """How many words of a text are looked at, from its start; the length of what comes out."""
    top_k: int | None = Field(default=10_000, ge=1)
    """How many words to keep, the most frequent ones; null for all."""
    frequency_threshold: int = Field(default=2, ge=0)
    """How often a word must occur in all texts together to be kept."""
    oov_buckets: int = Field(default=1, ge=1)
    """Number of indices that unseen words are hashed into."""


class Hash(_Feature):
    """A hash of the value; no analysis, no vocabulary, collisions."""

    kind: Literal["hash"]
    buckets: int = Field(ge=2)
    """Number of hash values."""


class Cross(_Declared):
    """A hash of several columns' values together."""

    kind: Literal["cross"]
    columns: tuple[str, ...] = Field(min_length=2)
    """The raw columns whose combination counts."""
    buckets: int = Field(ge=2)
    """Number of hash values."""
    boundaries: dict[str, tuple[float, ...]] = {}
    """Boundaries, rising, for columns of numbers: what counts of such a column is the bucket that its value is in."""

    @model_validator(mode="after")
    def _of_columns(self) -> Self:
        for column, boundaries in self.boundaries.items():
            if column not in self.columns:
                raise ValueError(f"boundaries: {column!r} is not among the columns of the cross")
            if not boundaries:
                raise ValueError(f"boundaries: {column!r} has none")
            _must_rise(boundaries)
        return self

    def inputs(self, name: str) -> tuple[str, ...]:
        """Name the columns that are crossed."""
        return self.columns


class Missing(_Feature):
    """1.0 where the raw value is missing, else 0.0."""

    kind: Literal["missing"]


Feature = Annotated[
    ZScore
    | Robust
    | MinMax
    | Log
    | AsIs
    | Cyclic
    | Piecewise
    | Time
    | Buckets
    | Vocabulary
    | Text
    | Hash
    | Cross
    | Missing,
    Field(discriminator="kind"),
]


def _must_rise(boundaries: tuple[float, ...]) -> None:
    if list(boundaries) != sorted(set(boundaries)):
        raise ValueError("boundaries must rise")
