"""A process that draws, for programs that soon will: while they read what is to be drawn, it starts Vega.

Vega's start takes as long as ten charts, and holds the interpreter's lock all the while: a thread would gain nothing.
The process takes one Vega-Lite specification a line and answers one picture a line; it ends with its input.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

_process: subprocess.Popen[bytes] | None = None
_SMALLEST = {"data": {"values": [{}]}, "mark": "point"}


@contextmanager
def ahead() -> Iterator[None]:
    """Have a process start Vega now, and draw with it within: `picture` asks it."""
    global _process  # noqa: PLW0603 - one for a program, as Vega itself is
    command = [sys.executable, "-m", __name__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    before, _process = _process, process
    try:
        yield
    finally:
        _process = before
        process.kill()
        with suppress(OSError):
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        process.wait()


def picture(spec: dict[str, Any]) -> str:
    """Turn a Vega-Lite specification into SVG: in the process within `ahead`, else here.

    Raises:
        ValueError: Vega can make nothing of it, or the process has died of it.
    """
    if _process is None:
        import vl_convert

        return str(vl_convert.vegalite_to_svg(spec))
    try:
        _pipe(_process.stdin).write(json.dumps(spec).encode() + b"\n")
        _pipe(_process.stdin).flush()
        answer = json.loads(_pipe(_process.stdout).readline())
    except OSError as error:
        raise ValueError(f"the process that draws has ended: {error}") from None
    if not isinstance(answer, str):
        raise ValueError("Vega cannot draw this")
    return answer


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - it was asked for as a pipe
    return stream


def main() -> None:
    """Draw until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it: then the input ends
    picture(_SMALLEST)
    for line in sys.stdin.buffer:
        try:
            answer = json.dumps(picture(json.loads(line)))
        except ValueError:
            answer = "null"
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
