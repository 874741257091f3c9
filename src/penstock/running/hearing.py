"""The runner's end of a task's pipe, and what it makes of it: the other side of `telling`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.artifacts import Decision

OnProgress = Callable[[str, int, int | None, str], None]
"""Told task id, done, total and unit."""


@dataclass(frozen=True)
class Exit:
    """How a task's process ended."""

    code: int
    """Its exit code; negative for the signal that killed it."""
    seconds: float
    """Wall time from its start to its end [s]: waiting for imports is not the task's time."""
    cpu_seconds: float | None
    """Processor time [s]; None where nobody measured."""
    peak_memory_bytes: int | None
    error: str = ""
    """Why it failed, in one line; empty when it did not."""
    bad_input: bool = False
    decision: Decision | None = None
    rows: int | None = None


class Hearing:
    """What one task has told.

    Args:
        id_: The task.
        descriptor: The reading end, not blocking; closed with this.
        on_progress: Told of its progress.
    """

    def __init__(self, id_: str, descriptor: int, on_progress: OnProgress) -> None:
        self.descriptor = descriptor
        self.message: dict[str, Any] = {}
        """The last line that is not progress: result or error."""
        self._id = id_
        self._on_progress = on_progress
        self._unread = b""

    def read(self) -> bool:
        """Take in what is there; False when nobody can write any more."""
        while True:
            try:
                data = os.read(self.descriptor, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            *lines, self._unread = (self._unread + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "progress" in message:
                    self._on_progress(self._id, *message["progress"])
                else:
                    self.message = message

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.descriptor)

    def exit(
        self, code: int, seconds: float, cpu_seconds: float | None, peak_memory_bytes: int | None, error: str
    ) -> Exit:
        """What the task's end comes to, with what it told.

        Args:
            code: Its exit code.
            seconds: Wall time [s].
            cpu_seconds: Processor time [s].
            peak_memory_bytes: The largest resident size [bytes].
            error: Why it failed, as seen from outside; empty when it did not.
        """
        result = self.message.get("result") or {}
        return Exit(
            code,
            seconds,
            cpu_seconds,
            peak_memory_bytes,
            error=error,
            bad_input=bool(error and self.message.get("bad_input")),
            decision=Decision.model_validate(result["decision"]) if result.get("decision") else None,
            rows=result.get("rows"),
        )
