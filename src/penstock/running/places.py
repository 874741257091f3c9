"""Where a run's tasks are executed: the one seam between the scheduler and processes here, or containers here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, Protocol

from penstock.profiles.containers import ContainersProfile
from penstock.profiles.local import LocalProfile
from penstock.running.environments import Environment, environment_for
from penstock.running.hearing import Exit, OnProgress
from penstock.running.home import Home, RunFolder, WorkFolder
from penstock.running.jobs import Job, order_for
from penstock.running.warming import ContainerTask
from penstock.running.workers import Order, Workers


class Executor(Protocol):
    """Starts tasks and hears what becomes of them, for one run."""

    @property
    def wake_descriptor(self) -> int:
        """Whatever is written here ends a `wait`: for `signal.set_wakeup_fd`."""

    def prepare(self, wishes: Sequence[tuple[Any, tuple[str, ...]]]) -> None:
        """Import modules in the background, where that is of use."""

    def start(self, order: Any) -> None:
        """Start a task; what keeps it from starting is told by `wait`."""

    def wait(self, timeout: float | None) -> list[tuple[str, Exit]]:
        """Wait for something to happen, at most `timeout` seconds; returns the tasks that ended."""

    def kill(self, number: Signals) -> None:
        """Send a signal to every task."""

    def close(self) -> None:
        """End every task: nobody writes any more."""


class Place(Protocol):
    """What a profile makes of this machine."""

    @property
    def profile(self) -> LocalProfile | ContainersProfile:
        """What it was made from."""

    def environment(self, image: str) -> Environment:
        """What stands for an image.

        Raises:
            BadInput: Nothing does (caller).
        """

    def check(self, task: ContainerTask) -> None:
        """See that a task can be executed here.

        Raises:
            BadInput: It cannot; nothing was started (caller).
        """

    def order(self, job: Job, folder: WorkFolder, scratch: Path) -> Any:
        """What the executor must know to start a job."""

    def open(self, home: Home, run: RunFolder, roots: Sequence[Path], on_progress: OnProgress) -> Executor:
        """An executor for one run; the caller closes it.

        Args:
            home: The state folder.
            run: The run; every process that is started keeps its lock.
            roots: Folders that `penstock` and components are imported from.
            on_progress: Told task id, done, total and unit.
        """


@dataclass(frozen=True)
class Processes:
    """Processes of this machine, each in the interpreter that stands for its image."""

    profile: LocalProfile

    def environment(self, image: str) -> Environment:
        """The interpreter that stands for an image."""
        return environment_for(image, self.profile)

    def check(self, task: ContainerTask) -> None:
        """See that the task's environment is installed."""
        self.environment(task.executor.image)

    def order(self, job: Job, folder: WorkFolder, scratch: Path) -> Order:
        """What a zygote must know."""
        return order_for(job, folder, scratch)

    def open(self, home: Home, run: RunFolder, roots: Sequence[Path], on_progress: OnProgress) -> Workers:
        """Zygotes, started when they are needed."""
        return Workers(roots, run.lock, run.path / "workers.log", on_progress)


def place_for(profile: LocalProfile | ContainersProfile) -> Place:
    """What a profile makes of this machine.

    Raises:
        BadInput: It wants a Docker Engine, and none answers (operator).
    """
    if isinstance(profile, LocalProfile):
        return Processes(profile)
    from penstock.running.containers import Containers

    return Containers(profile)
