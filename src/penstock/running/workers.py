"""The runner's side of the zygotes: starts them, orders tasks, and hears what becomes of them.

Each environment has a ladder of zygotes. Every rung is a fork of the one below that has imported more, so a light
task is forked at once from a low rung while a high one is still importing TensorFlow for the tasks to come.
"""

from __future__ import annotations

import json
import os
import select
import selectors
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.running.environments import Interpreter
from penstock.running.hearing import Exit, Hearing, OnProgress
from penstock.running.zygote import PACKET_BYTES
from penstock.sdk import PenstockError

_SINGLE_THREADED = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""What keeps NumPy and Arrow from starting threads when they are imported: a zygote must have none."""

_DYING_SECONDS = 5.0
"""How long killed processes may take to be gone [s]."""


@dataclass(frozen=True)
class Order:
    """One task to start."""

    id: str
    environment: Interpreter
    modules: tuple[str, ...]
    """What should be imported already."""
    details: Mapping[str, Any]
    """What `child.be` reads."""


@dataclass(eq=False)
class _Rung:
    modules: frozenset[str]
    channel: socket.socket
    ready: bool = False


@dataclass(eq=False)
class _Task:
    order: Order
    told: Hearing
    rung: _Rung
    pid: int = 0
    began: float = 0.0


class Workers:
    """All zygotes and tasks of one run.

    Args:
        roots: Folders that `penstock` and components are imported from, in every environment.
        lock: The run's lock, inherited by every process: the run is alive while one of them lives.
        log: Where the zygotes' own output goes: what libraries say while they are imported.
        on_progress: Told task id, done, total and unit.
    """

    def __init__(self, roots: Sequence[Path], lock: int, log: Path, on_progress: OnProgress) -> None:
        self._path = list(map(str, roots))
        self._lock = lock
        self._log = log
        self._on_progress = on_progress
        self._selector = selectors.DefaultSelector()
        self._ladders: dict[Interpreter, list[_Rung]] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._tasks: dict[str, _Task] = {}
        self._ended: list[tuple[str, Exit]] = []
        self._wishes: deque[tuple[Interpreter, tuple[str, ...]]] = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._wake)

    @property
    def wake_descriptor(self) -> int:
        """Whatever is written here ends a `wait`: for `signal.set_wakeup_fd`."""
        return self._wake_writer

    def prepare(self, wishes: Sequence[tuple[Interpreter, tuple[str, ...]]]) -> None:
        """Import modules in the background, in this order, one rung at a time."""
        self._wishes = deque(wishes)
        self._grow_next()

    def start(self, order: Order) -> None:
        """Start a task; it waits for its modules if they are being imported."""
        rung = self._rung(order.environment, order.modules)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        task = _Task(order, Hearing(order.id, reader, self._on_progress), rung)
        self._tasks[order.id] = task
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._read(task))
        self._send(rung, {"do": "task", "id": order.id, **order.details}, writer)

    def wait(self, timeout: float | None) -> list[tuple[str, Exit]]:
        """Wait for something to happen, at most `timeout` seconds; returns the tasks that ended."""
        if not self._ended:
            for key, _ in self._selector.select(timeout):
                if self._selector.get_map().get(key.fileobj) is key:  # not closed meanwhile on another's news
                    key.data()
        ended, self._ended = self._ended, []
        return ended

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to every task and all that it started; a task that has not begun ends here."""
        for task in list(self._tasks.values()):
            if task.pid:
                _signal(task.pid, number)
            else:
                self._end(task, -int(number))

    def close(self) -> None:
        """End every task and every zygote, and wait until they are gone: nobody writes any more."""
        rungs = [rung for ladder in self._ladders.values() for rung in ladder]
        for task in self._tasks.values():
            _signal(task.pid, signal.SIGKILL)
        for rung in rungs:
            with suppress(OSError):
                rung.channel.shutdown(socket.SHUT_WR)
        for process in self._processes:
            process.terminate()
            process.wait()
        deadline = time.monotonic() + _DYING_SECONDS
        for descriptor in [
            *(task.told.descriptor for task in self._tasks.values()),
            *(r.channel.detach() for r in rungs),
        ]:
            _wait_for_end(descriptor, deadline)
            os.close(descriptor)
        self._selector.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    # --- ladders

    def _rung(self, environment: Interpreter, modules: Sequence[str]) -> _Rung:
        """The lowest rung that has the modules; grown when there is none."""
        ladder = self._ladders.setdefault(environment, [])
        if not ladder:
            ladder.append(self._found(environment))
        for rung in ladder:
            if rung.modules.issuperset(modules):
                return rung
        return self._grow(ladder, modules)

    def _found(self, environment: Interpreter) -> _Rung:
        """Start an environment's first zygote."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._log.open("ab") as log:
            command = [str(environment.python), "-m", "penstock.running.zygote", str(theirs.fileno()), str(os.getpid())]
            path = os.pathsep.join([*self._path, *filter(None, [os.environ.get("PYTHONPATH")])])
            binaries = os.pathsep.join([str(environment.python.parent), os.environ.get("PATH", os.defpath)])
            process = subprocess.Popen(
                command,
                env={**os.environ, **_SINGLE_THREADED, "PYTHONPATH": path, "PATH": binaries, "PYTHONHASHSEED": "0"},
                pass_fds=(theirs.fileno(), self._lock),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the runner's to handle
            )
        self._processes.append(process)
        return self._listen(frozenset(), ours)

    def _grow(self, ladder: list[_Rung], modules: Sequence[str]) -> _Rung:
        below = ladder[-1]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        new = [module for module in modules if module not in below.modules]
        self._send(below, {"do": "grow", "modules": new}, theirs.detach())
        rung = self._listen(below.modules.union(modules), ours)
        ladder.append(rung)
        return rung

    def _listen(self, modules: frozenset[str], channel: socket.socket) -> _Rung:
        rung = _Rung(modules, channel)
        self._selector.register(channel, selectors.EVENT_READ, lambda: self._hear(rung))
        return rung

    def _grow_next(self) -> None:
        if any(not rung.ready for ladder in self._ladders.values() for rung in ladder):
            return
        while self._wishes:
            environment, modules = self._wishes.popleft()
            if not self._rung(environment, modules).ready:
                return

    # --- messages

    def _send(self, rung: _Rung, order: Mapping[str, Any], descriptor: int) -> None:
        packet = json.dumps(order).encode()
        try:
            if len(packet) > PACKET_BYTES:
                raise PenstockError(f"the command of task {order['id']} is {len(packet)} bytes long: too long to start")
            with suppress(BrokenPipeError, ConnectionResetError):  # its end is heard on the same socket
                socket.send_fds(rung.channel, [packet], [descriptor])
        finally:
            os.close(descriptor)

    def _hear(self, rung: _Rung) -> None:
        try:
            packet = rung.channel.recv(PACKET_BYTES)
        except ConnectionResetError:
            packet = b""
        if not packet:
            self._lost(rung)
            return
        message = json.loads(packet)
        if message["event"] == "ready":
            rung.ready = True
            self._grow_next()
        elif message["event"] == "started":
            if task := self._tasks.get(message["id"]):
                task.pid, task.began = message["pid"], time.monotonic()
            else:  # it was called off before it began
                _signal(message["pid"], signal.SIGKILL)
        elif message["event"] == "ended" and (task := self._tasks.get(message["id"])):
            self._end(task, message["code"], message["cpu_seconds"], message["peak_memory_bytes"])

    def _lost(self, rung: _Rung) -> None:
        """A zygote died; so do the rungs above it, by themselves."""
        self._selector.unregister(rung.channel)
        rung.channel.close()
        for ladder in self._ladders.values():
            if rung in ladder:
                del ladder[ladder.index(rung) :]
        for task in [task for task in self._tasks.values() if task.rung is rung]:
            _signal(task.pid, signal.SIGKILL)
            task.told.message = {"error": "the worker process that it ran in was killed"}
            self._end(task, -int(signal.SIGKILL))

    def _read(self, task: _Task) -> None:
        """Take in what a task reports."""
        if not task.told.read():
            self._selector.unregister(task.told.descriptor)

    def _end(self, task: _Task, code: int, cpu_seconds: float = 0.0, peak_memory_bytes: int = 0) -> None:
        del self._tasks[task.order.id]
        if task.told.descriptor in self._selector.get_map():
            self._read(task)
            with suppress(KeyError):
                self._selector.unregister(task.told.descriptor)
        task.told.close()
        error = task.told.message.get("error", "") or _why(code, task.told.message.get("result") or {})
        seconds = time.monotonic() - task.began if task.pid else 0.0
        self._ended.append((task.order.id, task.told.exit(code, seconds, cpu_seconds, peak_memory_bytes, error)))

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a task and all that it started; 0 is a task that has not begun."""
    if pid:
        with suppress(ProcessLookupError):
            os.killpg(pid, number)


def _wait_for_end(descriptor: int, deadline: float) -> None:
    """Wait until nobody holds the other end of a pipe or socket."""
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        with suppress(BlockingIOError, ConnectionResetError):
            if os.read(descriptor, PACKET_BYTES):
                continue
        return


def _why(code: int, result: Mapping[str, Any]) -> str:
    if code == 0:
        return ""
    if code < 0:
        name = signal.Signals(-code).name
        hint = "; the machine may be out of memory" if -code == signal.SIGKILL and not result else ""
        return f"was killed by {name}{hint}"
    return f"ended with exit code {code}"
