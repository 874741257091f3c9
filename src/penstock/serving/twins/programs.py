"""Starting our programs of the serving environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAST_WORDS_CHARACTERS = 400


@dataclass(frozen=True)
class Programs:
    """How a program of the serving environment is started."""

    python: Path
    """That environment's interpreter."""
    roots: tuple[Path, ...]
    """The folders that `penstock` is imported from there."""

    def start(self, module: str, arguments: Sequence[str], log: Path, fds: Sequence[int] = ()) -> Program:
        """Start a module. It ends when this process does.

        Args:
            module: The module's name.
            arguments: Its command line.
            log: The file that gets what it prints, from its beginning.
            fds: Descriptors that it inherits under the same numbers.
        """
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.roots))}
        command = [str(self.python), "-m", module, *arguments, "--end-with-stdin"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=fds,
                start_new_session=True,  # Ctrl-C is for the supervisor: it ends the others in their order
            )
        return Program(process, log)


@dataclass(frozen=True)
class Program:
    """A running program."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.process.poll()

    def stop(self, patience_seconds: float) -> None:
        """Ask it to end, and end it when it does not."""
        if self.ended() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def last_words(self) -> str:
        """The last line that it printed; one of Penstock's own if there is any."""
        lines = [line.strip() for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        own = [line.partition(": ")[2] for line in lines if line.startswith("penstock.serving")]
        said = own or [line for line in lines if line] or ["it said nothing"]
        return said[-1][:LAST_WORDS_CHARACTERS]
