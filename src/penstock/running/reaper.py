"""Removes a run's containers when its runner was killed: a small process beside the runner, doing nothing else.

A killed process cannot clean up, and the engine runs containers on without it. This one holds the other end of a pipe:
one byte means that the run ended properly; the end of the pipe without it, that the runner is gone. It holds the run's
lock meanwhile, so that nobody takes the run for dead while its containers still write.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class Reaper:
    """The runner's side.

    Args:
        address: The engine's.
        run_id: The run's.
        lock: The run's lock.
        roots: Folders that `penstock` is imported from.
    """

    def __init__(self, address: str, run_id: str, lock: int, roots: Sequence[Path]) -> None:
        path = os.pathsep.join([*map(str, roots), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "penstock.running.reaper", address, run_id],
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=(lock,),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the runner's to handle
        )

    def dismiss(self) -> None:
        """Tell it that there is nothing left to remove, and wait until it is gone."""
        with suppress(BrokenPipeError):
            self._process.communicate(b".")


def main(address: str, run_id: str) -> None:
    """Wait; then remove, if nobody else has."""
    if sys.stdin.buffer.read(1):
        return
    from penstock.running.engine import Engine

    engine = Engine(address)
    engine.remove_run(run_id)
    engine.remove_run(run_id)  # one that was being created when the runner died


if __name__ == "__main__":
    main(*sys.argv[1:])
