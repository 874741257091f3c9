"""What the lineage speaks of: runs, executions, artifacts.

Frozen values, the same whatever store keeps them. Times are UTC, ISO 8601 with microseconds in the store,
`datetime` here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from penstock.artifacts import Decision
from penstock.artifacts.base import Scalar


class State(StrEnum):
    """Where an execution or a run stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


class Record(BaseModel):
    """Base of all records."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ArtifactRecord(Record):
    """One artifact: content at an address."""

    kind: str
    """The noun."""
    uri: str
    digest: str
    name: str = ""
    """The name of the input or output that it is in the execution at hand."""
    metadata: dict[str, Scalar] = {}
    id: int | None = None
    """The store's own number; None before it is stored."""


class ExecutionRecord(Record):
    """One task of one run: what was asked, what was used, what came of it."""

    run_id: str
    pipeline: str
    task: str
    """The task's name in the pipeline; iterations of a loop have the index behind it: `train[2]`."""
    component: str
    state: State
    started: datetime
    ended: datetime | None = None
    seconds: float | None = None
    """Wall time of the work [s]; None while it runs, and for ever when it was killed."""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    rows: int | None = None
    parameters: dict[str, Any] = {}
    inputs: tuple[ArtifactRecord, ...] = ()
    outputs: tuple[ArtifactRecord, ...] = ()
    decision: Decision | None = None
    """A gate's verdict with its reasons."""
    error: str = ""
    """Why it failed, in one line."""
    cache_key: str = ""
    cached_from: int | None = None
    """The execution whose outputs were taken."""
    baseline_digest: str = ""
    """The previous blessed model that was looked up; empty where none was or none was asked for."""
    component_version: str = ""
    code_digest: str = ""
    image_digest: str = ""
    """The environment: an image's digest on a cluster, a digest of the installed packages here."""
    attempt: int = 1
    place: str = ""
    """What tells apart the works of one task in one run where the task's name does not: iterations on a cluster."""
    pod: str = ""
    """Where it ran on a cluster, for those who look for its log."""
    id: int | None = None


class RunRecord(Record):
    """One run of one pipeline."""

    run_id: str
    pipeline: str
    pipeline_digest: str
    """Digest of the compiled pipeline."""
    penstock_version: str
    state: State
    started: datetime
    ended: datetime | None = None
    exit_code: int | None = None
    parameters: dict[str, Any] = {}
    """The run's parameters, defaults included."""
    user: str = ""
    host: str = ""
    executions: tuple[ExecutionRecord, ...] = ()
    """In the order in which they started; empty in listings."""


def last_attempts(executions: Iterable[ExecutionRecord]) -> list[ExecutionRecord]:
    """The last attempt at each work, in the order in which the first ones are given.

    Example:
        >>> first = ExecutionRecord(
        ...     run_id="r", pipeline="p", task="a", component="c", state=State.FAILED, started=datetime(2026, 1, 1)
        ... )
        >>> other, again = first.model_copy(update={"task": "b"}), first.model_copy(update={"attempt": 2})
        >>> [(e.task, e.attempt) for e in last_attempts((first, other, again))]
        [('a', 2), ('b', 1)]
    """
    last: dict[tuple[str, str], ExecutionRecord] = {}
    for execution in executions:
        work = (execution.task, execution.place)
        if work not in last or last[work].attempt <= execution.attempt:
            last[work] = execution
    return list(last.values())
