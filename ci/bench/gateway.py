"""What the gateway adds to a model server's latency: side by side, in turns, on a timetable.

    .venv/bin/python ci/bench/gateway.py --bundle BUNDLE --bodies FLIGHTS.jsonl
    .venv/bin/python ci/bench/gateway.py --stand-in

Each round loads the server alone and then the same server through the gateway, or the other way round, at the same
rate. What is told are the differences of their percentiles: the median over the rounds, and those of the round in
which this program itself was least late, for machines that others use. The prediction log is on. With `--stand-in` a
program that answers at once stands for the model server, so that a machine of two cores can keep the rate, and what is
seen is the gateway alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from penstock.serving.bundle import open_bundle  # noqa: E402
from penstock.serving.gateway.routing import Route  # noqa: E402
from penstock.serving.load_test.open_loop import OpenReport, run_open_loop  # noqa: E402
from penstock.serving.load_test.target import Target, target_of  # noqa: E402
from penstock.serving.twins.local_serving import LocalServing, ServingOptions  # noqa: E402
from penstock.serving.twins.programs import Programs  # noqa: E402
from tests.servers.gateway import Gateway  # noqa: E402

_PYTHON = ROOT / ".venv-serving/bin/python"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="a release bundle")
    parser.add_argument("--bodies", type=Path, help="a file with one V1 body a line, for that bundle")
    parser.add_argument("--stand-in", action="store_true", help="a program that answers at once for the model server")
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.stand_in == (options.bundle is not None) or (options.bundle is None) != (options.bodies is None):
        parser.error("give either --stand-in, or --bundle and --bodies")
    with _stand_in() if options.stand_in else _real(options.bundle, options.bodies) as (alone, through, bodies, pid):
        differences: dict[str, list[float]] = {"p50_ms": [], "p90_ms": [], "p99_ms": []}
        costs, disturbed = [], []
        for number in range(options.rounds):
            pair = {}
            order = [("alone", alone), ("through", through)]
            for name, target in order if number % 2 == 0 else reversed(order):
                before = _cpu_seconds(pid)
                pair[name] = run_open_loop(target, bodies, rate=options.rate, seconds=options.seconds)
                if name == "through":
                    costs.append((_cpu_seconds(pid) - before) / pair[name].sent * 1e6)
                print(f"{number}  {name:8}{_figures(pair[name])}", flush=True)
            disturbed.append(max(report.late_p99_ms for report in pair.values()))
            for name, values in differences.items():
                values.append(getattr(pair["through"], name) - getattr(pair["alone"], name))
    quietest = disturbed.index(min(disturbed))
    for which, pick in ((f"the median of {options.rounds} rounds", statistics.median), ("the quietest", None)):
        added = [f"{n[:3]} {pick(v) if pick else v[quietest]:+.2f} ms" for n, v in differences.items()]
        print(f"the gateway adds, in {which}: {', '.join(added)}")
    print(f"its processor time: {statistics.median(costs):.0f} us a request; load average {os.getloadavg()[0]:.1f}")


@contextmanager
def _stand_in() -> Iterator[tuple[Target, Target, list[bytes], int]]:
    with tempfile.TemporaryDirectory() as folder, Gateway(Path(folder), "--log-file-seconds", "2") as gateway:
        gateway.client.set_route(Route(stable="a"))
        path = "/v1/models/small:predict"
        bodies = [json.dumps({"instances": [{"carrier": "AA", "temp": 1.5, "distance": 500}]}).encode()]
        alone = Target("127.0.0.1", gateway.servers["a"].port, path)
        yield alone, Target("127.0.0.1", gateway.port, path), bodies, gateway.process.pid


@contextmanager
def _real(bundle: Path, bodies: Path) -> Iterator[tuple[Target, Target, list[bytes], int]]:
    programs = Programs(_PYTHON, (ROOT / "src",))
    options = ServingOptions(model_name="model", port=0)
    with tempfile.TemporaryDirectory() as folder, LocalServing(programs, Path(folder), options) as serving:
        serving.swap(open_bundle(bundle), 300.0)
        state = serving.gateway.state()
        address = state["backends"][state["route"]["stable"]]["endpoints"][0]["address"]
        through = target_of(serving.url)
        alone = target_of(f"http://{address}{through.path}")
        yield alone, through, bodies.read_bytes().splitlines(), serving.state()["gateway"]["pid"]


def _figures(report: OpenReport) -> str:
    percentiles = f"p50 {report.p50_ms:7.2f}  p90 {report.p90_ms:7.2f}  p99 {report.p99_ms:7.2f} ms"
    return f"{percentiles}  {report.errors} failed  sent {report.late_p99_ms:.2f} ms late"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
