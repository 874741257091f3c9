"""Killed at each write, killed anywhere, several at once: the store stays readable and complete."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.lineage.address import parse_address
from penstock.lineage.errors import UnknownRun
from penstock.lineage.mlmd.connection import Connection
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, State

pytestmark = pytest.mark.slow

WRITER = Path(__file__).with_name("writer.py")
TASKS = ["cached-0", "cached-1", "train", "evaluate", "push"]
WRITES = 9
"""start_run, one batch, three times start and finish, finish_run - once the types are known."""
KILLED = -signal.SIGKILL


def write(orders: list[dict[str, Any]], *arguments: str) -> list[int]:
    """Let children write, and say how they ended."""
    done = subprocess.run(
        [sys.executable, str(WRITER), *arguments],
        input="\n".join(json.dumps(order) for order in orders),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    codes: list[int] = json.loads(done.stdout)
    assert all(code in (0, KILLED) for code in codes), done.stderr
    return codes


def check_complete(execution: ExecutionRecord) -> None:
    """All that must be known of an execution, however it ended."""
    assert execution.component == execution.task
    assert execution.parameters == {"seed": 7, "pattern": "\\d"}
    assert (execution.code_digest, execution.image_digest) == ("sha256:code", "sha256:image")
    assert (execution.cache_key, execution.baseline_digest) == ("key", "sha256:baseline")
    assert [a.digest[:7] for a in execution.inputs] == ["sha256:"]
    assert execution.ended is not None
    assert execution.ended >= execution.started
    if execution.state is State.FAILED:
        assert execution.error
    if execution.task == "train" and execution.state is State.COMPLETE:
        assert [a.metadata for a in execution.outputs] == [{"auc": 0.7}]
    if execution.task == "evaluate" and execution.state is State.COMPLETE:
        assert execution.decision is not None
        assert execution.decision.verdict == "Failed"


def check_after(store: LineageStore, run_id: str) -> int:
    """A run after its process died: readable before and after it is closed; returns its number of executions."""
    try:
        before = store.run(run_id)
    except UnknownRun:
        return 0
    was_running = {e.task for e in before.executions if e.state is State.RUNNING}
    assert [e.task for e in before.executions] == TASKS[: len(before.executions)]
    assert len(was_running) <= 1
    assert store.close_abandoned(lambda other: other != run_id) == ([run_id] if before.state is State.RUNNING else [])
    after = store.run(run_id)
    assert after.state is State.FAILED
    assert after.ended is not None
    assert (after.parameters, after.user, after.host) == ({"epochs": 2}, "ann", "laptop.example.com")
    for execution in after.executions:
        check_complete(execution)
        if execution.task in was_running:
            assert execution.state is State.FAILED
            assert "ended without saying how" in execution.error
    assert [e for e in after.executions if e.task not in was_running] == [
        e for e in before.executions if e.task not in was_running
    ]
    return len(after.executions)


@pytest.fixture
def fresh(server: Callable[[str], str], backend: str) -> str:
    """A store of its own, in which every type is known: then the writes are counted easily."""
    url = server("crashes")
    write([{"url": url, "run_id": "types"}])
    return url


def test_killed_before_and_after_each_write(fresh: str, backend: str) -> None:
    orders = [
        {"url": fresh, "run_id": f"{when}-{number}", when: number}
        for number in range(WRITES)
        for when in ("kill_before", "kill_after")
    ]
    assert write(orders) == [KILLED] * len(orders)
    store = open_store(fresh)
    found = {order["run_id"]: check_after(store, f"{order['run_id']}-0") for order in orders}
    executions_after_each_write = [0, 2, 3, 3, 4, 4, 5, 5, 5]
    assert [found[f"kill_after-{n}"] for n in range(WRITES)] == executions_after_each_write
    assert [found[f"kill_before-{n}"] for n in range(WRITES)] == [0, *executions_after_each_write[:-1]]
    assert store.run("types-0").exit_code == 1


@pytest.mark.parametrize("backend", ["sqlite"], scope="session", indirect=True)
def test_killed_anywhere(fresh: str) -> None:
    chance = random.Random(20260301)  # noqa: S311 - chooses when to kill
    orders = [{"url": fresh, "run_id": f"anywhere-{n}", "kill_at_share": chance.uniform(0.0, 1.0)} for n in range(60)]
    codes = write(orders)
    assert codes.count(KILLED) > 20, "the times are too long to hit anything"
    store = open_store(fresh)
    lengths = {check_after(store, f"anywhere-{n}-0") for n in range(60)}
    assert len(lengths) > 2, "the times hit one place only"
    integrity_of(fresh)


@pytest.mark.parametrize("backend", ["sqlite"], scope="session", indirect=True)
def test_killed_inside_a_write(fresh: str) -> None:
    chance = random.Random(20260302)  # noqa: S311 - chooses when to kill
    orders = [
        {
            "url": fresh,
            "run_id": f"inside-{write}-{n}",
            "kill_during": write,
            "kill_after_seconds": chance.uniform(0.0, 0.0015),
        }
        for write in range(WRITES)
        for n in range(5)
    ]
    assert write(orders).count(KILLED) > WRITES
    store = open_store(fresh)
    for order in orders:
        check_after(store, f"{order['run_id']}-0")
    integrity_of(fresh)


def integrity_of(url: str) -> None:
    """Ask SQLite itself, in another process: two copies of SQLite must not share a file in one."""
    script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())"
    path = url.removeprefix("sqlite://")
    said = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[('ok',)]"


def test_several_processes_write_at_once(server: Callable[[str], str], backend: str) -> None:
    url = server("together")
    if backend == "postgresql":  # which makes a database only while nobody else is at its template
        open_store(url)
    orders = [{"url": url, "run_id": f"writer-{n}", "runs": 8} for n in range(4)]
    assert write(orders, "together") == [0, 0, 0, 0]
    store = open_store(url)
    ids = {f"writer-{n}-{number}" for n in range(4) for number in range(8)}
    runs = [run for run in store.runs("killed", limit=1000) if run.run_id.startswith("writer-")]
    assert {run.run_id for run in runs} == ids
    assert len(runs) == len(ids)
    read = [store.run(run_id) for run_id in sorted(ids)]
    assert all([e.task for e in run.executions] == TASKS for run in read)
    for kind in ("model", "evaluation"):
        numbers = {a.id for run in read for e in run.executions for a in e.outputs if a.kind == kind}
        assert len(numbers) == 1, f"the same {kind} was stored {len(numbers)} times"
    for family in ("execution", "artifact", "context"):
        names = [type_.name for type_ in Connection(parse_address(url)).find(f"get_{family}_types")]
        assert len(names) == len(set(names)), f"an {family} type was made twice"
