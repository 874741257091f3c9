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
from tests.contract.releasing.climbing import ALL_TO_STABLE, HALVES, Climb
from tests.contract.releasing.conftest import CRD, GATEWAYS, KSERVE, api_of
from tests.contract.releasing.processes import Process, Weights, eventually
from tests.contract.releasing.traffic import Traffic
from tests.servers.kubernetes import Cluster, crds, started
from tests.servers.prometheus import prometheus

pytestmark = [pytest.mark.cluster, pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def alone() -> Iterator[Cluster]:
    """A kube-apiserver that nobody else needs."""
    with started() as made:
        made.install(CRD, *crds(*KSERVE, *GATEWAYS))
        yield made


@pytest.fixture
def story(alone: Cluster, tmp_path: Path) -> Iterator[tuple[Climb, Process]]:
    namespace = alone.make_namespace("outage")
    with prometheus(tmp_path) as (url, target), Weights(api_of(alone), namespace) as weights:
        controller = Process(alone, namespace, tmp_path / "controller.log", f"--prometheus={url}")
        try:
            controller.start()
            yield Climb(alone, namespace, Traffic(target, namespace), weights), controller
        finally:
            controller.kill()


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_a_verdict_during_an_outage_is_carried_out_once_the_server_is_back(
    story: tuple[Climb, Process], how: str, tmp_path: Path
) -> None:
    climb, controller = story
    climb.to_halves()
    before, said, server = climb.weights.newest, len(controller.lines()), climb.server.server
    assert server.process
    if how == "killed":
        server.kill()
    else:
        server.process.send_signal(signal.SIGSTOP)
    since = time.monotonic()
    late = Process(climb.server, climb.namespace, tmp_path / "late.log")
    try:
        # The candidate does harm from now on, and nobody can be told.
        climb.traffic.serve(2000, 0.3)
        late.start()
        eventually(lambda: not controller.leads())
        eventually(lambda: time.monotonic() - since > 2 * DURATION_SECONDS, every=0.5)
        assert controller.is_running()
        assert (controller.answer("/healthz"), controller.answer("/readyz")) == (200, 200), "a restart would not help"
        assert (late.answer("/healthz"), late.answer("/readyz")) == (200, 503), "it has not seen any release yet"
        assert controller.metric('penstock_controller_reconciles_total{outcome="unavailable"}') < 20, (
            "asked ever more rarely"
        )
        assert len(controller.lines()) - said < 100
        if how == "killed":
            server.start()
        else:
            server.process.send_signal(signal.SIGCONT)
        eventually(lambda: climb.weights.newest > before)
        eventually(lambda: climb.status().get("phase") == "RolledBack")
        eventually(lambda: late.answer("/readyz") == 200)
    finally:
        late.kill()
    # One write of the route, and no other: the halves, then everything to the stable model.
    assert climb.weights.since(before) == [HALVES, ALL_TO_STABLE]
    # It is the first thing that is decided, and nothing goes on from where it was.
    after = controller.lines()[said:]
    leads = [line["message"] for line in after].index("leads")
    assert next(line["event"] for line in after if "event" in line) == "RolledBack"
    assert all("event" not in line and "action" not in line for line in after[:leads])
    climb.git("three")
    eventually(lambda: (climb.status().get("trial") or {}).get("number") == 2)
    assert controller.is_running()
    assert controller.leads()
