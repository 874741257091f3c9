"""What both models answered in one attempt, request by request, as far as it is needed to pair answers and join labels.

Read from the prediction log file by file. After a restart it is read again from the attempt's beginning: what is
remembered is a function of the log alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.sources.answers import slice_name
from penstock.serving.prediction_log import NO_ANSWER, Role, log_files, read_table

MOST_REQUESTS = 300_000
"""Requests that are remembered; of more, the oldest get no label any more."""
_SERVER_ERROR = 500
_COLUMNS = (
    *("request_id", "time", "role", "assigned", "digest", "step", "status_code"),
    *("latency_ms", "scores", "features", "fallback_reason"),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """One model's answer to one request."""

    request_id: str
    role: Role
    step: str
    failed: bool
    latency_ms: float
    scores: tuple[float, ...]
    """What it said of the first row; empty where it said nothing."""
    features: Mapping[str, Any]
    """Of the first row, those that slices are made of."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which answers belong to an attempt."""

    started: datetime
    stable: str
    """The stable bundle's digest."""
    candidate: str
    """The candidate's."""
    steps: frozenset[str]
    """The steps of its ladder: what is answered before the first is a warm-up, which nothing judges."""


class Memory:
    """The answers of one attempt.

    Args:
        folder: The prediction log.
        attempt: Which answers count.
        features: The features that slices are made of.
    """

    def __init__(self, folder: Path, attempt: Attempt, features: frozenset[str]) -> None:
        self._folder = folder
        self._attempt = attempt
        self._features = features
        self._requests: dict[str, dict[Role, Answered]] = {}
        self.last_file = f"{attempt.started:%Y%m%dT%H%M%S.%f}"
        """The last file that was read; names are times."""

    def read_on(self, until: str = "") -> Iterator[Answered]:
        """Read files that are new, and yield each answer the first time that it is met.

        Args:
            until: The last file to read; all where nothing is said.

        Raises:
            ValueError: A file is not of a prediction log's form (operator).
        """
        for path in log_files(self._folder, after=self.last_file):
            if until and path.name > until:
                return
            for answered in _answers(path, self._attempt, self._features):
                if self._is_new(answered):
                    yield answered
            self.last_file = path.name

    def answers(self, request_id: str) -> Mapping[Role, Answered]:
        """What is remembered of one request."""
        return self._requests.get(request_id, {})

    def _is_new(self, answered: Answered) -> bool:
        known = self._requests.get(answered.request_id)
        if known is None:
            if len(self._requests) >= MOST_REQUESTS:
                self._requests.pop(next(iter(self._requests)))
            self._requests[answered.request_id] = {answered.role: answered}
            return True
        if answered.role in known:
            return False
        known[answered.role] = answered
        return True


def features_of(gates: Gates) -> frozenset[str]:
    """The features that the gates' slices are made of."""
    every = {name for gate in gates.gates for name in gate.slices.every_value_of}
    return frozenset(every | {one.partition("=")[0] for gate in gates.gates for one in gate.slices.only})


def slices_of(gate: Gate, features: Mapping[str, Any]) -> Iterator[str]:
    """The slices of a gate that a request belongs to, beside the whole.

    Example:
        >>> gate = Gate(name="e", metric="errorRate", source={"kind": "predictionLog"}, slices={"only": ["carrier=UA"]})
        >>> list(slices_of(gate, {"carrier": "UA", "hour": 5}))
        ['carrier=UA']
    """
    for name, value in features.items():
        one = slice_name(name, value)
        if (value is not None and name in gate.slices.every_value_of) or one in gate.slices.only:
            yield one


def _answers(path: Path, attempt: Attempt, features: frozenset[str]) -> Iterator[Answered]:
    """The answers in one file that belong to an attempt: of each request and model the last try, failed if any was."""
    digests: dict[str, str] = {"stable": attempt.stable, "canary": attempt.candidate, "shadow": attempt.candidate}
    found: dict[tuple[str, Role], Answered] = {}
    for row in read_table([path], _COLUMNS).to_pylist():
        ours = row["digest"] in {"", digests[row["role"]]} and row["time"] >= attempt.started
        stepped_in = row["role"] != "shadow" and row["role"] != row["assigned"]
        if not ours or stepped_in or row["step"] not in attempt.steps:
            continue
        key = (row["request_id"], row["role"])
        code = row["status_code"]
        failed = code == NO_ANSWER or code >= _SERVER_ERROR or row["fallback_reason"] == "model_failed"
        found[key] = Answered(
            request_id=row["request_id"],
            role=row["role"],
            step=row["step"],
            failed=failed or (key in found and found[key].failed),
            latency_ms=row["latency_ms"],
            scores=tuple(row["scores"][0]) if row["scores"] else (),
            features=_first(row["features"], features) if features else {},
        )
    yield from found.values()


def _first(text: str, wanted: Iterable[str]) -> dict[str, Any]:
    rows = json.loads(text) if text else []
    return {name: rows[0][name] for name in sorted(wanted) if rows and name in rows[0]}
