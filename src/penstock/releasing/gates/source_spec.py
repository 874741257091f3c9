"""Where the observations of a gate come from, as the release's author says it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from penstock.releasing.base import Part

Query = Annotated[str, Field(max_length=2000)]


class SourceKind(StrEnum):
    """A kind of source."""

    PROMETHEUS = "prometheus"
    """Counters and histograms of the serving mesh or of the model server."""
    PREDICTION_LOG = "predictionLog"
    """Each request and its answer, as the gateway or KServe's logger recorded it."""
    LABELS = "labels"
    """A table that is joined to the prediction log by request id, some time later."""


class Dialect(StrEnum):
    """Whose metric names the queries use where none is written."""

    ISTIO = "istio"
    """`istio_requests_total`, `istio_request_duration_milliseconds_bucket`, by `destination_workload`."""
    KNATIVE = "knative"
    """`revision_request_count`, `revision_request_latencies_bucket` (queue-proxy to 1.18), by `revision_name`."""
    TRITON = "triton"
    """`nv_inference_request_success` and `nv_inference_request_failure`, by `pod`; it has no latency histogram."""
    KSERVE = "kserve"
    """`request_predict_seconds_bucket` of KServe's Python server, by `pod`; it has no status, hence no errors."""


class Queries(Part):
    """PromQL for counters that only grow; `$workload` and `$namespace` stand for the arm that is asked for.

    No `rate`, `increase` or `sum` is needed: differences are taken from look to look and series by series, so that a
    restarted pod is seen, and nothing is extrapolated.
    """

    requests: Query = ""
    """Requests, or observations of the metric."""
    errors: Query = ""
    """Requests that failed."""
    buckets: Query = ""
    """Buckets of the latency histogram, with the label `le`."""
    total: Query = ""
    """Sum of the metric's values, for `business`."""


class Loss(StrEnum):
    """How wrong one prediction was, given its label; between 0 and the gate's range."""

    ABSOLUTE = "absoluteError"
    """Distance between prediction and label."""
    SQUARED = "squaredError"
    """Square of that distance: the Brier score for probabilities."""
    ZERO_ONE = "zeroOne"
    """1 where the prediction is on the other side of `threshold` than the label, else 0: one minus accuracy."""
    LOG = "logLoss"
    """Minus the logarithm of the probability that was given to the label."""


class Source(Part):
    """One source of observations."""

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "self.kind != 'labels' || (has(self.labels) && size(self.labels) > 0)",
            "where are the labels? say `labels: <folder or URL of CSV or Parquet files>`",
        ),
    )

    kind: SourceKind = SourceKind.PROMETHEUS
    """Which kind."""
    url: Annotated[str, Field(max_length=500)] = ""
    """Address of Prometheus, or folder of the prediction log. Empty: the one that the controller was started with."""
    dialect: Dialect = Dialect.ISTIO
    """For `prometheus`: whose metric names are used."""
    queries: Queries = Queries()
    """For `prometheus`: queries that replace those of the dialect."""
    labels: Annotated[str, Field(max_length=500)] = ""
    """For `labels`: folder or URL of CSV or Parquet files; only the last by name may grow. It must be there from the
    beginning: put an empty table into it where no labels came yet."""
    id_column: Annotated[str, Field(min_length=1, max_length=100)] = "request_id"
    """For `labels`: column with the request's id."""
    value_column: Annotated[str, Field(min_length=1, max_length=100)] = "label"
    """For `labels`: column with the true label, or with the number that a business metric averages."""
    loss: Loss = Loss.SQUARED
    """For `quality`: how wrong a prediction was."""
    threshold: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    """For `zeroOne`: from which value on a prediction means yes."""
    output: Annotated[int, Field(ge=0)] = 0
    """Which of the model's outputs is the prediction, counted from 0."""

    @model_validator(mode="after")
    def _labels_are_somewhere(self) -> Self:
        if self.kind is SourceKind.LABELS and not self.labels:
            raise ValueError(self.CEL[0][1])
        return self
