"""The interface of `transform`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.artifacts import Examples, Schema, TransformedExamples, TransformGraph
from penstock.sdk import ComponentSpec, In, Out, Params


class _Feature(BaseModel):
    """What all features have."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    column: str = ""
    """The raw column it is made from; the feature's own name by default."""


class _Numeric(_Feature):
    indicator: bool = False
    """Whether to put out `<name>_missing` beside it: 1.0 where the raw value is missing, else 0.0."""


class ZScore(_Numeric):
    """`(x - mean) / standard deviation` of the values present; 0 where the value is missing."""

    kind: Literal["z_score"]


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
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("boundaries must rise")
        return self


class Vocabulary(_Feature):
    """The index of the value among the values seen, most frequent first, unseen ones behind."""

    kind: Literal["vocabulary"]
    top_k: int | None = Field(default=None, ge=1)
    """How many values to keep; all by default."""
    frequency_threshold: int = Field(default=0, ge=0)
    """How often a value must occur to be kept [rows]."""
    oov_buckets: int = Field(default=1, ge=1)
    """Number of indices that unseen and missing values are hashed into."""


class Hash(_Feature):
    """A hash of the value; no analysis, no vocabulary, collisions."""

    kind: Literal["hash"]
    buckets: int = Field(ge=2)
    """Number of hash values."""


class Cross(BaseModel):
    """A hash of several columns' values together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["cross"]
    columns: tuple[str, ...] = Field(min_length=2)
    """The raw columns whose combination counts."""
    buckets: int = Field(ge=2)
    """Number of hash values."""


class Missing(_Feature):
    """1.0 where the raw value is missing, else 0.0."""

    kind: Literal["missing"]


Feature = Annotated[
    ZScore | MinMax | Log | AsIs | Cyclic | Buckets | Vocabulary | Hash | Cross | Missing,
    Field(discriminator="kind"),
]


class TransformParams(Params):
    """Which columns become which features."""

    label: str
    """The column to learn. It is copied, never a feature."""
    features: dict[str, Feature] = {}
    """Features by name, each with its `kind`."""
    preprocessing_fn: str = ""
    """Python source of a module with `def preprocessing_fn(inputs)` of ordinary TensorFlow Transform code, instead of
    `features`. It is the pipeline author's code and runs as such. Inputs are dense tensors of shape (n,)."""
    analyze_split: str = "train"
    """The split that means, vocabularies and quantiles are taken from."""
    leave_out: tuple[str, ...] = ("quarantine",)
    """Splits that are not transformed."""
    engine: Literal["auto", "in_process", "beam"] = "auto"
    """Who computes the analysis. `in_process`: vectorised, in this process; refuses analyzers that it does not know.
    `beam`: Apache Beam. `auto`: in process where possible, else Beam."""
    batch_rows: int = Field(default=131_072, ge=1)
    """How many rows are in memory at once [rows]."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.features) == bool(self.preprocessing_fn.strip()):
            raise ValueError("give either 'features' or 'preprocessing_fn'")
        if self.label in self.features:
            raise ValueError(f"the label {self.label!r} cannot be a feature")
        return self


SPEC = ComponentSpec(
    name="transform",
    stage="transform",
    image="runtime",
    summary="Fit the TFT graph on the training split and apply it to every split.",
    params=TransformParams,
    inputs={"examples": In(Examples), "schema": In(Schema)},
    outputs={"transform_graph": Out(TransformGraph), "transformed_examples": Out(TransformedExamples)},
    warm=("tensorflow_transform",),
)
