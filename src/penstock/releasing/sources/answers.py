"""Answers in a prediction log, as far as gates need them: who answered, how well, how fast, on which slices."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.releasing.gates.spec import Gate, Slices
from penstock.releasing.reading import OVERALL
from penstock.releasing.sources.source import Asked
from penstock.serving.prediction_log import NO_ANSWER, NO_ROUTE, read_table

_COLUMNS = (
    *("request_id", "time", "role", "assigned", "backend", "digest", "step", "route_revision"),
    *("status_code", "latency_ms", "scores", "fallback_reason"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model answered to one request."""

    request_id: str
    """The request's id."""
    by_candidate: bool
    """Whether the candidate answered, or else the stable."""
    copied: bool
    """Whether it was asked in shadow: then it counts together with the other model's answer."""
    stratum: str
    """The step and the day that it was asked at: within one, both models had the same kind of traffic."""
    failed: bool
    """Whether the model gave no answer of its own."""
    latency_ms: float
    """How long it took [ms]."""
    scores: tuple[float, ...]
    """The model's outputs for the first row; empty where it did not answer."""
    features: Mapping[str, Any]
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


def features_of(gates: Sequence[Gate]) -> frozenset[str]:
    """The features that the gates' slices are made of."""
    every = {name for gate in gates for name in gate.slices.every_value_of}
    return frozenset(every | {one.partition("=")[0] for gate in gates for one in gate.slices.only})


def read_answers(
    path: Path, asked: Asked, features: frozenset[str] = frozenset(), *, ids: Set[str] | None = None
) -> Iterator[Answer]:
    """Read what both models answered in an attempt, in the order of the log.

    Where one model had to step in for the other, its answer is left out: it is neither held against the one that failed
    nor for the one that helped. So is an answer of another bundle than the two that are asked for.

    Args:
        path: A file of the log.
        asked: Which attempt of which two models. A log that knows no steps is in shadow if this says so.
        features: The features to read.
        ids: Only these requests.

    Raises:
        ValueError: The file is not of the log's form (operator).
    """
    table = read_table([path], (*_COLUMNS, *(("features",) if features else ())))
    if ids is not None:
        table = table.take([row for row, found in enumerate(table["request_id"].to_pylist()) if found in ids])
    for record in table.to_pylist():
        by_logger = record["route_revision"] == NO_ROUTE
        copied = asked.shadow if by_logger else asked.steps.get(record["step"])
        if by_logger:
            record.update(_roles_by_service(record["backend"], asked))
        served = {"stable": asked.stable, "canary": asked.candidate, "shadow": asked.candidate}.get(record["role"])
        stepped_in = record["role"] not in ("shadow", record["assigned"])
        if served is None or copied is None or stepped_in or record["time"] < asked.since:
            continue
        if not served.digest or record["digest"] in ("", served.digest):
            yield _answer(record, features, copied=copied, only_answered=by_logger)


def _roles_by_service(service: str, asked: Asked) -> dict[str, str]:
    """Whose answer it is, where the log names InferenceServices and knows no roles."""
    if service == asked.stable.workload.removesuffix("-predictor"):
        return {"role": "stable", "assigned": "stable"}
    if service == asked.candidate.workload.removesuffix("-predictor"):
        return {"role": "shadow", "assigned": "stable"} if asked.shadow else {"role": "canary", "assigned": "canary"}
    return {"role": "other", "assigned": "other"}


def _answer(record: dict[str, Any], features: frozenset[str], *, copied: bool, only_answered: bool) -> Answer:
    row = first_row(record["features"]) if features else {}
    return Answer(
        request_id=record["request_id"],
        by_candidate=record["role"] != "stable",
        copied=copied or record["role"] == "shadow",
        stratum=f"{record['step']} {record['time']:%Y-%m-%d}",
        failed=is_failed(record),
        latency_ms=record["latency_ms"],
        scores=tuple(record["scores"][0]) if record["scores"] else (),
        features={name: row[name] for name in features if name in row},
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
        >>> math.isnan(score_of(Answer("1", False, False, "", True, 1.0, (), {}), 0))
        True
    """
    return answer.scores[output] if output < len(answer.scores) else math.nan
