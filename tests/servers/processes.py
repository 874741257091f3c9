"""Programs that serve on a free loopback port as long as a test session lasts."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

WAIT_SECONDS = 60


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: list[str], log: Path, is_ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is killed then, for its data end with it.

    `is_ready` may raise as long as nothing answers.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=log.parent, env=environment)
    try:
        wait_until_ready(process, log, is_ready)
        yield process
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)


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
