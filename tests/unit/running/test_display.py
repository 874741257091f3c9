from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from penstock.artifacts import Decision
from penstock.lineage.records import State
from penstock.running.display import LiveDisplay, PlainDisplay, open_display
from penstock.running.events import Note, RunStarted, TaskEnded, TaskProgress, TaskReport, TaskRetrying, TaskStarted


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_are_few() -> None:
    lines: list[str] = []
    clock = Clock()
    display = PlainDisplay(lines.append, clock)
    display(RunStarted("flights-1", "flights"))
    display(TaskStarted("c/train", "train", 1))
    for second in range(25):
        clock.now = float(second)
        display(TaskProgress("c/train", second * 100, 2500, "rows"))
    display(TaskRetrying("c/train", "no luck", 1.5))
    display(TaskStarted("c/train", "train", 2))
    display(TaskEnded(TaskReport("c/train", "train", "trainer", State.COMPLETE, seconds=25.0, rows=2500)))
    assert lines == [
        "run flights-1",
        "train: started",
        "train: 1,000 of 2,500 rows",
        "train: 2,000 of 2,500 rows",
        "train: failed: no luck; trying again in 1.5 s",
        "train: started, attempt 2",
        "train: done in 25.0 s, 2,500 rows, 100 rows/s",
    ]


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (TaskReport("a", "a", "c", State.CACHED, seconds=0.1, rows=10), "a: cached, 10 rows"),
        (TaskReport("a", "a", "c", State.SKIPPED, why="gate is closed"), "a: skipped, gate is closed"),
        (
            TaskReport("a", "a", "c", State.FAILED, why="bad", rows=3, log=Path("/x/log.txt")),
            "a: failed, bad, log: /x/log.txt",
        ),
        (
            TaskReport(
                "a", "a", "c", State.COMPLETE, seconds=1, decision=Decision(verdict="Failed", consequence="stop")
            ),
            "a: done in 1.0 s, Failed, stop",
        ),
    ],
)
def test_how_a_task_ended(report: TaskReport, line: str) -> None:
    lines: list[str] = []
    PlainDisplay(lines.append)(TaskEnded(report))
    assert lines == [line]


def test_live_lines() -> None:
    clock = Clock()
    display = LiveDisplay(clock)
    display(TaskStarted("c/train", "train", 1))
    clock.now = 2.0
    display(TaskProgress("c/train", 5000, 20000, "rows"))
    display(TaskEnded(TaskReport("ingest", "ingest", "ingest", State.CACHED, seconds=0.04)))
    display(Note("validate: its output 'schema' was changed; making it again"))
    console = Console(width=100, file=io.StringIO())
    console.print(display.render())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert [line.split() for line in text.splitlines()] == [
        ["train", "running", "2.0", "s", "5,000", "of", "20,000", "rows,", "2,500/s"],
        ["ingest", "cached", "0.0", "s"],
        ["validate:", "its", "output", "'schema'", "was", "changed;", "making", "it", "again"],
        [],  # where the cursor is: a ^C must not make the terminal scroll
    ]


def test_no_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    with open_display(stream) as display:
        display(RunStarted("flights-1", "flights"))
    assert stream.getvalue() == "run flights-1\n"


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_live_lines(monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color) if no_color else monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with open_display(stream) as display:
        display(TaskEnded(TaskReport("a", "a", "c", State.FAILED, why="bad")))
    assert "failed" in stream.getvalue()
    assert ("\x1b[1;31m" in stream.getvalue()) is coloured


class Gone(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_listener_that_left_does_not_stop_the_run() -> None:
    with open_display(Gone()) as display:
        display(RunStarted("flights-1", "flights"))


def test_a_narrow_terminal_cuts_the_detail_and_nothing_else() -> None:
    display = LiveDisplay(Clock())
    display(TaskEnded(TaskReport("a", "transform", "c", State.COMPLETE, seconds=12.5, rows=1_000_000)))
    display(TaskEnded(TaskReport("b", "validate", "c", State.INTERRUPTED)))
    stream = io.StringIO()
    Console(file=stream, width=40).print(display.render())
    first, second, _ = stream.getvalue().splitlines()
    assert first.startswith("transform  done         12.5 s  1,0")
    assert first.rstrip().endswith("…")
    assert second.split() == ["validate", "interrupted", "0.0", "s"]
