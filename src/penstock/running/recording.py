"""What a run writes into the lineage, and when: RUNNING before the work, the end after it, cached work in batches."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock import __version__
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, RunRecord, State
from penstock.provenance.compiled import content_digest
from penstock.running.events import TaskReport
from penstock.running.jobs import Job
from penstock.sdk import ExitCode


def describe_run(run_id: str, pipeline: str, compiled: Path, parameters: Mapping[str, Any], now: datetime) -> RunRecord:
    """The record of a run that begins now, here."""
    return RunRecord(
        run_id=run_id,
        pipeline=pipeline,
        pipeline_digest=content_digest(compiled.read_bytes()),
        penstock_version=__version__,
        state=State.RUNNING,
        started=now,
        parameters=dict(parameters),
        user=_user(),
        host=os.uname().nodename,
    )


class Recorder:
    """Keeps the lineage of one run.

    Args:
        store: Where it is kept.
        run: The run.
    """

    def __init__(self, store: LineageStore, run: RunRecord) -> None:
        self._store = store
        self._run = run
        self._streak: list[ExecutionRecord] = []

    def begin(self, alive: Callable[[str], bool]) -> list[str]:
        """Record the run as running, and as failed those that died without a word; returns their ids."""
        dead = self._store.close_abandoned(alive)
        self._store.start_run(self._run)
        return dead

    def start(self, job: Job, attempt: int) -> ExecutionRecord:
        """Record an execution as running, before its work begins."""
        self.flush()
        record = self._describe(job, State.RUNNING, attempt)
        return record.model_copy(update={"id": self._store.start(record)})

    def finish(self, record: ExecutionRecord, report: TaskReport) -> None:
        """Record how an execution ended."""
        self._store.finish(record.model_copy(update=_ending(report)))

    def add(self, job: Job, report: TaskReport, *, cached_from: int | None = None) -> None:
        """Record soon an execution that ended without any work: taken from the cache, or refused."""
        record = self._describe(job, report.state, report.attempt)
        self._streak.append(record.model_copy(update={**_ending(report), "cached_from": cached_from}))

    def add_bare(self, report: TaskReport) -> None:
        """Record soon a task that never came to be an execution: skipped, or refused before it was understood."""
        now = datetime.now(UTC)
        record = ExecutionRecord(
            run_id=self._run.run_id,
            pipeline=self._run.pipeline,
            task=report.task,
            component=report.component,
            state=report.state,
            started=now,
        )
        self._streak.append(record.model_copy(update={**_ending(report), "ended": now}))

    def flush(self) -> None:
        """Record what has been added, in one transaction."""
        if self._streak:
            self._store.record(self._streak)
            self._streak = []

    def end(self, state: State, exit_code: ExitCode) -> None:
        """Record how the run ended."""
        self.flush()
        ended = {"state": state, "exit_code": int(exit_code), "ended": datetime.now(UTC)}
        self._store.finish_run(self._run.model_copy(update=ended))

    def _describe(self, job: Job, state: State, attempt: int) -> ExecutionRecord:
        return ExecutionRecord(
            run_id=self._run.run_id,
            pipeline=self._run.pipeline,
            task=job.label,
            component=job.component_name,
            state=state,
            started=datetime.now(UTC),
            parameters=dict(job.parameters),
            inputs=job.input_records(),
            cache_key=job.key,
            baseline_digest=job.baseline_digest,
            component_version=__version__,
            code_digest=job.code_digest,
            image_digest=job.environment.identity,
            attempt=attempt,
        )


def _ending(report: TaskReport) -> dict[str, Any]:
    return {
        "state": report.state,
        "ended": datetime.now(UTC),
        "seconds": report.seconds,
        "cpu_seconds": report.cpu_seconds,
        "peak_memory_bytes": report.peak_memory_bytes,
        "rows": report.rows,
        "outputs": report.outputs,
        "decision": report.decision,
        "error": report.why,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return str(os.getuid())
