"""Being asked to stop (Ctrl-C, SIGTERM, a closed terminal) as something to look at between two steps: no exception.

An exception would come in the middle of a step.
"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, Self

_PATIENT = 2
"""How many signals are only counted: the first asks the tasks to end, the second ends them. After that the person is
waiting for something that does not look, such as a source that does not answer."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
            asked = [number for number in _SIGNALS if not _hung_up_on_purpose(number)]
            self._before = {number: signal.signal(number, self._note) for number in asked}
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


def _hung_up_on_purpose(number: signal.Signals) -> bool:
    """Whether the run is to outlive its terminal, as under nohup."""
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
