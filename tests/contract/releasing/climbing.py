"""A release that climbs to a step and is held there, for what happens to its controller meanwhile."""

from __future__ import annotations

from typing import Any

from penstock.releasing.kubernetes.api import RELEASES
from tests.contract.releasing.conftest import api_of, release
from tests.contract.releasing.fake_kserve import FakeKServe
from tests.contract.releasing.processes import Process, Weights, eventually
from tests.contract.releasing.traffic import Traffic
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import LADDER

FIELDS = {
    "ladder": [{**LADDER[2], "minSamples": 1_000_000, "deadlineSeconds": 3600}, LADDER[3]],
    "warmUp": {"seconds": 0, "mirrorPercent": 0},
    "analysis": {"gates": [{"name": "errors", "metric": "errorRate"}]},
}
HALVES = {"flights-a-predictor": 50, "flights-b-predictor": 50}
ALL_TO_STABLE = {"flights-a-predictor": 100}


class Climb:
    """A release on its way up, its gates measured by a Prometheus; whoever is its controller."""

    def __init__(self, server: Cluster, namespace: str, traffic: Traffic, weights: Weights) -> None:
        self.server, self.namespace, self.traffic, self.weights = server, namespace, traffic, weights
        self.api = api_of(server)
        self.kserve = FakeKServe(self.api, namespace)

    def git(self, model: str) -> None:
        self.server.apply(release("flights", self.namespace, model, **FIELDS))

    def status(self) -> dict[str, Any]:
        self.kserve.step()
        return (self.api.get(RELEASES, self.namespace, "flights") or {}).get("status") or {}

    def to_halves_under(self, leader: Process, standby: Process | None = None) -> None:
        """The same, carried out by a controller that leads, and maybe another that waits for its Lease."""
        leader.start()
        eventually(leader.leads)
        if standby:
            standby.start()
        self.to_halves()

    def to_halves(self) -> None:
        """Until the candidate has half of the traffic, and is being judged."""
        self.git("one")
        eventually(lambda: self.status().get("phase") == "Stable")
        self.traffic.serve(1000, 0.01)
        self.git("two")
        eventually(lambda: (self.status().get("trial") or {}).get("stepSince") is not None)
        eventually(self.is_judged, every=1)
        assert self.weights.of[self.weights.newest] == HALVES

    def is_judged(self) -> bool:
        # The first look only learns where the counters stand.
        self.traffic.serve(100, 0.01)
        return any(each.get("candidateSamples") for each in self.status().get("gates") or [])
