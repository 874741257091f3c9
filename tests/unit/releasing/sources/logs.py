"""Prediction logs as tests write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.releasing.sources.source import Asked, Served
from penstock.serving.prediction_log import Prediction, to_arrow

ASKED = Asked(Served("a", "sha256:aa"), Served("b", "sha256:bb"))


def record(request_id: str, role: str = "stable", **more: Any) -> Prediction:
    """A record of one answer, ordinary but for what is said."""
    features = more.pop("features", {})
    fields: dict[str, Any] = {
        "request_id": request_id,
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "model_name": "flights",
        "protocol": "v1",
        "role": role,
        "assigned": "stable" if role == "shadow" else role,
        "backend": "a" if role == "stable" else "b",
        "digest": "sha256:aa" if role == "stable" else "sha256:bb",
        "step": "canary-5",
        "route_revision": 3,
        "attempt": 1,
        "delivered": role != "shadow",
        "status_code": 200,
        "latency_ms": 10.0,
        "rows": 1,
        "scores": ((0.25,),),
        "features": json.dumps([features]),
        "rules": (),
        "fallback": "",
        "fallback_reason": "",
        "request_bytes": 100,
        "response_bytes": 50,
        "error": "",
    }
    return Prediction(**{**fields, **more})


def write(folder: Path, name: str, records: Sequence[Prediction]) -> None:
    """Write one file of a log."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_batches([to_arrow(records)]), folder / f"{name}.parquet")
