"""What an exchange with a model server means to the prediction log: pure, from the bytes of both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from penstock.artifacts.features import MISSING
from penstock.serving.binary_tensors import read_request
from penstock.serving.gateway.grpc_messages import read_infer_request, read_infer_response
from penstock.serving.gateway.messages import FALLBACK, RULES, Answer, Request
from penstock.serving.gateway.routing import Assigned
from penstock.serving.prediction_log import NO_ANSWER, Prediction, Role, Scores
from penstock.serving.requests import BadRequest

LOGGED_BYTES = 256 * 1024
"""A body longer than this is not looked into [bytes]: rows and scores of it are not logged."""
_ERROR_CHARACTERS = 300
_LENGTH = b"inference-header-content-length"


@dataclass(slots=True)
class Exchange:
    """One try of one request at one model server."""

    request: Request
    answer: Answer | None
    """None where there was none."""
    error: str
    """Why there was none."""
    role: Role
    assigned: Assigned
    backend: str
    digest: str
    step: str
    route_revision: int
    attempt: int
    delivered: bool
    latency_seconds: float

    @property
    def held_bytes(self) -> int:
        """What it keeps in memory, about [bytes]."""
        return len(self.request.body) + (len(self.answer.body) if self.answer else 0) + 2048


def describe(exchange: Exchange) -> Prediction:
    """Say what an exchange was, as the prediction log wants it."""
    request, answer = exchange.request, exchange.answer
    protocol, model_name = request.model()
    if protocol == "grpc":
        model_name, rows = _grpc_features(request)
    else:
        rows = _features(request, protocol)
    scores: Scores = ()
    fallback = reason = error = ""
    fired: tuple[str, ...] = ()
    if answer is None:
        error = exchange.error
    elif answer.status == 200:
        said = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        if protocol == "grpc":
            scores, in_body = _grpc_scores(answer)
            said |= in_body
        else:
            scores = _scores(answer, protocol)
        fired = tuple(name for name in said.get(RULES.decode(), "").split(",") if name)
        fallback, _, reason = said.get(FALLBACK.decode(), "").partition(";")
    else:
        error = answer.body.decode("utf-8", "replace") if protocol == "grpc" else _error(answer)
    return Prediction(
        request_id=request.id,
        time=datetime.fromtimestamp(request.time_seconds, UTC),
        model_name=model_name,
        protocol=protocol,
        role=exchange.role,
        assigned=exchange.assigned,
        backend=exchange.backend,
        digest=exchange.digest,
        step=exchange.step,
        route_revision=exchange.route_revision,
        attempt=exchange.attempt,
        delivered=exchange.delivered,
        status_code=answer.status if answer else NO_ANSWER,
        latency_ms=exchange.latency_seconds * 1000,
        rows=len(rows) or len(scores),
        scores=scores,
        features=orjson.dumps(rows).decode() if rows else "",
        rules=fired,
        fallback=fallback,
        fallback_reason=reason,
        request_bytes=len(request.body),
        response_bytes=len(answer.body) if answer else 0,
        error=" ".join(error.split())[:_ERROR_CHARACTERS],
    )


def _features(request: Request, protocol: str) -> list[dict[str, Any]]:
    """The rows of a request; none where it cannot be read."""
    if len(request.body) > LOGGED_BYTES:
        return []
    try:
        if protocol == "v1":
            rows = orjson.loads(request.body)["instances"]
            return rows if all(isinstance(row, dict) for row in rows) else []
        length = request.header(_LENGTH).decode("latin-1")
        if length:
            _, tensors = read_request(request.body, length)
            columns = {tensor.name: _plain(tensor.data) for tensor in tensors}
        else:
            columns = {tensor["name"]: _plain(tensor["data"]) for tensor in orjson.loads(request.body)["inputs"]}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    except (BadRequest, KeyError, TypeError, ValueError):
        return []


def _grpc_features(request: Request) -> tuple[str, list[dict[str, Any]]]:
    if len(request.body) > LOGGED_BYTES:
        return "", []
    try:
        name, tensors = read_infer_request(request.body)
        columns = {tensor: _plain(values) for tensor, values in tensors.items()}
        return name, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    except ValueError:
        return "", []


def _grpc_scores(answer: Answer) -> tuple[Scores, dict[str, str]]:
    try:
        return read_infer_response(answer.body) if len(answer.body) <= LOGGED_BYTES else ((), {})
    except ValueError:
        return (), {}


def _plain(data: Any) -> list[Any]:
    """A tensor's values as JSON has them: flat, text as text, missing as null."""
    values = data.tolist() if isinstance(data, np.ndarray) else data
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [_value(value) for value in flat]


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value == MISSING["int"] or (isinstance(value, float) and math.isnan(value)) else value


def _scores(answer: Answer, protocol: str) -> Scores:
    if len(answer.body) > LOGGED_BYTES:
        return ()
    try:
        if protocol == "v1":
            values = [row["score"] for row in orjson.loads(answer.body)["predictions"]]
            return tuple(_row(value) for value in values)
        length = answer.header(_LENGTH).decode("latin-1")
        head = orjson.loads(answer.body[: int(length)] if length else answer.body)
        output = next(item for item in head["outputs"] if item["name"] == "score")
        data = np.frombuffer(answer.body[int(length) :], "<f4") if "data" not in output else np.array(output["data"])
        return tuple(map(tuple, data.astype(float).reshape(output["shape"]).tolist()))
    except (KeyError, TypeError, ValueError, StopIteration):
        return ()


def _row(value: Any) -> tuple[float, ...]:
    """The outputs of one row; none where a rule held them back."""
    if value is None:
        return ()
    return tuple(float(each) for each in value) if isinstance(value, list) else (float(value),)


def _error(answer: Answer) -> str:
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        return f"HTTP {answer.status}"
    return str(found.get("error", "")) if isinstance(found, dict) else f"HTTP {answer.status}"
