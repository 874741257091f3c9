"""The process of one task: a component called in place, or any other command executed.

It reports on its pipe, one JSON line each: `progress` while it works, then `result` or `error`. Standard output and
error go to the task's log. Runs in every environment, so it imports the SDK only.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from penstock.sdk.entry import TaskResult, execute
from penstock.sdk.errors import BadInput, ExitCode, PenstockError
from penstock.sdk.executor import ExecutorInput

_PROGRESS_SECONDS = 0.1
_FULL = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow that large",
    errno.EROFS: "the file system is read-only",
}


def be(order: Mapping[str, Any], report: int) -> NoReturn:
    """Do one task and end.

    Args:
        order: `log`, `tmp`, `env`; for a component `module`, `executor_input`, `scratch`; for a command `argv`.
        report: Descriptor of the pipe to report on.
    """
    code = int(ExitCode.ERROR)
    try:
        _settle(order)
        if "argv" in order:
            _execute_command(order["argv"], report)
        code = _call_component(order, report)
    except BaseException as error:
        code = _explain(error, report)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _settle(order: Mapping[str, Any]) -> None:
    """Be a process of one's own: group, signals, log, temporary folder."""
    with suppress(PermissionError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL if "argv" in order else _terminated)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(nothing)
    os.environ.update(order["env"], TMPDIR=order["tmp"])
    tempfile.tempdir = None


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


def _execute_command(argv: list[str], report: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.set_inheritable(report, False)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  (the pipeline's own command, no shell)
    except FileNotFoundError:
        raise PenstockError(f"the command {argv[0]!r} is not found in this environment") from None


def _call_component(order: Mapping[str, Any], report: int) -> int:
    module = importlib.import_module(order["module"])
    sys.argv = [order["module"]]
    text = Path(order["executor_input"]).read_text(encoding="utf-8")
    progress = _Progress(report)
    scratch = Path(order["scratch"])
    scratch.mkdir(parents=True, exist_ok=True)
    result = execute(module.SPEC, module.run, ExecutorInput.parse(text), progress=progress, scratch=scratch)
    _tell(report, result=_result(result))
    return int(ExitCode.OK)


def _result(result: TaskResult) -> dict[str, Any]:
    decision = result.decision.model_dump(mode="json") if result.decision else None
    return {"decision": decision, "rows": result.rows}


def _explain(error: BaseException, report: int) -> int:
    """Say in one line what went wrong; only a fault of the component's leaves a traceback, in its log."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(ExitCode.ERROR)
        _tell(report, error=f"ended itself with exit code {code}", bad_input=False)
        return code
    if isinstance(error, PenstockError):
        line, code = str(error), int(error.exit_code)
    elif isinstance(error, OSError) and error.errno in _FULL:
        line, code = f"{_FULL[error.errno]} ({error.filename or 'while writing'})", int(ExitCode.ERROR)
    elif isinstance(error, MemoryError):
        line, code = "ran out of memory", int(ExitCode.ERROR)
    else:
        traceback.print_exception(error)
        first = str(error).strip().splitlines()
        line, code = f"{type(error).__name__}: {first[0] if first else ''}", int(ExitCode.ERROR)
    with suppress(OSError):
        print(line, file=sys.stderr)  # noqa: T201
    _tell(report, error=line[:2000], bad_input=isinstance(error, BadInput))
    return code


class _Progress:
    """Passes progress on, at most ten times a second."""

    def __init__(self, report: int) -> None:
        self._report = report
        self._next = 0.0

    def __call__(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            _tell(self._report, progress=[int(done), None if total is None else int(total), unit])


def _tell(report: int, **message: Any) -> None:
    line = json.dumps(message).encode() + b"\n"
    with suppress(OSError):  # the runner is gone, and this process will be in a moment
        while line:
            line = line[os.write(report, line) :]


if __name__ == "__main__":
    be(json.loads(sys.argv[1]), int(sys.argv[2]))
