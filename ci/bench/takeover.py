"""How long a harm waits for the controller's successor: from kill -9 of the one that leads to the write of the route.

    .venv/bin/python ci/bench/takeover.py --rounds 5

On a real kube-apiserver, gates measured by a real Prometheus. The harm is there to be seen as soon as the controller is
dead. `another`: a second controller waits for the Lease. `itself`: the same command is started again at once, as by
kubelet, process start included. `plain`: so too, without an identity that outlives the process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.contract.releasing.climbing import ALL_TO_STABLE, Climb  # noqa: E402
from tests.contract.releasing.conftest import CRD, GATEWAYS, KSERVE, api_of  # noqa: E402
from tests.contract.releasing.processes import Process, Weights, eventually  # noqa: E402
from tests.contract.releasing.traffic import Traffic  # noqa: E402
from tests.servers.kubernetes import Cluster, crds, started  # noqa: E402
from tests.servers.prometheus import prometheus  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--successors", default="another,itself,plain", help="which of them, with commas")
    options = parser.parse_args()
    print("| who leads next | from the kill to the write of the route, median (min-max) [s] | rounds |\n|---|---|---|")
    with started() as server:
        server.install(CRD, *crds(*KSERVE, *GATEWAYS))
        for successor in options.successors.split(","):
            took = sorted(_seconds(server, successor) for _ in range(options.rounds))
            print(f"| {successor} | {statistics.median(took):.1f} ({took[0]:.1f}-{took[-1]:.1f}) | {len(took)} |")


def _seconds(server: Cluster, successor: str) -> float:
    namespace = server.make_namespace("takeover")
    with tempfile.TemporaryDirectory() as folder, Weights(api_of(server), namespace) as weights:
        place = Path(folder)
        with prometheus(place) as (url, target):
            climb = Climb(server, namespace, Traffic(target, namespace), weights)
            who = ["--identity=one"] if successor == "itself" else []
            first = Process(server, namespace, place / "one.log", f"--prometheus={url}", *who)
            second = Process(server, namespace, place / "other.log", f"--prometheus={url}")
            try:
                climb.to_halves_under(first, second if successor == "another" else None)
                first.kill()
                since = time.monotonic()
                if successor != "another":
                    first.launch()
                climb.traffic.serve(2000, 0.3)
                eventually(lambda: weights.of[weights.newest] == ALL_TO_STABLE, every=0.01)
                return time.monotonic() - since
            finally:
                first.kill()
                second.kill()


if __name__ == "__main__":
    main()
