"""One task's container on a cluster, from KFP's executor input to its output, with the lineage told of every end."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from penstock.artifacts import Artifact
from penstock.launching.recording import Recorder
from penstock.launching.settings import Settings
from penstock.launching.stored import hand_on, is_stored, remove_unfinished
from penstock.launching.work import Work, place_of, prepare
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, State
from penstock.provenance.artifacts import record_of
from penstock.sdk import ComponentSpec, Context, PenstockError
from penstock.sdk.entry import TaskResult, execute, hear_the_end, write_outputs
from penstock.sdk.errors import explain_disk
from penstock.sdk.executor import ExecutorInput, RuntimeArtifact

_CANDIDATES = 8
"""How many earlier executions with the same key are looked at for one whose outputs are still there."""


def launch(spec: ComponentSpec, run: Callable[[Context[Any]], None], executor_input: ExecutorInput) -> None:
    """Do a task, or take what an earlier run has made of the same work.

    Args:
        spec: The component's declaration.
        run: Its work.
        executor_input: What KFP's launcher puts in place of `{{$}}`.

    Raises:
        BadInput: A parameter, an input or the environment is wrong (caller).
        PenstockError: The work could not be done, or the lineage is out of reach: no work goes unrecorded (operator).
    """
    settings = Settings.from_environment()
    if settings is None:
        execute(spec, run, executor_input)
        return
    from penstock.lineage.open import open_store

    store = open_store(settings.lineage, patience_seconds=settings.lineage_patience_seconds, wait=True)
    recorder = Recorder(store, settings, spec.name, place_of(spec, executor_input))
    recorder.begin()
    started: ExecutionRecord | None = None
    began = time.monotonic()
    try:
        work = prepare(spec, run, executor_input, store, settings)
        started = recorder.start(work)
        if settings.use_cache and (found := find_finished(store, spec, work.key, started)):
            recorder.finish(started, **_take(spec, work, found), seconds=time.monotonic() - began)
            return
        remove_unfinished(work.executor_input)
        began = time.monotonic()
        result = execute(spec, run, work.executor_input)
        recorder.finish(started, **_ending(result), seconds=time.monotonic() - began)
    except BaseException as error:
        hear_the_end()
        _tell_failure(recorder, started, error, time.monotonic() - began)
        raise


def _tell_failure(recorder: Recorder, started: ExecutionRecord | None, error: BaseException, seconds: float) -> None:
    """Record a failure; where even that fails, the first error is the one to tell."""
    try:
        recorder.finish(started, state=State.FAILED, error=_one_line(error), seconds=seconds)
    except PenstockError as second:
        sys.stderr.write(f"penstock: that it failed could not be recorded: {second}\n")


def find_finished(
    store: LineageStore, spec: ComponentSpec, key: str, asking: ExecutionRecord
) -> ExecutionRecord | None:
    """Find an earlier execution of the same work whose outputs are all in their stores, with their content.

    Raises:
        StoreError: A store does not let us see (operator).
    """
    for found in store.finished(key, limit=_CANDIDATES):
        names = [output.name for output in found.outputs]
        if found.id == asking.id or sorted(names) != sorted(spec.outputs) or (spec.gate and found.decision is None):
            continue
        lost = next((output for output in found.outputs if not is_stored(output)), None)
        if lost is None:
            return found
        sys.stderr.write(f"{spec.name}: {lost.uri} of run {found.run_id} is gone or was changed; not taken\n")
    return None


def _take(spec: ComponentSpec, work: Work, found: ExecutionRecord) -> dict[str, Any]:
    """Hand on what an earlier execution made; returns how this one ends by that."""
    artifacts = {o.name: hand_on(o, spec.outputs[o.name], work.executor_input) for o in found.outputs}
    parameters = {"gate": found.decision.gate} if spec.gate and found.decision else {}
    write_outputs(work.executor_input, artifacts, parameters)
    sys.stderr.write(f"{spec.name}: taken from run {found.run_id}, which has done the same work\n")
    return {
        "state": State.CACHED,
        "cached_from": found.cached_from or found.id,
        "outputs": _records(artifacts.items()),
        "decision": found.decision,
        "rows": found.rows,
    }


def _ending(result: TaskResult) -> dict[str, Any]:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "state": State.COMPLETE,
        "outputs": _records(result.outputs.items()),
        "decision": result.decision,
        "rows": result.rows,
        "cpu_seconds": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "peak_memory_bytes": max(own.ru_maxrss, children.ru_maxrss) * 1024,
    }


def _records(artifacts: Iterable[tuple[str, Artifact]]) -> tuple[ArtifactRecord, ...]:
    return tuple(record_of(n, RuntimeArtifact(name=n, uri=a.uri, metadata=a.metadata)) for n, a in artifacts)


def _one_line(error: BaseException) -> str:
    """Why it failed, for the lineage."""
    if isinstance(error, PenstockError):
        return str(error)
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "It was told to stop (its pod was deleted or evicted, or its time was up)"
    if known := explain_disk(error):
        return str(known)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
