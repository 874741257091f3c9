"""Traffic as a prediction log shows it: the stable's errors, latencies and predictions by time of day, and slices."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.spec import Slices
from penstock.releasing.simulating.many_contrasts import Array
from penstock.releasing.simulating.traffic import PARTS, Traffic
from penstock.releasing.sources.answers import first_row, is_failed, slice_name
from penstock.sdk import BadInput
from penstock.serving.prediction_log import log_files, read_table

LEAST_REQUESTS = 200
"""Requests without which a log shows nothing."""
MOST_REQUESTS = 500_000
"""Of a longer log the newest so many are read: they are held in memory."""
_COLUMNS = ("time", "role", "attempt", "status_code", "latency_ms", "fallback_reason", "scores")
_BLOCK_REQUESTS = 2000
"""Requests of one block of time, at least: fewer would show chance as if it were a time of day."""
_MOST_BLOCKS = 48


@dataclass(frozen=True)
class LogTraffic:
    """What a log shows."""

    traffic: Traffic
    """The traffic."""
    requests: int
    """Requests that it was taken from."""
    requests_per_day: float
    """How many there were a day."""


def traffic_from_log(folder: Path, slices: Slices | None = None, output: int = 0) -> LogTraffic:
    """Read the traffic of the stable model from a prediction log.

    Args:
        folder: The log.
        slices: Of the first feature of which every value is a slice, the busiest values are taken.
        output: Which of the model's outputs is the prediction.

    Raises:
        BadInput: There is no such log, or too little in it (caller).
    """
    files = log_files(folder)
    feature = slices.every_value_of[0] if slices and slices.every_value_of else ""
    columns = [*_COLUMNS, *(["features"] if feature else [])]
    rows: list[_Row] = []
    try:
        for path in reversed(files):
            records = read_table([path], columns).to_pylist()
            rows += [
                _row(each, feature, output) for each in records if each["role"] == "stable" and each["attempt"] == 1
            ]
            if len(rows) >= MOST_REQUESTS:
                break
    except ValueError as error:
        raise BadInput(str(error), "name the folder that the gateway writes its log to") from None
    if len(rows) < LEAST_REQUESTS:
        raise BadInput(
            f"{folder} holds {len(rows)} requests to the stable model, and {LEAST_REQUESTS} are needed",
            "name the folder of a prediction log, or leave --from out to rehearse on invented traffic",
        )
    rows.sort(key=lambda row: row.time)
    span = (rows[-1].time - rows[0].time).total_seconds()
    return LogTraffic(_traffic(rows, slices), len(rows), len(rows) / max(span, 1.0) * 86_400)


@dataclass(frozen=True, slots=True)
class _Row:
    time: datetime
    failed: bool
    bin: int
    slice: str
    score: float


def _row(record: Mapping[str, Any], feature: str, output: int) -> _Row:
    value = first_row(record["features"]).get(feature) if feature else None
    said = record["scores"][0] if record["scores"] else ()
    return _Row(
        record["time"],
        is_failed(record),
        bisect_left(EDGES_MS, record["latency_ms"]),
        "" if value is None else slice_name(feature, value),
        said[output] if output < len(said) else math.nan,
    )


def _traffic(rows: Sequence[_Row], slices: Slices | None) -> Traffic:
    blocks = np.array_split(np.arange(len(rows)), min(max(len(rows) // _BLOCK_REQUESTS, 1), _MOST_BLOCKS))
    failed = np.array([row.failed for row in rows], float)
    bins = np.array([row.bin for row in rows])
    scores = np.array([row.score for row in rows])
    seen = Counter(row.slice for row in rows if row.slice)
    names = [name for name, _ in sorted(seen.items(), key=lambda item: (-item[1], item[0]))]
    names = names[: slices.limit] if slices else []
    of_slice = np.array([names.index(row.slice) + 1 if row.slice in names else 0 for row in rows])
    # A slice has too few requests in one block: its rate over all of them follows that of the block.
    overall = failed.mean()
    count = np.bincount(of_slice, minlength=len(names) + 1)
    bad = np.bincount(of_slice, weights=failed, minlength=len(names) + 1)
    relative = bad / np.maximum(count, 1) / overall if overall else np.zeros(len(count))
    by_block = np.array([failed[block].mean() for block in blocks])
    latencies = [np.bincount(bins[block], minlength=len(EDGES_MS) + 1) / len(block) for block in blocks]
    return Traffic(
        error_rates=np.clip(by_block[:, None] * relative[None, :], 0.0, 1.0),
        slice_shares=count / len(rows),
        latency_shares=np.array(latencies),
        scores=np.array([_quantiles(scores[block], scores) for block in blocks]),
        slice_names=tuple(names),
    )


def _quantiles(scores: Array, whole: Array) -> Array:
    """Predictions of one block of time that are as likely as each other; of the whole log where the block has none."""
    for some in (scores, whole):
        known = some[~np.isnan(some)]
        if len(known):
            return np.asarray(np.quantile(known, PARTS, method="inverted_cdf"))
    return np.empty(0)
