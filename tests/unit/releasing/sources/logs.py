"""Prediction logs and labels as tests write them, and a source that may be started again at any look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.releasing.gates.observations import Comparison
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.prediction_log import LogSource
from penstock.releasing.sources.source import Asked, Seen, Served
from penstock.serving.prediction_log import Prediction, to_arrow

STEPS = {"shadow": True, "canary-5": False, "canary-10": False}
SINCE = datetime(2026, 1, 2, 3, tzinfo=UTC)
ASKED = Asked(Served("a", "sha256:aa"), Served("b", "sha256:bb"), SINCE, STEPS)


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
        "step": "shadow" if role == "shadow" else "canary-5",
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


def copied(request_id: str, **more: Any) -> Prediction:
    """The stable's answer to a request that the candidate gets a copy of."""
    return record(request_id, step="shadow", **more)


def write(folder: Path, name: str, records: Sequence[Prediction]) -> None:
    """Write one file of a log."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_batches([to_arrow(records)]), folder / f"{name}.parquet")


class Looking:
    """Looks at a log from its beginning on, one after the other.

    Args:
        folder: The log; it is made.
        gates: What is looked for.
        restarts: Whether each look is another process's.
    """

    def __init__(self, folder: Path, *gates: Gate, restarts: bool = False, asked: Asked = ASKED) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.gates, self.restarts, self.asked = folder, gates, restarts, asked
        self.source, self.cursor, self.files = LogSource(folder), "", 0
        self.look()

    def write(self, *records: Prediction) -> None:
        """Add a file to the log."""
        self.files += 1
        write(self.folder, f"{self.files:04}", records)

    def see(self) -> Seen:
        """Look, whatever comes of it."""
        if self.restarts:
            self.source = LogSource(self.folder)
        seen = self.source.observe(self.asked, self.gates, self.cursor)
        self.cursor = seen.cursor
        return seen

    def look(self) -> tuple[Comparison, ...]:
        """What is new, where nothing is in the way."""
        seen = self.see()
        assert not seen.problems
        return seen.comparisons
