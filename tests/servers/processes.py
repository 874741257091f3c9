"""Programs that serve on a free loopback port as long as a test session lasts."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

WAIT_SECONDS = 60


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """A server that can be killed, and started again as it was."""

    command: list[str]
    log: Path
    is_ready: Callable[[], bool]
    """May raise as long as nothing answers."""
    environment: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        assert self.process
        wait_until_ready(self.process, self.log, self.is_ready)

    def launch(self) -> None:
        """Start it."""
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                self.command, stdout=stream, stderr=stream, cwd=self.log.parent, env=self.environment
            )

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self.process:
            self.process.kill()
            self.process.wait(WAIT_SECONDS)


@contextlib.contextmanager
def serving(
    command: list[str], log: Path, is_ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a server until the block ends; it is killed then, for its data end with it."""
    program = Program(command, log, is_ready, environment)
    try:
        program.start()
        yield program
    finally:
        program.kill()


def wait_until_ready(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    """Wait until a server answers; it is told with the end of its log where it does not."""
    end, problem = time.monotonic() + WAIT_SECONDS, ""
    while True:
        try:
            if is_ready():
                return
        except Exception as error:
            problem = f": {error}"
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(
                f"{process.args[0]} did not start{problem}; its log ends:\n{log.read_text()[-3000:]}", pytrace=False
            )
        time.sleep(0.05)
