"""The command of a load test on this machine: `python -m penstock.serving.load_test URL --bodies FILE`.

Loopback only: it is a check of a model, not a tool to press on somebody's service with. Says what `penstock loadtest
--json` says; a budget that is not kept is an answer, too, with exit code 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from penstock.serving.load_test.budget import Budget, judged
from penstock.serving.load_test.open_loop import run_open_loop
from penstock.serving.load_test.target import target_of


def main(argv: Sequence[str] | None = None) -> None:
    """Run a load test and print its report as JSON on standard output."""
    parser = argparse.ArgumentParser(prog="penstock.serving.load_test", description="Load a server on this machine.")
    parser.add_argument("url", help="where to POST, for example http://127.0.0.1:8080/v1/models/model:predict")
    parser.add_argument("--bodies", type=Path, required=True, help="a file with one JSON body a line")
    parser.add_argument("--rate", type=float, required=True, help="requests a second, whatever comes back")
    parser.add_argument("--seconds", type=float, required=True, help="for how long")
    parser.add_argument("--max-p99-ms", type=float, help="the budget: the largest 99th percentile of the latency")
    options = parser.parse_args(argv)
    try:
        target, bodies = target_of(options.url), options.bodies.read_bytes().splitlines()
        report = run_open_loop(target, bodies, rate=options.rate, seconds=options.seconds)
    except (OSError, ValueError) as error:
        print(f"penstock.serving.load_test: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    print(json.dumps(judged(report, Budget(options.max_p99_ms))))  # noqa: T201


if __name__ == "__main__":
    main()
