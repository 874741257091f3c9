"""A process that writes a run and may be killed on the way. Started by the tests, never imported.

Reads one JSON object a line: `url`, `run_id`, and `kill_before` or `kill_after` a write (counted from 0), or
`kill_after_seconds` of a write, `kill_during`, or `kill_at_share` of the time that all takes. For each it forks a
child that opens the store, writes, and kills itself there with SIGKILL. Forking is cheap here because the libraries
are imported, and safe because nothing is open. Prints the exit codes; the children run at once where the argument is
`together`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import ml_metadata.metadata_store  # noqa: F401 - so that the children need not
import tenacity  # noqa: F401

from penstock.artifacts import Decision
from penstock.lineage.mlmd.connection import Connection
from penstock.lineage.open import open_store
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

PIPELINE = "killed"


def artifact(kind: str, content: str, **metadata: Any) -> ArtifactRecord:
    """One artifact, shared by all runs."""
    digest = f"sha256:{content.encode().hex():0<64}"
    return ArtifactRecord(kind=kind, uri=f"/{content}", digest=digest, name=kind, metadata=metadata)


def write_run(url: str, run_id: str) -> None:
    """One run: a task that succeeds, a gate that says no, a task that fails, two from the cache."""
    store = open_store(url)
    now = datetime.now(UTC)
    run = RunRecord(
        run_id=run_id,
        pipeline=PIPELINE,
        pipeline_digest="sha256:pipeline",
        penstock_version="0.1.0",
        state=State.RUNNING,
        started=now,
        parameters={"epochs": 2},
        user="ann",
        host="laptop.example.com",
    )
    store.start_run(run)

    def execution(task: str, **fields: Any) -> ExecutionRecord:
        known = {"state": State.RUNNING, "started": datetime.now(UTC), "inputs": (artifact("examples", "examples"),)}
        return ExecutionRecord(
            run_id=run_id,
            pipeline=PIPELINE,
            task=task,
            component=task,
            parameters={"seed": 7, "pattern": "\\d"},
            cache_key="key",
            baseline_digest="sha256:baseline",
            component_version="1",
            code_digest="sha256:code",
            image_digest="sha256:image",
            **known | fields,
        )

    taken = {"state": State.CACHED, "started": now, "ended": now, "cached_from": 1}
    store.record([execution(f"cached-{n}", **taken) for n in range(2)])
    decision = Decision.model_validate({"verdict": "Failed", "consequence": "stop"})
    ends: dict[str, dict[str, Any]] = {
        "train": {"state": State.COMPLETE, "outputs": (artifact("model", "model", auc=0.7),)},
        "evaluate": {"state": State.COMPLETE, "decision": decision, "outputs": (artifact("evaluation", "evaluation"),)},
        "push": {"state": State.FAILED, "error": "the disk is full"},
    }
    for task, end in ends.items():
        begun = execution(task)
        ended = {"id": store.start(begun), "ended": datetime.now(UTC), "seconds": 0.5, "cpu_seconds": 0.25}
        store.finish(begun.model_copy(update={**ended, **end}))
    store.finish_run(run.model_copy(update={"state": State.FAILED, "ended": datetime.now(UTC), "exit_code": 1}))


def die_at(order: dict[str, Any]) -> None:
    """Arrange for this process to be killed."""
    call, counted = Connection.call, [0]

    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counting_call(self: Connection, method: str, *args: Any, **kwargs: Any) -> Any:
        if not method.startswith("put_"):
            return call(self, method, *args, **kwargs)
        number, counted[0] = counted[0], counted[0] + 1
        if order.get("kill_before") == number:
            kill()
        if order.get("kill_during") == number:
            threading.Timer(order["kill_after_seconds"], kill).start()
        result = call(self, method, *args, **kwargs)
        if order.get("kill_after") == number:
            kill()
        return result

    Connection.call = counting_call  # type: ignore[method-assign]
    if "kill_at_share" in order:
        threading.Timer(order["kill_at_share"] * order["whole_seconds"], kill).start()


def child(order: dict[str, Any]) -> int:
    """Fork, and write in the child."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if order.keys() & {"kill_before", "kill_after", "kill_during", "kill_at_share"}:
            die_at(order)
        for number in range(order.get("runs", 1)):
            write_run(order["url"], f"{order['run_id']}-{number}")
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)


if __name__ == "__main__":
    orders = [json.loads(line) for line in sys.stdin]
    if any("kill_at_share" in order for order in orders):
        begin = time.monotonic()
        os.waitpid(child({"url": orders[0]["url"], "run_id": "measured"}), 0)
        whole = time.monotonic() - begin
        orders = [{**order, "whole_seconds": whole} for order in orders]
    if sys.argv[1:] == ["together"]:
        statuses = [os.waitpid(pid, 0)[1] for pid in [child(order) for order in orders]]
    else:
        statuses = [os.waitpid(child(order), 0)[1] for order in orders]
    print(json.dumps([os.waitstatus_to_exitcode(status) for status in statuses]))
