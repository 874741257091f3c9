"""What clients see of promotion, rollback, and the death of either model server: real servers, a rate on a timetable.

    .venv/bin/python ci/bench/outages.py --stable BUNDLE --candidate BUNDLE --rate 200

Both bundles serve behind the gateway, the prediction log on, and are asked for the stable bundle's golden rows, one a
request. Meanwhile the candidate's server is killed (SIGKILL) and comes back, gets half the traffic, the stable's is
killed and comes back, the candidate is promoted, taken back, and gets a share again. What is told are the requests
that failed, the latencies, and for how long each server was away. Exit code 1 where one failed, or the time was too
short for all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from penstock.serving.bundle import open_bundle  # noqa: E402
from penstock.serving.gateway.routing import Route  # noqa: E402
from penstock.serving.load_test.open_loop import OpenReport, run_open_loop  # noqa: E402
from penstock.serving.load_test.target import target_of  # noqa: E402
from penstock.serving.prediction_log import log_files, read_predictions  # noqa: E402
from penstock.serving.twins.local_serving import LocalServing, ServingOptions  # noqa: E402
from penstock.serving.twins.programs import Programs  # noqa: E402

_READY_SECONDS = 300.0
_QUIET_SECONDS = 2.0
"""Between two events."""
_CANARY = Route(stable="a", candidate="b", canary_percent=30.0, step="canary-30")
_HALF = Route(stable="a", candidate="b", canary_percent=50.0, step="canary-50")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stable", type=Path, required=True, help="a release bundle")
    parser.add_argument("--candidate", type=Path, required=True, help="another that takes the same features")
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=1, help="processes of each server")
    options = parser.parse_args()
    bundles = {"a": open_bundle(options.stable.absolute()), "b": open_bundle(options.candidate.absolute())}
    rows = json.loads((bundles["a"].model_folder / "golden.json").read_bytes())["rows"]
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    programs = Programs(ROOT / ".venv-serving/bin/python", (ROOT / "src",))
    with tempfile.TemporaryDirectory() as folder:
        with LocalServing(programs, Path(folder), ServingOptions("model", port=0)) as serving:
            for name, bundle in bundles.items():
                serving.start(name, bundle, processes=options.processes)
            for name in bundles:
                serving.wait_until_ready(name, _READY_SECONDS)
            serving.set_route(_CANARY)
            done: list[str] = []
            changing = threading.Thread(target=_change, args=(serving, done.append), daemon=True)
            changing.start()
            report = run_open_loop(target_of(serving.url), bodies, rate=options.rate, seconds=options.seconds)
            complete = not changing.is_alive()
        delivered = [r.request_id for r in read_predictions(log_files(Path(folder) / "predictions")) if r.delivered]
    _tell(report, done, len(delivered))
    sys.exit(0 if complete and not report.errors and len(set(delivered)) == len(delivered) else 1)


def _change(serving: LocalServing, tell: Callable[[str], None]) -> None:
    for name, route in (("b", _HALF), ("a", Route(stable="b", step="promoted"))):
        time.sleep(_QUIET_SECONDS)
        tell(f"{name} killed, back after {_kill(serving, name):.1f} s")
        serving.set_route(route)
        tell(f"route: {route.step}")
    for route in (Route(stable="a", step="rolled back"), _CANARY):
        time.sleep(_QUIET_SECONDS)
        serving.set_route(route)
        tell(f"route: {route.step}")


def _kill(serving: LocalServing, name: str) -> float:
    """Kill one of a server's processes; how long it was away [s]."""
    pid = serving.state()["twins"][name]["processes"][0]["pid"]
    begun = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    while serving.state()["twins"][name]["processes"][0]["pid"] == pid:
        time.sleep(0.1)
    serving.wait_until_ready(name, _READY_SECONDS)
    return time.perf_counter() - begun


def _tell(report: OpenReport, done: list[str], delivered: int) -> None:
    print("\n".join(done))
    print(f"{report.sent:,} sent, {report.errors:,} failed, {delivered:,} logged as delivered")
    for what, count in report.error_kinds.items():
        print(f"  {count:,} times: {what}")
    percentiles = f"p50 {report.p50_ms:.1f}  p90 {report.p90_ms:.1f}  p99 {report.p99_ms:.1f}  most {report.max_ms:.1f}"
    print(f"{percentiles} ms, sent {report.late_p99_ms:.1f} ms late; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
