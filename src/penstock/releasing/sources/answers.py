"""Answers in a prediction log, as far as gates need them: who answered, how well, how fast, on which slices."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.releasing.gates.spec import Gate, Slices
from penstock.releasing.reading import OVERALL
from penstock.releasing.sources.source import Asked
from penstock.serving.prediction_log import NO_ANSWER, NO_ROUTE, read_table

_COLUMNS = (
    *("request_id", "time", "role", "assigned", "backend", "digest", "step", "attempt", "route_revision"),
    *("status_code", "latency_ms", "scores", "fallback_reason"),
)
_FIRST_TRY = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer of one model to one request."""

    request_id: str
    """The request's id."""
    role: str
    """`stable`, `canary` or `shadow`."""
    assigned: str
    """Whom the route chose for the user's answer."""
    stratum: str
    """The step and the day that it was asked at: within one, both models had the same kind of traffic."""
    failed: bool
    """Whether the model gave no answer of its own."""
    latency_ms: float
    """How long it took [ms]."""
    scores: tuple[float, ...]
    """The model's outputs for the first row; empty where it did not answer."""
    features: dict[str, Any]
    """The raw features of the first row, where slices are wanted."""
    only_answered: bool = False
    """Whether it is of a log that says nothing of requests that failed, nor of time: KServe's logger's."""

    def slices(self, slices: Slices) -> Iterator[str]:
        """The slices that the request is in, `overall` first."""
        yield OVERALL
        for name in slices.every_value_of:
            if (value := self.features.get(name)) is not None:
                yield slice_name(name, value)
        for wanted in slices.only:
            name = wanted.partition("=")[0]
            if name not in slices.every_value_of and slice_name(name, self.features.get(name)) == wanted:
                yield wanted


def slice_name(feature: str, value: Any) -> str:
    """What a slice is called.

    Example:
        >>> slice_name("carrier", "HA"), slice_name("weekend", True), slice_name("hour", 7.0)
        ('carrier=HA', 'weekend=true', 'hour=7')
    """
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    else:
        text = str(value)
    return f"{feature}={text[:100]}"


def read_answers(
    files: Sequence[Path], asked: Asked, gates: Sequence[Gate], *, ids: frozenset[str] | None = None
) -> Iterator[Answer]:
    """Read the first answers of both models, in the order of the log, one file in memory at a time.

    What was tried again counts once, by its first try: a model that fails is not helped by the other that steps in. An
    answer of another bundle than the two that are asked for is left out.

    Args:
        files: Files of the log.
        asked: Which two models.
        gates: Features are read only where one of these has slices.
        ids: Only these requests.

    Raises:
        ValueError: A file is not of the log's form (operator).
    """
    with_features = any(gate.slices.wanted for gate in gates)
    columns = (*_COLUMNS, *(("features",) if with_features else ()))
    digests = {"stable": asked.stable.digest, "canary": asked.candidate.digest, "shadow": asked.candidate.digest}
    for path in files:
        table = read_table([path], columns)
        if ids is not None:
            import pyarrow as pa
            import pyarrow.compute as pc

            table = table.filter(pc.is_in(table["request_id"], value_set=pa.array(sorted(ids), pa.string())))
        for found in table.to_pylist():
            by_logger = found["route_revision"] == NO_ROUTE
            record = found | (_roles_by_service(found["backend"], asked) if by_logger else {})
            wanted = digests.get(record["role"])
            is_theirs = wanted is not None and (not wanted or record["digest"] in ("", wanted))
            if is_theirs and record["attempt"] == _FIRST_TRY:
                yield _answer(record, only_answered=by_logger)


def _roles_by_service(service: str, asked: Asked) -> dict[str, str]:
    """Whose answer it is, where the log names InferenceServices and knows no roles."""
    if service == asked.stable.workload.removesuffix("-predictor"):
        return {"role": "stable", "assigned": "stable"}
    if service == asked.candidate.workload.removesuffix("-predictor"):
        return {"role": "shadow", "assigned": "stable"} if asked.shadow else {"role": "canary", "assigned": "canary"}
    return {"role": "other", "assigned": "other"}


def _answer(record: dict[str, Any], *, only_answered: bool) -> Answer:
    scores = record["scores"]
    return Answer(
        request_id=record["request_id"],
        role=record["role"],
        assigned=record["assigned"],
        stratum=f"{record['step']} {record['time']:%Y-%m-%d}",
        failed=is_failed(record),
        latency_ms=record["latency_ms"],
        scores=tuple(scores[0]) if scores else (),
        features=first_row(record.get("features", "")),
        only_answered=only_answered,
    )


def is_failed(record: Mapping[str, Any]) -> bool:
    """Whether a record of the log says that the model gave no answer of its own.

    Example:
        >>> is_failed({"status_code": 404, "fallback_reason": ""}), is_failed({"status_code": 0, "fallback_reason": ""})
        (False, True)
    """
    code: int = record["status_code"]
    return code == NO_ANSWER or code >= 500 or record["fallback_reason"] == "model_failed"


def first_row(text: str) -> dict[str, Any]:
    """The raw features of the first row of a request; nothing where they cannot be read."""
    try:
        rows = json.loads(text) if text else []
    except ValueError:
        return {}
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def score_of(answer: Answer, output: int) -> float:
    """One output of the model; NaN where there is none.

    Example:
        >>> math.isnan(score_of(Answer("1", "stable", "stable", "", True, 1.0, (), {}), 0))
        True
    """
    return answer.scores[output] if output < len(answer.scores) else math.nan
