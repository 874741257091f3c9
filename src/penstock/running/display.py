"""Showing a run while it goes on: live lines on a terminal, plain lines anywhere else; always on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from penstock.lineage.records import State
from penstock.running.events import (
    Event,
    Note,
    OnEvent,
    RunStarted,
    TaskEnded,
    TaskProgress,
    TaskReport,
    TaskRetrying,
    TaskStarted,
)

if TYPE_CHECKING:
    from rich.console import Group

_PLAIN_SECONDS = 10.0
"""How often a task's progress is worth a plain line [s]."""
_WORDS = {State.COMPLETE: "done", State.CACHED: "cached"}
_STYLES = {
    State.RUNNING: "cyan",
    State.COMPLETE: "green",
    State.CACHED: "dim green",
    State.FAILED: "bold red",
    State.INTERRUPTED: "yellow",
    State.SKIPPED: "dim",
}


@contextmanager
def open_display(stream: TextIO = sys.stderr) -> Iterator[OnEvent]:
    """Open a display; what it yields is told the events of one run.

    Args:
        stream: A terminal gets one live line per task, anything else plain lines. Without colours when NO_COLOR is
            set (https://no-color.org).
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield PlainDisplay(_writer(stream))
        return
    from rich.console import Console
    from rich.live import Live

    display = LiveDisplay(time.monotonic)
    with Live(console=Console(file=stream), get_renderable=display.render, refresh_per_second=8):
        yield display


def _writer(stream: TextIO) -> Callable[[str], None]:
    """Write lines for as long as somebody reads them: a run does not end because its listener left."""

    def write(line: str) -> None:
        with suppress(OSError, ValueError):
            print(line, file=stream, flush=True)

    return write


class PlainDisplay:
    """One line when a task starts, ends, or has been at it for long.

    Args:
        write: Takes one line.
        clock: The time [s].
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._names: dict[str, str] = {}
        self._quiet_until: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunStarted():
                self._write(f"run {event.run_id}")
            case TaskStarted():
                self._names[event.id] = event.task
                self._quiet_until[event.id] = self._clock() + _PLAIN_SECONDS
                self._write(f"{event.task}: started" + (f", attempt {event.attempt}" if event.attempt > 1 else ""))
            case TaskProgress() if self._clock() >= self._quiet_until.get(event.id, 0.0):
                self._quiet_until[event.id] = self._clock() + _PLAIN_SECONDS
                self._write(f"{self._names.get(event.id, event.id)}: {progress_text(event)}")
            case TaskRetrying():
                name = self._names.get(event.id, event.id)
                self._write(f"{name}: failed: {event.why}; trying again in {event.in_seconds:.1f} s")
            case TaskEnded():
                self._write(ending_text(event.report))
            case Note():
                self._write(event.text)
            case _:
                pass


@dataclass
class _Line:
    name: str
    state: State
    began: float
    seconds: float = 0.0
    text: str = ""


class LiveDisplay:
    """One line per task, drawn anew several times a second.

    Args:
        clock: The time [s].
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._notes: list[str] = []

    def __call__(self, event: Event) -> None:
        """Take in one event; `render` shows it."""
        match event:
            case TaskStarted():
                self._lines[event.id] = _Line(event.task, State.RUNNING, self._clock())
            case TaskProgress() if event.id in self._lines:
                line = self._lines[event.id]
                line.text = progress_text(event, self._clock() - line.began)
            case TaskRetrying() if event.id in self._lines:
                self._lines[event.id].text = f"trying again in {event.in_seconds:.1f} s: {event.why}"
            case TaskEnded():
                report = event.report
                self._lines[report.id] = _Line(report.task, report.state, 0.0, report.seconds, _detail(report))
            case Note():
                self._notes.append(event.text)
            case _:
                pass

    def render(self) -> Group:
        """The lines as they are now."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
        for name in ("task", "state"):
            table.add_column(name, no_wrap=True)
        table.add_column("seconds", justify="right", no_wrap=True)
        table.add_column("detail", overflow="ellipsis", no_wrap=True, ratio=1)
        for line in list(self._lines.values()):
            running = line.state is State.RUNNING
            seconds = self._clock() - line.began if running else line.seconds
            state = Text(_WORDS.get(line.state, str(line.state)), style=_STYLES.get(line.state, ""))
            table.add_row(Text(line.name), state, f"{seconds:.1f} s", Text(line.text))
        # An empty line for the cursor: a terminal writes ^C where it stands, and must not scroll by it.
        return Group(table, *map(Text, self._notes), "")


def progress_text(event: TaskProgress, seconds: float = 0.0) -> str:
    """How far a task is, in words.

    Example:
        >>> progress_text(TaskProgress("train", 5000, 20000, "rows"), seconds=2.0)
        '5,000 of 20,000 rows, 2,500/s'
    """
    of = f" of {event.total:,}" if event.total else ""
    rate = f", {event.done / seconds:,.0f}/s" if seconds >= 0.5 else ""
    return f"{event.done:,}{of} {event.unit}{rate}"


def ending_text(report: TaskReport) -> str:
    """How a task ended, in one line.

    Example:
        >>> ending_text(TaskReport("c/train", "train", "trainer", State.COMPLETE, seconds=2.0, rows=5000))
        'train: done in 2.0 s, 5,000 rows, 2,500 rows/s'
    """
    word = _WORDS.get(report.state, str(report.state))
    after = f" in {report.seconds:.1f} s" if report.state is State.COMPLETE else ""
    detail = _detail(report)
    return f"{report.task}: {word}{after}" + (f", {detail}" if detail else "")


def _detail(report: TaskReport) -> str:
    parts = [report.why] if report.why else []
    if report.decision:
        parts.append(f"{report.decision.verdict}, {report.decision.consequence}")
    if report.rows and not report.why:
        parts.append(f"{report.rows:,} rows")
    if report.rows_per_second:
        parts.append(f"{report.rows_per_second:,.0f} rows/s")
    if report.state is State.FAILED and report.log:
        parts.append(f"log: {report.log}")
    return ", ".join(parts)
