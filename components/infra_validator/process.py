"""Programs of the serving environment as child processes that cannot outlive this one.

The server and the load test are modules started by name. Where TensorFlow and KServe are imported already and nothing
of TensorFlow has run, a fork is a server in milliseconds; otherwise the module gets a fresh interpreter. Both ways are
a fork first, so that the kernel is told to kill the child when its parent dies, however that comes about.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
"""Linux, prctl(2)."""
_HEAVY = ("tensorflow", "kserve")


class Child:
    """A running module of ours.

    Args:
        module: The module's name.
        arguments: Its command line.
        output: The file that gets its standard error, and its standard output unless `stdout` is given.
        stdout: The file that gets its standard output.
        keep: A socket that it inherits under the same number.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        output: Path,
        *,
        stdout: Path | None = None,
        keep: socket.socket | None = None,
    ) -> None:
        for file in (output, stdout or output):
            file.unlink(missing_ok=True)  # of an earlier try that was killed
        self.output = output
        self.exit_code: int | None = None
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(lambda: _run([module, *arguments], (output, stdout or output), keep, parent))

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; the exit code, negative for a signal, or None when it still runs."""
        end = time.monotonic() + seconds
        while self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= end:
                return None
            else:
                time.sleep(0.005)
        return self.exit_code

    def kill(self) -> None:
        """End it now, whatever it does; harmless when it has ended."""
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(30.0)

    def peak_memory_bytes(self) -> int:
        """The largest resident size that it had so far [bytes]; 0 when it has ended."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def last_words(self, start: str = "") -> str:
        """The last line that it wrote to standard error, shortened; the last one that begins so, if any does."""
        lines = [line.strip() for line in self.output.read_text(encoding="utf-8", errors="replace").splitlines()]
        said = [line for line in lines if line.startswith(start)] or lines
        return next((line[:400] for line in reversed(said) if line), "it wrote nothing")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _become(work: Callable[[], int]) -> NoReturn:
    """Do the child's work and leave by the back door: the parent's clean-up is not ours to run."""
    code = 1
    try:
        code = work()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(command: Sequence[str], files: tuple[Path, Path], keep: socket.socket | None, parent: int) -> int:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    _redirect(*files)
    if keep is not None:
        keep.set_inheritable(True)
    if not _is_warm():
        os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606
    sys.argv = list(command)
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    return 0


def _redirect(output: Path, stdout: Path) -> None:
    """Point the three standard streams at files, for C and for Python."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(stdout, flags, 0o600), 1)
    os.dup2(os.open(output, flags, 0o600), 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _is_warm() -> bool:
    """Whether a fork can serve: the libraries are here, and TensorFlow has started no threads yet."""
    if not all(name in sys.modules for name in _HEAVY):
        return False
    eager: Any = sys.modules.get("tensorflow.python.eager.context")
    return eager is not None and getattr(eager.context(), "_context_handle", True) is None
