"""Running a compiled pipeline on this machine: the one function, and what it is put together from.

Re-running after any failure or edit does exactly what changed and what hangs on it, because work is known by its
content: there is no separate resume.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from penstock.lineage.errors import nothing_begun
from penstock.lineage.port import LineageStore
from penstock.lineage.records import State
from penstock.profiles.containers import ContainersProfile
from penstock.profiles.local import LocalProfile
from penstock.running.binding import bind, select
from penstock.running.cache import Cache
from penstock.running.capacity import Capacity
from penstock.running.components import component_roots, import_roots
from penstock.running.events import Note, OnEvent, RunEnded, RunResult, RunStarted, TaskProgress, TaskReport, ignore
from penstock.running.home import Home
from penstock.running.interrupts import Interrupts
from penstock.running.jobs import Preparer
from penstock.running.placeholders import RunFacts
from penstock.running.places import place_for
from penstock.running.planner import Planner
from penstock.running.preflight import check_parameters
from penstock.running.recording import Recorder, describe_run
from penstock.running.scheduler import Scheduler
from penstock.running.spec_reader import read_pipeline
from penstock.running.warming import container_tasks
from penstock.sdk import ExitCode, PenstockError

_HASHING_THREADS = 4
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNWRITABLE = (*_FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT)


def run_pipeline(
    compiled: Path,
    *,
    home: Path,
    settings: Mapping[str, str],
    places: Mapping[str, str] | None = None,
    only: str = "",
    until: str = "",
    use_cache: bool = True,
    profile: LocalProfile | ContainersProfile | None = None,
    store: LineageStore | None = None,
    on_event: OnEvent = ignore,
) -> RunResult:
    """Run a compiled pipeline to its end.

    Args:
        compiled: compiled.yaml.
        home: The state folder.
        settings: Run parameters as a person typed them, by name.
        places: Where settings stand that were not typed but read, for messages.
        only: A task to execute; what it needs must be in the cache. All tasks when empty.
        until: A task to execute with what it needs, and nothing else.
        use_cache: Whether finished work may be taken from the cache. What is done is kept there in any case.
        profile: How this machine plays the cluster.
        store: The lineage; the SQLite store of the state folder when None.
        on_event: Told what happens, in the calling thread.

    Returns:
        How the run and every task ended. Failed tasks and closed gates are told here, not raised.

    Raises:
        BadInput: The pipeline, a setting or the state folder cannot be used; nothing was started (caller).
        PenstockError: The run could not go on; what was finished is kept (operator).
    """
    began = time.monotonic()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_HASHING_THREADS))
        spec = read_pipeline(compiled)
        parameters = bind(spec, settings, places)
        selection = select(spec, only=only, until=until)
        planner = Planner(spec, parameters, selection=selection)
        roots = component_roots(compiled)
        containers = container_tasks(spec, roots)
        place = place_for(profile or LocalProfile())
        for path, task in containers.items():
            if selection is None or path in selection.tasks:
                place.check(task)
        check_parameters(spec, planner.parameters, containers)
        state = Home(home)
        stack.enter_context(_told_clearly(state.root))
        with nothing_begun():
            lineage = store or state.lineage()
        started = datetime.now(UTC)
        folder = stack.enter_context(state.begin(spec.name, started))
        imported_from = dict.fromkeys(task.component.root for task in containers.values() if task.component)

        def pass_on(id_: str, done: int, total: int | None, unit: str) -> None:
            on_event(TaskProgress(id_, done, total, unit))

        workers = place.open(state, folder, import_roots(state.root / "path", imported_from), pass_on)
        stack.callback(workers.close)
        recorder = Recorder(lineage, describe_run(folder.run_id, spec.name, compiled, planner.parameters, started))
        interrupts = stack.enter_context(Interrupts(workers.wake_descriptor))
        scheduler = Scheduler(
            planner=planner,
            recorder=recorder,
            preparer=Preparer(spec.name, roots, place.environment, lineage),
            place=place,
            workers=workers,
            cache=Cache(state.cache, pool),
            capacity=Capacity.of(place.profile),
            home=state,
            folder=folder,
            facts=RunFacts(spec.name, folder.run_id, create_time_utc=started.isoformat(timespec="seconds")),
            containers=containers,
            selection=selection,
            use_cache=use_cache,
            on_event=on_event,
            interrupts=interrupts,
        )
        with nothing_begun():
            dead = recorder.begin(state.is_alive)
        on_event(RunStarted(folder.run_id, spec.name))
        for run_id in dead:
            on_event(Note(f"run {run_id} had died; what it finished is kept"))
        try:
            scheduler.run()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                recorder.end(State.FAILED, ExitCode.ERROR)
            raise
        ending, exit_code = conclude(scheduler.reports, interrupted=interrupts.count > 0)
        recorder.end(ending, exit_code)
        result = RunResult(
            run_id=folder.run_id,
            pipeline=spec.name,
            state=ending,
            exit_code=exit_code,
            started=started,
            seconds=time.monotonic() - began,
            parameters=planner.parameters,
            tasks=tuple(scheduler.reports),
        )
        on_event(RunEnded(result))
    return result


def conclude(reports: Sequence[TaskReport], *, interrupted: bool) -> tuple[State, ExitCode]:
    """Say how a run ended from how its tasks ended.

    A closed gate is no failure: the run did what it was to do, and the answer was no.
    """
    failed = [report for report in reports if report.state is State.FAILED]
    if interrupted:
        return State.INTERRUPTED, ExitCode.INTERRUPTED
    if failed:
        return State.FAILED, ExitCode.BAD_INPUT if all(r.bad_input for r in failed) else ExitCode.ERROR
    closed = any(report.decision and report.decision.gate == "closed" for report in reports)
    return State.COMPLETE, ExitCode.GATE_CLOSED if closed else ExitCode.OK


@contextmanager
def _told_clearly(home: Path) -> Iterator[None]:
    """Turn what a disk may do to the runner itself into one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        hint = "What was finished is kept: make space and run again" if error.errno in _FULL else ""
        raise PenstockError(f"the state folder {home} cannot be written: {error.strerror}", hint) from error
