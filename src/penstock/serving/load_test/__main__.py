"""The command of a load test on this machine: `python -m penstock.serving.load_test URL --bodies FILE`.

With `--rate` on a timetable, else in a closed loop. Loopback only: it is a check of a model, not a tool to press on
somebody's service with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.serving.load_test.closed_loop import closed_loop
from penstock.serving.load_test.open_loop import run_open_loop
from penstock.serving.load_test.target import target_of


def main(argv: Sequence[str] | None = None) -> None:
    """Run a load test and print its report as JSON on standard output."""
    parser = argparse.ArgumentParser(prog="penstock.serving.load_test", description="Load a server on this machine.")
    parser.add_argument("url", help="where to POST, for example http://127.0.0.1:8080/v1/models/model:predict")
    parser.add_argument("--bodies", type=Path, required=True, help="a file with one JSON body a line")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="how long to go on sending, at most in a closed loop"
    )
    parser.add_argument("--rate", type=float, help="requests a second, whatever comes back; without: a closed loop")
    parser.add_argument("--requests", type=int, default=400, help="how many to send at most, in a closed loop")
    parser.add_argument(
        "--connections", type=int, default=2, help="how many to have in flight at once, in a closed loop"
    )
    options = parser.parse_args(argv)
    try:
        print(json.dumps(_run(options)))  # noqa: T201
    except (OSError, ValueError) as error:
        print(f"penstock.serving.load_test: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    target, bodies = target_of(options.url), options.bodies.read_bytes().splitlines()
    if options.rate is not None:
        return run_open_loop(target, bodies, rate=options.rate, seconds=options.seconds).model_dump(mode="json")
    limits = {"requests": options.requests, "seconds": options.seconds, "connections": options.connections}
    return asdict(asyncio.run(closed_loop(target, bodies, **limits)))


if __name__ == "__main__":
    main()
