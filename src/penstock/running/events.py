"""What a run tells while it goes on, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.artifacts import Decision
from penstock.lineage.records import ArtifactRecord, State
from penstock.sdk import ExitCode


@dataclass(frozen=True)
class TaskReport:
    """How one task ended."""

    id: str
    task: str
    component: str
    state: State
    seconds: float = 0.0
    """Wall time from its start to its end [s]; for a cached task, of finding it."""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    rows: int | None = None
    outputs: tuple[ArtifactRecord, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Output parameters."""
    decision: Decision | None = None
    why: str = ""
    """For failed and skipped tasks: one line."""
    attempt: int = 1
    log: Path | None = None
    bad_input: bool = False

    @property
    def rows_per_second(self) -> float | None:
        """Rows worked through per second of work; None where rows mean nothing or nothing was done."""
        if self.state is not State.COMPLETE or not self.rows or self.seconds <= 0:
            return None
        return self.rows / self.seconds


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    run_id: str
    pipeline: str
    state: State
    exit_code: ExitCode
    started: datetime
    seconds: float
    parameters: Mapping[str, Any]
    tasks: tuple[TaskReport, ...]
    """In the order in which they ended."""


@dataclass(frozen=True)
class RunStarted:
    """A run has begun."""

    run_id: str
    pipeline: str


@dataclass(frozen=True)
class TaskStarted:
    """A task's process was ordered."""

    id: str
    task: str
    attempt: int


@dataclass(frozen=True)
class TaskProgress:
    """A task said how far it is."""

    id: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class TaskRetrying:
    """A task failed and will be tried again."""

    id: str
    why: str
    in_seconds: float


@dataclass(frozen=True)
class TaskEnded:
    """A task has ended, done, cached, failed, skipped or interrupted."""

    report: TaskReport


@dataclass(frozen=True)
class Note:
    """Something a person should know, in one line."""

    text: str


@dataclass(frozen=True)
class RunEnded:
    """The run has ended."""

    result: RunResult


Event = RunStarted | TaskStarted | TaskProgress | TaskRetrying | TaskEnded | Note | RunEnded
OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
