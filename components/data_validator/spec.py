"""The interface of `data_validator`."""

from penstock.artifacts import Anomalies, Examples, Schema, Statistics
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params


class DataValidatorParams(Params):
    """The schema that holds, and how much deviation is borne."""


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
