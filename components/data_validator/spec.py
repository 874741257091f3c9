"""The interface of `data_validator`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.artifacts import Anomalies, Examples, Schema, Statistics
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params


class RowRule(BaseModel):
    """What must hold between a column and a number or another column, in every row that has both."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    column: str
    must_be: Literal["less_than", "at_most", "equal_to", "different_from", "at_least", "greater_than"]
    value: float | None = None
    """The number to compare with."""
    other: str = ""
    """The column to compare with, instead of a number."""

    @model_validator(mode="after")
    def _one_operand(self) -> Self:
        if (self.value is None) == (not self.other):
            raise ValueError("a rule compares with either 'value' or 'other'")
        return self


class DataValidatorParams(Params):
    """The schema that holds, and how much deviation is borne."""

    reviewed_schema: str = ""
    """The schema as text (TensorFlow Metadata, `schema.pbtxt`), reviewed and kept in Git; thresholds for skew and drift
    are in it. Empty: one is inferred from the training split, for review."""
    environment: str = ""
    """Which of the schema's environments holds; empty: all of its features are expected."""
    train_split: str = "train"
    """The split that a schema is inferred from, and that the others are compared with for skew."""
    max_quarantine_fraction: float = Field(default=0.01, ge=0.0, le=1.0)
    """The largest share of a split's rows [fraction] that may be set aside as bad; above it nothing goes on."""
    rules: dict[str, RowRule] = {}
    """Rules that every row must keep, by name; a row that breaks one is set aside."""


SPEC = ComponentSpec(
    name="data_validator",
    stage="validate",
    image="runtime",
    summary="Compute statistics, hold them against the schema, quarantine bad rows, decide what follows.",
    params=DataValidatorParams,
    inputs={
        "examples": In(Examples),
        "previous": In(Statistics, optional=True, lookup=Lookup("previous", other_than="examples")),
    },
    outputs={
        "accepted": Out(Examples),
        "statistics": Out(Statistics),
        "schema": Out(Schema),
        "anomalies": Out(Anomalies),
    },
    gate=True,
    warm=("tensorflow_data_validation",),
)
