"""The API server goes away for longer than the Lease, in the middle of a canary, and comes back.

What the gates find meanwhile is acted upon as soon as it is back; nothing else is.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.releasing.controller.leading import DURATION_SECONDS
from penstock.releasing.kubernetes.api import RELEASES
from tests.contract.releasing.conftest import CRD, GATEWAYS, KSERVE, api_of, release
from tests.contract.releasing.fake_kserve import FakeKServe
from tests.contract.releasing.processes import Process, Weights, eventually
from tests.contract.releasing.traffic import Traffic
from tests.servers.kubernetes import Cluster, crds, started
from tests.servers.prometheus import prometheus
from tests.unit.releasing.releases import LADDER

pytestmark = [pytest.mark.cluster, pytest.mark.server, pytest.mark.slow]
HOLDS = [{**LADDER[2], "minSamples": 1_000_000, "deadlineSeconds": 3600}, LADDER[3]]
FIELDS = {
    "ladder": HOLDS,
    "warmUp": {"seconds": 0, "mirrorPercent": 0},
    "analysis": {"gates": [{"name": "errors", "metric": "errorRate"}]},
}
HALVES = {"flights-a-predictor": 50, "flights-b-predictor": 50}


@pytest.fixture(scope="module")
def alone() -> Iterator[Cluster]:
    """A kube-apiserver that nobody else needs."""
    with started() as made:
        made.install(CRD, *crds(*KSERVE, *GATEWAYS))
        yield made


class Story:
    """A release half way up, its controller a process, its gates measured by a Prometheus that stays."""

    def __init__(
        self, server: Cluster, namespace: str, controller: Process, traffic: Traffic, weights: Weights
    ) -> None:
        self.server, self.namespace, self.controller = server, namespace, controller
        self.traffic, self.weights = traffic, weights
        self.api = api_of(server)
        self.kserve = FakeKServe(self.api, namespace)

    def git(self, model: str) -> None:
        self.server.apply(release("flights", self.namespace, model, **FIELDS))

    def status(self) -> dict[str, object]:
        self.kserve.step()
        return (self.api.get(RELEASES, self.namespace, "flights") or {}).get("status") or {}

    def climb(self) -> None:
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

    def unavailable(self) -> float:
        return self.controller.metric('penstock_controller_reconciles_total{outcome="unavailable"}')


@pytest.fixture
def story(alone: Cluster, tmp_path: Path) -> Iterator[Story]:
    namespace = alone.make_namespace("outage")
    with prometheus(tmp_path) as (url, target), Weights(api_of(alone), namespace) as weights:
        controller = Process(alone, namespace, tmp_path / "controller.log", f"--prometheus={url}")
        try:
            controller.start()
            yield Story(alone, namespace, controller, Traffic(target, namespace), weights)
        finally:
            controller.kill()


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_a_verdict_during_an_outage_is_carried_out_once_the_server_is_back(
    story: Story, how: str, tmp_path: Path
) -> None:
    story.climb()
    controller, before = story.controller, story.weights.newest
    said, server = len(controller.lines()), story.server.server
    assert server.process
    if how == "killed":
        server.kill()
    else:
        server.process.send_signal(signal.SIGSTOP)
    since = time.monotonic()
    late = Process(story.server, story.namespace, tmp_path / "late.log")
    try:
        # The candidate does harm from now on, and nobody can be told.
        story.traffic.serve(2000, 0.3)
        late.start()
        eventually(lambda: not controller.leads())
        eventually(lambda: time.monotonic() - since > 2 * DURATION_SECONDS, every=0.5)
        assert controller.is_running()
        assert (controller.answer("/healthz"), controller.answer("/readyz")) == (200, 200), "a restart would not help"
        assert (late.answer("/healthz"), late.answer("/readyz")) == (200, 503), "it has not seen any release yet"
        assert story.unavailable() < 20, "asked ever more rarely"
        assert len(controller.lines()) - said < 100
        if how == "killed":
            server.start()
        else:
            server.process.send_signal(signal.SIGCONT)
        eventually(lambda: story.weights.newest > before)
        eventually(lambda: story.status().get("phase") == "RolledBack")
        eventually(lambda: late.answer("/readyz") == 200)
    finally:
        late.kill()
    # One write of the route, and no other: the halves, then everything to the stable model.
    assert story.weights.since(before) == [HALVES, {"flights-a-predictor": 100}]
    # It is the first thing that is decided, and nothing goes on from where it was.
    after = controller.lines()[said:]
    leads = [line["message"] for line in after].index("leads")
    assert next(line["event"] for line in after if "event" in line) == "RolledBack"
    assert all("event" not in line and "action" not in line for line in after[:leads])
    story.git("three")
    eventually(lambda: (story.status().get("trial") or {}).get("number") == 2)
    assert controller.is_running()
    assert controller.leads()
