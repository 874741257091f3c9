"""The loop of one run: what may start is looked up in the cache, or started; what ends is recorded and passed on."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from penstock.lineage.records import ExecutionRecord, State
from penstock.provenance.artifacts import records_of
from penstock.running.binding import Selection, static_path
from penstock.running.cache import Cache, CacheEntry
from penstock.running.capacity import Capacity
from penstock.running.environments import Environment
from penstock.running.events import Note, OnEvent, TaskEnded, TaskReport, TaskRetrying, TaskStarted
from penstock.running.hearing import Exit
from penstock.running.home import Home, RunFolder, Scratch, WorkFolder
from penstock.running.interrupts import Interrupts
from penstock.running.jobs import Job, Preparer, collect, label, outputs_of, write_executor_input
from penstock.running.placeholders import RunFacts, fill_placeholders
from penstock.running.places import Executor, Place
from penstock.running.planner import Planner
from penstock.running.recording import Recorder
from penstock.running.warming import ContainerTask
from penstock.running.work import Fate, Outputs, Work
from penstock.sdk import BadInput, PenstockError

_IMPORTER = "importer"
"""What an importer is called where a task has its component: the planner does its work, no container."""
_GRACE_SECONDS = 10.0
"""How long an interrupted task may take to end by itself [s]."""


@dataclass(frozen=True)
class _Waiting:
    job: Job
    attempt: int = 1
    not_before: float = 0.0


@dataclass(frozen=True)
class _Running:
    job: Job
    attempt: int
    folder: WorkFolder
    scratch: Scratch
    record: ExecutionRecord


@dataclass
class Scheduler:
    """Runs what the planner hands out until there is nothing left."""

    planner: Planner
    recorder: Recorder
    preparer: Preparer
    place: Place
    workers: Executor
    cache: Cache
    capacity: Capacity
    home: Home
    folder: RunFolder
    facts: RunFacts
    containers: Mapping[str, ContainerTask]
    """Every container task by its path, upstream first: what to import early."""
    selection: Selection | None
    """Which tasks may be executed; None for all."""
    use_cache: bool
    on_event: OnEvent
    interrupts: Interrupts
    reports: list[TaskReport] = field(default_factory=list)
    """How tasks ended, in that order."""

    def __post_init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._running: dict[str, _Running] = {}
        self._passed: set[str] = set()  # paths of tasks that need no more imports
        self._warmed = False
        self._deadline: float | None = None

    def run(self) -> None:
        """Work until everything has ended, or has been interrupted."""
        try:
            self._loop()
        finally:
            for running in self._running.values():
                running.scratch.release(done=False)
        self._tell_the_rest()
        self.recorder.flush()

    def _loop(self) -> None:
        while True:
            if self.interrupts.count:
                self._stop()
            else:
                self._take_ready()
                self._start_what_fits()
            if not self._running and (self.interrupts.count or not self._waiting):
                return
            for id_, ended in self.workers.wait(self._patience()):
                self._end(self._running.pop(id_), ended)

    # --- before the work

    def _take_ready(self) -> None:
        while ready := self.planner.ready():
            for work in ready:
                self._consider(fill_placeholders(work, self.facts))
            self._tell_the_rest()

    def _consider(self, work: Work) -> None:
        """Take a piece of work from the cache, or put it in the queue."""
        began = time.monotonic()
        try:
            job = self.preparer.prepare(work)
            entry = self._find(job)
        except PenstockError as error:
            name, bad_input = label(work.id, work.task), isinstance(error, BadInput)
            report = TaskReport(work.id, name, work.component, State.FAILED, why=str(error), bad_input=bad_input)
            self.recorder.add_bare(report)
            self._conclude(report, None)
            return
        if entry:
            self._take(job, entry, time.monotonic() - began)
        else:
            self._waiting.append(_Waiting(job))
            self._warm(job)

    def _find(self, job: Job) -> CacheEntry | None:
        """Look in the cache; a task that may not be executed must be there."""
        executable = self._may_execute(job.work.id)

        def note(why: str) -> None:
            self.on_event(Note(f"{job.label}: {why}" + ("; making it again" if executable else "")))

        look = job.work.cacheable and (self.use_cache or not executable)
        entry = self.cache.find(job.key, note) if look else None
        if entry is None and not executable:
            raise BadInput(f"{job.label} is needed and not in the cache", "Use --until instead of --only")
        return entry

    def _may_execute(self, work_id: str) -> bool:
        return self.selection is None or self.selection.may_execute(work_id)

    def _take(self, job: Job, entry: CacheEntry, seconds: float) -> None:
        report = TaskReport(
            job.work.id,
            job.label,
            job.component_name,
            State.CACHED,
            seconds=seconds,
            rows=entry.rows,
            outputs=entry.outputs,
            parameters=entry.parameters,
            decision=entry.decision,
        )
        self.recorder.add(job, report, cached_from=entry.execution)
        self._conclude(report, outputs_of(entry))

    def _warm(self, job: Job) -> None:
        """The first miss tells that there is work: import for it and for all that may follow."""
        if self._warmed:
            return
        self._warmed = True
        wishes: list[tuple[Environment, tuple[str, ...]]] = [(job.environment, job.warm)]
        for path, task in self.containers.items():
            if task.component and path not in self._passed and self._may_execute(path):
                wishes.append((self.place.environment(task.executor.image), task.component.spec.warm))
        self.workers.prepare([wish for wish in wishes if wish[1]])

    # --- the work

    def _start_what_fits(self) -> None:
        now = time.monotonic()
        for waiting in list(self._waiting):
            running = [r.job.work.container for r in self._running.values()]
            if waiting.not_before <= now and self.capacity.fits(waiting.job.work.container, running):
                self._waiting.remove(waiting)
                self._start(waiting.job, waiting.attempt)

    def _start(self, job: Job, attempt: int) -> None:
        work = job.work
        folder = self.folder.work(work.id)
        folder.prepare()
        write_executor_input(job, folder)
        resumable = self.use_cache and work.cacheable
        scratch = self.home.scratch_for(job.key if resumable else "", otherwise=folder.temporary / "scratch")
        record = self.recorder.start(job, attempt)
        self._running[work.id] = _Running(job, attempt, folder, scratch, record)
        self.on_event(TaskStarted(work.id, job.label, attempt))
        self.workers.start(self.place.order(job, folder, scratch.path))

    def _patience(self) -> float | None:
        """How long to wait for a task to end before looking again [s]; None for as long as it takes."""
        now = time.monotonic()
        times = [w.not_before for w in self._waiting if w.not_before > now]
        times += [self._deadline] if self._deadline else []
        return max(0.0, min(times) - now) if times else None

    # --- after the work

    def _end(self, running: _Running, ended: Exit) -> None:
        work = running.job.work
        report = TaskReport(
            work.id,
            running.job.label,
            running.job.component_name,
            State.COMPLETE,
            seconds=ended.seconds,
            cpu_seconds=ended.cpu_seconds,
            peak_memory_bytes=ended.peak_memory_bytes,
            rows=ended.rows,
            decision=ended.decision,
            why=ended.error,
            attempt=running.attempt,
            log=running.folder.log,
            bad_input=ended.bad_input,
        )
        outputs = None
        if not ended.error:
            try:
                outputs = collect(running.job, running.folder)
            except PenstockError as error:
                report = replace(report, why=str(error))
        if outputs is None:
            self._failed(running, report)
        else:
            self._finished(running, report, outputs)

    def _finished(self, running: _Running, report: TaskReport, outputs: Outputs) -> None:
        running.folder.tidy()
        running.scratch.release(done=True)
        report = replace(report, outputs=records_of(outputs.artifacts), parameters=outputs.parameters)
        self.recorder.finish(running.record, report)
        if running.job.work.cacheable:
            self.cache.put(
                CacheEntry(
                    key=running.job.key,
                    run_id=self.folder.run_id,
                    execution=running.record.id,
                    outputs=report.outputs,
                    parameters=dict(report.parameters),
                    decision=report.decision,
                    rows=report.rows,
                    seconds=report.seconds,
                )
            )
        self._conclude(report, outputs)

    def _failed(self, running: _Running, report: TaskReport) -> None:
        running.scratch.release(done=False)
        running.folder.discard()
        if self.interrupts.count:  # how it ended says nothing: we ended it
            report = replace(report, state=State.INTERRUPTED, why="", log=None)
        else:
            report = replace(report, state=State.FAILED)
        self.recorder.finish(running.record, report)
        work, attempt = running.job.work, running.attempt
        if attempt <= work.retries and not report.bad_input and not self.interrupts.count:
            pause = min(work.backoff_seconds * work.backoff_factor ** (attempt - 1), work.backoff_max_seconds)
            self.on_event(TaskRetrying(work.id, report.why, pause))
            self._waiting.append(_Waiting(running.job, attempt + 1, time.monotonic() + pause))
        else:
            self._conclude(report, None)

    def _conclude(self, report: TaskReport, outputs: Outputs | None) -> None:
        """Tell the planner and the listener that a task has ended for good."""
        self._passed.add(static_path(report.id))
        self.reports.append(report)
        self.on_event(TaskEnded(report))
        if outputs is None:
            self.planner.failed(report.id, report.why)
        else:
            self.planner.finished(report.id, outputs)

    def _tell_the_rest(self) -> None:
        """Report what ended in the planner alone: tasks that were skipped or could not even be planned, importers."""
        if self.interrupts.count:
            return  # what was never reached was not skipped: the next run will come to it
        known = {report.id for report in self.reports}
        for one in self.planner.ended():
            if one.fate is Fate.SUCCEEDED or one.id in known:
                continue
            container = self.containers.get(static_path(one.id))
            state = State.SKIPPED if one.fate is Fate.SKIPPED else State.FAILED
            name = label(one.id, container.task.display_name if container else one.id.rpartition("/")[2])
            component = container.name if container else _IMPORTER
            report = TaskReport(one.id, name, component, state, why=one.why)
            self.reports.append(report)
            self.recorder.add_bare(report)
            self.on_event(TaskEnded(report))

    def _stop(self) -> None:
        """Ask the tasks to end; after a while, or when asked twice, end them."""
        now = time.monotonic()
        self._waiting.clear()
        if self._deadline is None:
            self._deadline = now + _GRACE_SECONDS
            self.workers.kill(signal.SIGTERM)
            if self._running:
                names = ", ".join(running.job.label for running in self._running.values())
                self.on_event(Note(f"stopping {names}; interrupt once more to stop at once"))
        elif now >= self._deadline or self.interrupts.count > 1:
            self._deadline = now + _GRACE_SECONDS
            self.workers.kill(signal.SIGKILL)
