"""The process of one task: a component called in place, or any other command executed.

It reports on its pipe (`telling`); standard output and error go to the task's log. Runs in every environment, so it
imports the SDK only.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from penstock.running.telling import Report
from penstock.sdk.entry import end_when_told, execute, hear_the_end
from penstock.sdk.errors import ExitCode, PenstockError
from penstock.sdk.executor import ExecutorInput


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
        code = _call_component(order, Report(report))
    except BaseException as error:
        hear_the_end()
        code = Report(report).failure(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _settle(order: Mapping[str, Any]) -> None:
    """Be a process of one's own: group, signals, log, temporary folder."""
    with suppress(PermissionError):
        os.setpgid(0, 0)
    if "argv" in order:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    else:
        end_when_told()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(nothing)
    os.environ.update(order["env"], TMPDIR=order["tmp"])
    tempfile.tempdir = None


def _execute_command(argv: list[str], report: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.set_inheritable(report, False)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  (the pipeline's own command, no shell)
    except FileNotFoundError:
        raise PenstockError(f"the command {argv[0]!r} is not found in this environment") from None


def _call_component(order: Mapping[str, Any], report: Report) -> int:
    module = importlib.import_module(order["module"])
    sys.argv = [order["module"]]
    text = Path(order["executor_input"]).read_text(encoding="utf-8")
    scratch = Path(order["scratch"])
    scratch.mkdir(parents=True, exist_ok=True)
    result = execute(module.SPEC, module.run, ExecutorInput.parse(text), progress=report.progress, scratch=scratch)
    report.result(result)
    return int(ExitCode.OK)


if __name__ == "__main__":
    be(json.loads(sys.argv[1]), int(sys.argv[2]))
