"""Ctrl-C and SIGTERM as something to look at between two steps, not as an exception in the middle of one."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, Self

_PATIENT = 2
"""How many signals are only counted: the first asks the tasks to end, the second ends them. After that the person is
waiting for something that does not look, such as a source that does not answer."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Counts the signals that ask the run to stop; only in the main thread, where Python delivers them.

    Args:
        wake_descriptor: Written to when a signal comes, so that whoever waits there wakes up.
    """

    def __init__(self, wake_descriptor: int) -> None:
        self.count = 0
        self._wake = wake_descriptor
        self._before: dict[signal.Signals, Any] = {}
        self._wake_before = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
            self._wake_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            with suppress(ValueError):  # the descriptor of before may be closed by now
                signal.set_wakeup_fd(self._wake_before)
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > _PATIENT:
            raise KeyboardInterrupt
