"""Containers of this machine: the profile `containers`, every task in its image as on a cluster.

A container sees what its task may see and nothing else: its inputs, read-only; its own folder; a folder for temporary
files at /tmp. Everything is where it is on this machine, so that addresses mean the same inside and outside.
"""

from __future__ import annotations

import os
import queue
import selectors
import signal
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock.profiles.containers import ContainersProfile
from penstock.running import contained
from penstock.running.engine import HOME, RUN, Engine, Image, remove
from penstock.running.environments import environment_name
from penstock.running.hearing import Exit, Hearing, OnProgress
from penstock.running.home import Home, RunFolder, WorkFolder
from penstock.running.jobs import Job, argv_of
from penstock.running.reaper import Reaper
from penstock.running.warming import ContainerTask
from penstock.running.work import Container
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import LAUNCHER

_ENVIRONMENTS = ("runtime", "serving", "control")
_NOBODY = 65532
"""Who a task is where the state folder is root's: the user of the images."""
_MOST_PROCESSES = 4096
_SHELL_KILLED = 128
_LAST_WORDS_SECONDS = 5.0
"""How long to wait for the threads that copy the logs of killed containers [s]."""


class Containers:
    """What a profile of kind `containers` makes of this machine.

    Raises:
        BadInput: No Docker Engine answers (operator).
    """

    def __init__(self, profile: ContainersProfile) -> None:
        self.profile = profile
        self._engine = Engine(profile.docker_host)
        self._images: dict[str, Image] = {}

    def environment(self, image: str) -> Image:
        """The image itself, or the one that the profile has in its place."""
        if image not in self._images:
            reference = self.profile.images.get(environment_name(image, _ENVIRONMENTS), image)
            self._images[image] = self._engine.image(reference, pull=self.profile.pull == "missing")
        return self._images[image]

    def check(self, task: ContainerTask) -> None:
        """See that the task's image is here, and was built from the component's code as it is."""
        image = self.environment(task.executor.image)
        if task.component and image.code_digests is not None:
            name = task.component.spec.name
            built = image.code_digests.get(task.component.module.split(".")[-2])
            if built is not None and built != task.component.code_digest():
                raise BadInput(f"image {image.name} was built from other code of {name}", "Run: ci/build-images")

    def order(self, job: Job, folder: WorkFolder, scratch: Path) -> ContainerOrder:
        """What the engine is to be told."""
        inputs = [artifact.local_path() for given in job.inputs.values() for artifact in given]
        variables = {**job.work.container.env, "HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108  (the container's own)
        if job.component:
            variables[LAUNCHER] = contained.__name__
            variables[contained.CODE] = job.code_digest
        assert isinstance(job.environment, Image)  # noqa: S101  (it is what `environment` returned)
        return ContainerOrder(
            id=job.work.id,
            image=job.environment,
            argv=tuple(argv_of(job, folder)),
            variables=variables,
            folder=folder,
            scratch=scratch,
            readable=tuple(path for path in (*inputs, *self.profile.mounts) if path.exists()),
            limits=job.work.container,
            network=self.profile.network,
        )

    def open(self, home: Home, run: RunFolder, roots: Sequence[Path], on_progress: OnProgress) -> ContainerExecutor:
        """An executor for one run; what a run that died left running ends here."""
        for container in self._engine.containers(HOME, str(home.root)):
            if not home.is_alive(container.labels.get(RUN, "")):
                remove(container)
        return ContainerExecutor(self._engine, home, run, roots, on_progress)


@dataclass(frozen=True)
class ContainerOrder:
    """One task to start."""

    id: str
    image: Image
    argv: tuple[str, ...]
    variables: Mapping[str, str]
    folder: WorkFolder
    scratch: Path
    readable: tuple[Path, ...]
    """What it may read beside its own folder."""
    limits: Container
    network: str

    @cached_property
    def report(self) -> Path:
        """The named pipe on which the task tells how it goes."""
        return self.folder.temporary / ".report"


def container_options(order: ContainerOrder, *, user: str, cores: float) -> dict[str, Any]:
    """What the engine is told of a task: pure, all that makes it safe is here.

    Args:
        order: The task.
        user: `uid:gid` of whose the files are.
        cores: Of the engine's machine: it refuses a limit above [cores].
    """
    writable = [order.folder.path, *([] if order.scratch.is_relative_to(order.folder.path) else [order.scratch])]
    readable = [path for path in outermost(order.readable) if not path.is_relative_to(order.folder.path)]
    mounts = [
        *(_mount(path, path, read_only=True) for path in readable),
        *(_mount(path, path) for path in writable),
        _mount(order.folder.temporary, Path("/tmp")),  # noqa: S108  (in the container)
    ]
    limits: dict[str, Any] = {"pids_limit": _MOST_PROCESSES}
    if order.limits.cpu_limit:
        limits["nano_cpus"] = int(min(order.limits.cpu_limit, cores) * 1e9)
    if order.limits.memory_limit_bytes:
        limits |= dict.fromkeys(("mem_limit", "memswap_limit"), order.limits.memory_limit_bytes)
    own = {contained.REPORT: str(order.report), contained.SCRATCH: str(order.scratch)}
    return {
        "image": order.image.id,
        "entrypoint": list(order.argv[:1]),
        "command": list(order.argv[1:]),
        "environment": {**order.variables, **(own if LAUNCHER in order.variables else {})},
        "user": user,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "network_mode": order.network,
        "healthcheck": {"test": ["NONE"]},
        "mounts": mounts,
        **limits,
    }


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Paths without those that are inside another, sorted.

    Example:
        >>> [str(path) for path in outermost([Path("/a/b"), Path("/a"), Path("/ab")])]
        ['/a', '/ab']
    """
    found: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(outer) for outer in found):
            found.append(path)
    return found


def why(code: int, *, out_of_memory: bool, memory_limit_bytes: int | None, said: str = "") -> str:
    """Say in one line why a container failed; empty when it did not.

    Args:
        code: Its exit code.
        out_of_memory: The kernel ended a process of it for want of memory.
        memory_limit_bytes: What it was allowed [bytes].
        said: What the task itself told.

    Example:
        >>> why(137, out_of_memory=True, memory_limit_bytes=256_000_000)
        'was killed: out of memory (OOMKilled); its limit is 256 MB'
    """
    if code == 0:
        return said
    if out_of_memory:
        limit = f"its limit is {memory_limit_bytes / 1e6:,.0f} MB" if memory_limit_bytes else "the machine has no more"
        return f"was killed: out of memory (OOMKilled); {limit}"
    if said:
        return said
    with suppress(ValueError):
        return f"was killed by {signal.Signals(code - _SHELL_KILLED).name}"
    return f"ended with exit code {code}"


def _mount(source: Path, target: Path, *, read_only: bool = False) -> Any:
    from docker.types import Mount

    return Mount(str(target), str(source), type="bind", read_only=read_only)


@dataclass(eq=False)
class _Task:
    order: ContainerOrder
    told: Hearing
    container: Any
    began: float
    follower: threading.Thread | None = None


@dataclass(frozen=True)
class _End:
    """What the engine said of a container that ended."""

    code: int = 1
    out_of_memory: bool = False
    lost: str = ""
    """Why the engine could not say."""


class ContainerExecutor:
    """All containers of one run.

    Args:
        engine: Where they run.
        home: The state folder: its owner is whom tasks are.
        run: The run.
        roots: Folders that `penstock` is imported from.
        on_progress: Told task id, done, total and unit.
    """

    def __init__(
        self, engine: Engine, home: Home, run: RunFolder, roots: Sequence[Path], on_progress: OnProgress
    ) -> None:
        self._engine = engine
        self._labels = {RUN: run.run_id, HOME: str(home.root)}
        self._owner = owner_of(home.root)
        self._on_progress = on_progress
        self._reaper = Reaper(engine.address, run.run_id, run.lock, roots)
        self._tasks: dict[str, _Task] = {}
        self._ended: list[tuple[str, Exit]] = []
        self._news: queue.SimpleQueue[tuple[str, _End]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        for descriptor in (self._wake_reader, self._wake_writer):
            os.set_blocking(descriptor, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._wake)

    @property
    def wake_descriptor(self) -> int:
        """Whatever is written here ends a `wait`."""
        return self._wake_writer

    def prepare(self, wishes: Sequence[tuple[Any, tuple[str, ...]]]) -> None:
        """Nothing is shared between containers."""

    def start(self, order: ContainerOrder) -> None:
        """Start a task's container; what keeps it from starting is told by `wait`."""
        os.mkfifo(order.report, 0o600)
        hand_over((order.folder.path, order.scratch), self._owner)
        told = Hearing(order.id, os.open(order.report, os.O_RDWR | os.O_NONBLOCK), self._on_progress)
        began = time.monotonic()
        container = None
        try:
            user = f"{self._owner[0]}:{self._owner[1]}"
            options = container_options(order, user=user, cores=self._engine.cores)
            container = self._engine.create(labels=self._labels, **options)
            self._engine.start(container)
        except PenstockError as error:
            told.close()
            if container is not None:
                remove(container)
            self._ended.append((order.id, Exit(1, time.monotonic() - began, None, None, error=str(error))))
            return
        task = _Task(order, told, container, began)
        self._tasks[order.id] = task
        self._selector.register(told.descriptor, selectors.EVENT_READ, told.read)
        task.follower = threading.Thread(target=self._follow, args=(task,), daemon=True, name=f"follow-{order.id}")
        task.follower.start()

    def wait(self, timeout: float | None) -> list[tuple[str, Exit]]:
        """Wait for something to happen, at most `timeout` seconds; returns the tasks that ended."""
        if not self._ended:
            for key, _ in self._selector.select(timeout):
                key.data()
        with suppress(queue.Empty):
            while True:
                self._end(*self._news.get_nowait())
        ended, self._ended = self._ended, []
        return ended

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to every task; those that have just ended do not mind."""
        for task in self._tasks.values():
            self._engine.kill(task.container, number)

    def close(self) -> None:
        """Kill and remove every container: nobody writes any more."""
        for task in self._tasks.values():
            with suppress(PenstockError):  # the reaper, or the next run, finds it
                remove(task.container)
        for task in self._tasks.values():
            if task.follower:
                task.follower.join(_LAST_WORDS_SECONDS)
            task.told.close()
        self._reaper.dismiss()
        self._selector.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        self._engine.close()

    def _follow(self, task: _Task) -> None:
        """In a thread: copy what the container says into the task's log, then read how it ended, then remove it."""
        end = _End(lost="its end was not seen")
        try:
            with task.order.folder.log.open("ab", buffering=0) as log:
                for said in self._engine.output(task.container):
                    log.write(said)
            state = self._engine.end_of(task.container)
            end = _End(int(state["ExitCode"]), bool(state.get("OOMKilled")), str(state.get("Error") or ""))
            remove(task.container)
        except Exception as error:
            end = _End(lost=f"its end was not seen: {error}")
        finally:
            self._news.put((task.order.id, end))
            with suppress(OSError):
                os.write(self._wake_writer, b"\0")

    def _end(self, id_: str, end: _End) -> None:
        task = self._tasks.pop(id_)
        self._selector.unregister(task.told.descriptor)
        task.told.read()
        task.told.close()
        message = task.told.message
        error = end.lost or why(
            end.code,
            out_of_memory=end.out_of_memory,
            memory_limit_bytes=task.order.limits.memory_limit_bytes,
            said=str(message.get("error", "")),
        )
        cpu_seconds, peak_memory_bytes = message.get("used", (None, None))
        code = end.code or int(bool(error))
        seconds = time.monotonic() - task.began
        self._ended.append((id_, task.told.exit(code, seconds, cpu_seconds, peak_memory_bytes, error)))

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)


def owner_of(folder: Path) -> tuple[int, int]:
    """Whom tasks are, user and group: whose the folder is, and never root."""
    if os.geteuid():
        return os.geteuid(), os.getegid()
    status = folder.stat()
    return (status.st_uid, status.st_gid) if status.st_uid else (_NOBODY, _NOBODY)


def hand_over(folders: Iterable[Path], owner: tuple[int, int]) -> None:
    """Make folders a task's own; only root can, and only root's are not already."""
    if os.geteuid():
        return
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, *owner)
        for place, subfolders, files in os.walk(folder):
            for name in (*subfolders, *files):
                os.chown(Path(place) / name, *owner, follow_symlinks=False)
