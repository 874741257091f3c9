from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.artifacts import Decision
from penstock.lineage.records import ArtifactRecord, State
from penstock.running.events import RunResult, TaskReport
from penstock.running.report import report
from penstock.running.runner import conclude
from penstock.sdk import ExitCode

OPEN = Decision(verdict="Successful", consequence="proceed")
CLOSED = Decision(verdict="Inconclusive", consequence="stop")


def task(state: State, decision: Decision | None = None, *, bad_input: bool = False) -> TaskReport:
    return TaskReport("g/t", "t", "c", state, decision=decision, bad_input=bad_input)


DONE, CACHED, SKIPPED = task(State.COMPLETE, OPEN), task(State.CACHED), task(State.SKIPPED)
FAILED, REFUSED = task(State.FAILED), task(State.FAILED, bad_input=True)
SHUT, SHUT_BEFORE = task(State.COMPLETE, CLOSED), task(State.CACHED, CLOSED)


@pytest.mark.parametrize(
    ("tasks", "state", "code"),
    [
        ([DONE, CACHED], State.COMPLETE, ExitCode.OK),
        ([DONE, SKIPPED], State.COMPLETE, ExitCode.OK),
        ([DONE, SHUT, SKIPPED], State.COMPLETE, ExitCode.GATE_CLOSED),
        ([SHUT_BEFORE], State.COMPLETE, ExitCode.GATE_CLOSED),
        ([DONE, FAILED, SKIPPED], State.FAILED, ExitCode.ERROR),
        ([SHUT, FAILED], State.FAILED, ExitCode.ERROR),
        ([DONE, REFUSED], State.FAILED, ExitCode.BAD_INPUT),
        ([REFUSED, FAILED], State.FAILED, ExitCode.ERROR),
    ],
)
def test_how_a_run_ends(tasks: list[TaskReport], state: State, code: ExitCode) -> None:
    assert conclude(tasks, interrupted=False) == (state, code)
    assert conclude(tasks, interrupted=True) == (State.INTERRUPTED, ExitCode.INTERRUPTED)


def test_the_document_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"auc": 0.7}')
    output = ArtifactRecord(
        kind="evaluation", uri=str(tmp_path), digest="sha256:1", name="evaluation", metadata={"n": 1}
    )
    done = TaskReport(
        "g/evaluate",
        "evaluate",
        "evaluator",
        State.COMPLETE,
        seconds=2.0,
        cpu_seconds=1.23456,
        peak_memory_bytes=7,
        rows=100,
        outputs=(output,),
        parameters={"gate": "closed"},
        decision=CLOSED,
    )
    result = RunResult(
        "r-1", "r", State.COMPLETE, ExitCode.GATE_CLOSED, datetime(2026, 1, 2, tzinfo=UTC), 3.0, {"epochs": 1}, (done,)
    )
    assert report(result) == {
        "version": 1,
        "run_id": "r-1",
        "pipeline": "r",
        "state": "complete",
        "exit_code": 3,
        "started": "2026-01-02T00:00:00.000+00:00",
        "seconds": 3.0,
        "parameters": {"epochs": 1},
        "tasks": [
            {
                "task": "evaluate",
                "component": "evaluator",
                "state": "complete",
                "seconds": 2.0,
                "cpu_seconds": 1.235,
                "peak_memory_bytes": 7,
                "rows": 100,
                "rows_per_second": 50.0,
                "attempt": 1,
                "why": "",
                "log": None,
                "parameters": {"gate": "closed"},
                "outputs": [
                    {
                        "name": "evaluation",
                        "kind": "evaluation",
                        "uri": str(tmp_path),
                        "digest": "sha256:1",
                        "metadata": {"n": 1},
                    }
                ],
            }
        ],
        "verdicts": [
            {"task": "evaluate", "verdict": "Inconclusive", "consequence": "stop", "reasons": [], "gate": "closed"}
        ],
        "metrics": {"evaluate": {"auc": 0.7}},
    }
