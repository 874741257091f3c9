"""What a container writes into the lineage, and when: RUNNING before the work, the end after it, whatever the end is.

A run on a cluster has no process of its own that could record its end: its state is that of what its tasks recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from penstock import __version__
from penstock.launching.settings import Settings
from penstock.launching.work import Work
from penstock.lineage.errors import UnknownRun
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, RunRecord, State, last_attempts

GONE = "The pod ended without saying how (killed, or its node went down)"
"""The error of an attempt that a later attempt at the same work found unfinished."""
_ENDED_WELL = {State.COMPLETE, State.CACHED, State.SKIPPED}


class Recorder:
    """Keeps the lineage of one task of one run.

    Args:
        store: Where it is kept.
        settings: Which task of which run.
        component: The component's name.
        place: What tells its work apart from that of other iterations.
    """

    def __init__(self, store: LineageStore, settings: Settings, component: str, place: str) -> None:
        self._store, self._settings = store, settings
        self._component, self._place = component, place
        self._started = datetime.now(UTC)
        self._attempt = 1

    def begin(self) -> None:
        """Record that the run works, and as failed the attempts at this work whose pods are gone.

        Another attempt at the same work starts only when the pod before it has ended: nothing else must be asked to
        know that it is not alive. What belongs to other tasks and runs is theirs to close.
        """
        run = self._find_run()
        before = [e for e in run.executions if (e.task, e.place) == (self._settings.task, self._place)] if run else []
        now = datetime.now(UTC)
        lost = [e for e in before if e.state is State.RUNNING]
        ended = {"state": State.FAILED, "ended": now}
        self._store.record(
            [e.model_copy(update={**ended, "error": f"{GONE}: {e.pod}" if e.pod else GONE}) for e in lost]
        )
        self._attempt = max((e.attempt for e in before), default=0) + 1
        if run is None or run.state is not State.RUNNING:
            self._store.start_run(self._describe_run(run))

    def start(self, work: Work) -> ExecutionRecord:
        """Record the execution as running, before its work begins."""
        record = self._describe(work)
        return record.model_copy(update={"id": self._store.start(record)})

    def finish(self, record: ExecutionRecord | None, **ending: Any) -> None:
        """Record how the execution ended, and what that makes of the run.

        Args:
            record: As `start` gave it; None for one that ended before it could be started.
            **ending: Fields of the record.
        """
        known = record or self._describe(None)
        self._store.finish(known.model_copy(update={"ended": datetime.now(UTC), **ending}))
        run = self._find_run()
        if run is not None:
            state = state_of(run.executions)
            ended = None if state is State.RUNNING else datetime.now(UTC)
            self._store.finish_run(run.model_copy(update={"state": state, "ended": ended, "executions": ()}))

    def _find_run(self) -> RunRecord | None:
        try:
            found = self._store.run(self._settings.run_id)
        except UnknownRun:
            return None
        return found if found.run_id == self._settings.run_id else None

    def _describe_run(self, known: RunRecord | None) -> RunRecord:
        return RunRecord(
            run_id=self._settings.run_id,
            pipeline=self._settings.pipeline,
            pipeline_digest=self._settings.pipeline_digest,
            penstock_version=__version__,
            state=State.RUNNING,
            started=known.started if known else self._started,
            parameters=known.parameters if known else {},
            user=known.user if known else "",
            host=known.host if known else "",
        )

    def _describe(self, work: Work | None) -> ExecutionRecord:
        facts: dict[str, Any] = {}
        if work is not None:
            facts = {
                "parameters": dict(work.parameters),
                "inputs": work.inputs,
                "cache_key": work.key,
                "baseline_digest": work.baseline_digest,
                "code_digest": work.code_digest,
            }
        return ExecutionRecord(
            run_id=self._settings.run_id,
            pipeline=self._settings.pipeline,
            task=self._settings.task,
            component=self._component,
            state=State.RUNNING,
            started=self._started,
            component_version=__version__,
            image_digest=self._settings.image or (work.environment_digest if work else ""),
            attempt=self._attempt,
            place=self._place,
            pod=self._settings.pod,
            **facts,
        )


def state_of(executions: Sequence[ExecutionRecord]) -> State:
    """What the executions of a run say of it: the last attempt at each work counts.

    Example:
        >>> state_of(())
        <State.COMPLETE: 'complete'>
    """
    last = {execution.state for execution in last_attempts(executions)}
    if State.RUNNING in last:
        return State.RUNNING
    return State.COMPLETE if last <= _ENDED_WELL else State.FAILED
