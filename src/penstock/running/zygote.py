"""A process that has imported much and forks tasks: what is imported once is paid once.

Runs under the interpreter of an environment and imports the SDK only, so that it works where the runner's own
packages are missing. It is single-threaded by rule, because only a single-threaded process can be forked safely.

A zygote takes orders on a socket, one JSON packet each:

- `task`: fork a child for one task; the packet carries the writing end of the task's report pipe.
- `grow`: fork another zygote that imports more; the packet carries that zygote's own socket.

It answers `ready` (once, when its imports are done), `started` and `ended`. When the socket closes, it kills its tasks
and ends: nothing outlives the runner.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

PACKET_BYTES = 150_000
"""The largest order [bytes]: what fits into a socket's buffer everywhere."""
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, death: signal.Signals) -> None:
    """Have the kernel send a signal to this process when its parent dies.

    Args:
        parent: The process id of the parent as the parent knew it: it may be dead already.
        death: The signal.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def threads() -> int:
    """The number of threads of this process."""
    return sum(1 for _ in os.scandir("/proc/self/task"))


class Zygote:
    """Serves one socket; its children are tasks and the next zygote."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._tasks: dict[int, tuple[str, int]] = {}  # pidfd -> task id, pid
        self._threads = 1

    def serve(self, modules: Sequence[str]) -> tuple[socket.socket, list[str]]:
        """Import, then fork to order until the socket closes.

        Returns:
            Only in the process of the next zygote: its socket, and what it is to import.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a long import ends at once; no task hangs on it yet
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        report = _import(modules)
        signal.signal(signal.SIGTERM, self._abandon)
        self._threads = report["threads"]
        self._tell(event="ready", **report)
        while True:
            listening = self._channel.fileno()
            ready, _, _ = select.select([listening, *self._tasks], [], [])
            for pidfd in self._tasks.keys() & set(ready):
                self._bury(pidfd)
            if listening in ready:
                grown = self._take_order()
                if grown:
                    return grown

    def _take_order(self) -> tuple[socket.socket, list[str]] | None:
        packet, descriptors, _, _ = socket.recv_fds(self._channel, PACKET_BYTES, 1)
        if not packet:
            self._abandon()
        descriptor = descriptors[0]
        os.set_inheritable(descriptor, False)
        order = json.loads(packet)
        me = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until the child has its own way of ending
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            os.close(descriptor)
            self._note(order, pid)
            return None
        self._forget_everything()
        if order["do"] == "grow":
            die_with_parent(me, signal.SIGTERM)
            return socket.socket(fileno=descriptor), order["modules"]
        die_with_parent(me, signal.SIGKILL)
        if self._threads > 1:  # some module broke the rule: its tasks get an interpreter of their own
            os.set_inheritable(descriptor, True)
            command = [sys.executable, "-m", "penstock.running.child", json.dumps(order), str(descriptor)]
            os.execv(sys.executable, command)  # noqa: S606
        from penstock.running import child

        return child.be(order, descriptor)

    def _note(self, order: dict[str, Any], pid: int) -> None:
        """In the parent: remember a task, of which the runner wants to hear."""
        if order["do"] == "task":
            with suppress(OSError):  # it may have done so itself already
                os.setpgid(pid, pid)
            self._tasks[os.pidfd_open(pid)] = (order["id"], pid)
            self._tell(event="started", id=order["id"], pid=pid)

    def _forget_everything(self) -> None:
        """In a child: what belongs to the parent alone."""
        self._channel.close()
        for pidfd in self._tasks:
            os.close(pidfd)
        self._tasks.clear()

    def _bury(self, pidfd: int) -> None:
        id_, pid = self._tasks.pop(pidfd)
        os.close(pidfd)
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)  # what the task started and left behind
        _, status, used = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        self._tell(event="ended", id=id_, code=code, cpu_seconds=cpu, peak_memory_bytes=used.ru_maxrss * 1024)

    def _abandon(self, *_signal: object) -> NoReturn:
        for _, pid in self._tasks.values():
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)

    def _tell(self, **message: Any) -> None:
        try:
            self._channel.send(json.dumps(message).encode())
        except OSError:
            self._abandon()


def _import(modules: Sequence[str]) -> dict[str, Any]:
    began = time.monotonic()
    failed: dict[str, str] = {}
    gc.disable()  # nothing of what is imported goes away again: looking for it took a fifth of the time
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # the task that needs it will say so itself, with its traceback in its log
            failed[module] = f"{type(error).__name__}: {error}"[:200]
    gc.collect()
    gc.freeze()  # children then share these pages instead of copying them at their first collection
    gc.enable()
    return {"failed": failed, "threads": threads(), "seconds": time.monotonic() - began}


def main(argv: Sequence[str]) -> NoReturn:
    """Be the first zygote of an environment: `zygote <socket descriptor> <runner's process id>`."""
    die_with_parent(int(argv[1]), signal.SIGTERM)
    channel, modules = socket.socket(fileno=int(argv[0])), ["penstock.sdk", "penstock.running.child"]
    os.set_inheritable(channel.fileno(), False)
    while True:
        channel, modules = Zygote(channel).serve(modules)


if __name__ == "__main__":
    main(sys.argv[1:])
