"""A process that draws, for programs that soon will: while they read what is to be drawn, it starts Vega.

Vega's start takes as long as ten charts, and holds the interpreter's lock all the while: a thread would gain nothing.
The process takes one Vega-Lite specification a line and answers one picture a line; it ends with its input.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any

_ahead: tuple[subprocess.Popen[bytes], ThreadPoolExecutor] | None = None
_SMALLEST = {"data": {"values": [{}]}, "mark": "point"}


@contextmanager
def ahead() -> Iterator[None]:
    """Have a process start Vega now, and draw with it within: `begin` asks it."""
    global _ahead  # noqa: PLW0603 - one for a program, as Vega itself is
    command = [sys.executable, "-m", __name__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    asking = ThreadPoolExecutor(max_workers=1)
    before, _ahead = _ahead, (process, asking)
    try:
        yield
    finally:
        _ahead = before
        process.kill()
        asking.shutdown(cancel_futures=True)
        with suppress(OSError):
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        process.wait()


def begin(spec: dict[str, Any]) -> Callable[[], str]:
    """Begin to draw a Vega-Lite specification, within `ahead` in its process; else it is drawn when it is asked for.

    Returns:
        What gives the picture as SVG, and may be called within `ahead` only. It raises ValueError where Vega can make
        nothing of the specification, or the process has died of it.
    """
    if _ahead is None:
        return partial(_draw, spec)
    process, asking = _ahead
    return asking.submit(_ask, process, spec).result


def _draw(spec: dict[str, Any]) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec))


def _ask(process: subprocess.Popen[bytes], spec: dict[str, Any]) -> str:
    try:
        _pipe(process.stdin).write(json.dumps(spec).encode() + b"\n")
        _pipe(process.stdin).flush()
        answer = json.loads(_pipe(process.stdout).readline())
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
    _draw(_SMALLEST)
    for line in sys.stdin.buffer:
        try:
            answer = json.dumps(_draw(json.loads(line)))
        except ValueError:
            answer = "null"
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
