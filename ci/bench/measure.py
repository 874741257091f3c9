"""Measure whole commands honestly: wall, CPU of everything they started, and peak memory of the tree.

Machines are shared and their speed drifts, so commands are alternated and CPU seconds are quoted beside wall.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Figures:
    """What one run of a command took."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Largest sum of proportional memory over the process tree, sampled."""
    exit_code: int


@dataclass
class Series:
    """Several runs of the same command."""

    name: str
    runs: list[Figures] = field(default_factory=list)

    def median(self, what: str) -> float:
        """The median of one figure over the runs."""
        return statistics.median(getattr(run, what) for run in self.runs)

    def line(self) -> str:
        """The series as a row of a Markdown table."""
        walls = sorted(run.wall_seconds for run in self.runs)
        memory = self.median("peak_bytes") / 1e9
        return (
            f"| {self.name} | {self.median('wall_seconds'):.2f} ({walls[0]:.2f}-{walls[-1]:.2f}) "
            f"| {self.median('cpu_seconds'):.2f} | {memory:.2f} | {len(walls)} |"
        )


HEADING = "| work | wall, median (min-max) [s] | CPU [s] | peak memory [GB] | runs |\n|---|---|---|---|---|"


def run(command: Sequence[str], *, log: Path, cwd: Path | None = None, memory: bool = True) -> Figures:
    """Run a command to its end.

    CPU is what the kernel accounted to it and to all its descendants, those included that it left behind: they become
    ours and are waited for. Memory is sampled every 0.2 s as proportional set size, so that pages shared after a fork
    count once.
    """
    _adopt_orphans()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=cwd, stdin=subprocess.DEVNULL)
        sampler = _Sampler(process.pid, enabled=memory)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = sampler.stop()
    cpu = usage.ru_utime + usage.ru_stime + _reap_orphans()
    return Figures(wall, cpu, max(peak, usage.ru_maxrss * 1024), process.returncode)


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans() -> float:
    """Wait for what the command left behind; returns its CPU seconds."""
    seconds = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return seconds
        seconds += usage.ru_utime + usage.ru_stime


class _Sampler:
    def __init__(self, pid: int, *, enabled: bool) -> None:
        self._pid = pid
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        if enabled:
            self._thread.start()

    def stop(self) -> int:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        return self._peak

    def _sample(self) -> None:
        while not self._stop.wait(0.2):
            self._peak = max(self._peak, sum(_proportional(pid) for pid in _tree(self._pid)))


def _tree(root: int) -> list[int]:
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                todo.extend(int(child) for child in children.read_text().split())
            except OSError:
                continue
    return found


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def fail_unless(condition: bool, message: str) -> None:
    """Stop a benchmark whose premises do not hold: a wrong figure is worse than none."""
    if not condition:
        sys.exit(f"benchmark void: {message}")
