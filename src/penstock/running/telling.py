"""What the process of a task tells its runner, on a pipe: one JSON line each, `progress`, then `result` or `error`.

Runs in every environment, so it imports the SDK only.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

from penstock.sdk.entry import TaskResult
from penstock.sdk.errors import BadInput, ExitCode, PenstockError, explain_disk

_PROGRESS_SECONDS = 0.1


class Report:
    """The task's end of the pipe.

    Args:
        descriptor: What to write to.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next = 0.0

    def progress(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        """Pass progress on, at most ten times a second."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            self.tell(progress=[int(done), None if total is None else int(total), unit])

    def result(self, result: TaskResult, **more: Any) -> None:
        """Tell what came of the task beside its outputs."""
        decision = result.decision.model_dump(mode="json") if result.decision else None
        self.tell(result={"decision": decision, "rows": result.rows}, **more)

    def failure(self, error: BaseException, **more: Any) -> int:
        """Tell in one line what went wrong; returns the exit code.

        Only a fault of the component's leaves a traceback, in its log.
        """
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(ExitCode.ERROR)
            self.tell(error=f"ended itself with exit code {code}", bad_input=False, **more)
            return code
        if isinstance(error, PenstockError):
            line, code = str(error), int(error.exit_code)
        elif known := explain_disk(error):
            line, code = str(known), int(ExitCode.ERROR)
        elif isinstance(error, MemoryError):
            line, code = "ran out of memory", int(ExitCode.ERROR)
        else:
            traceback.print_exception(error)
            first = str(error).strip().splitlines()
            line, code = f"{type(error).__name__}: {first[0] if first else ''}", int(ExitCode.ERROR)
        with suppress(OSError):
            print(line, file=sys.stderr)  # noqa: T201
        self.tell(error=line[:2000], bad_input=isinstance(error, BadInput), **more)
        return code

    def tell(self, **message: Any) -> None:
        """Write one line."""
        line = json.dumps(message).encode() + b"\n"
        with suppress(OSError):  # the runner is gone, and this process will be in a moment
            while line:
                line = line[os.write(self._descriptor, line) :]
