"""A release on a real API server, judged on what a real Prometheus scraped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.releasing.evidencing import EvidenceJudge
from penstock.releasing.kubernetes.api import CONFIG_MAPS
from penstock.releasing.kubernetes.evidence import EvidenceMaps
from penstock.releasing.observing import SourcesObserver
from penstock.releasing.resource.status import Phase
from tests.contract.releasing.conftest import OnCluster
from tests.contract.releasing.traffic import Traffic
from tests.servers.kubernetes import Cluster
from tests.servers.prometheus import Target, prometheus
from tests.unit.releasing.releases import LADDER

pytestmark = [pytest.mark.cluster, pytest.mark.server]
FIELDS = {"ladder": LADDER[1:], "warmUp": {"seconds": 0, "mirrorPercent": 0}}


@pytest.fixture
def measured(with_kserve: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    with prometheus(tmp_path_factory.mktemp("prometheus")) as (url, target):
        yield Measured(with_kserve, namespace, url, target)


class Measured(OnCluster):
    """The same release, with gates that are measured."""

    def __init__(self, server: Cluster, namespace: str, url: str, target: Target) -> None:
        super().__init__(server, namespace)
        self.url, self.traffic = url, Traffic(target, namespace)
        self.restart()

    def restart(self) -> None:
        """Another process begins where the last one ended."""
        self.gates = EvidenceJudge(SourcesObserver(self.url), EvidenceMaps(self.api))

    def evidence(self) -> str:
        found = self.admin.get(CONFIG_MAPS, self.key.namespace, "flights-evidence")
        assert found
        return str(found["data"]["evidence"])


def test_good_counters_open_steps_bad_ones_roll_back_and_a_restart_forgets_neither(measured: Measured) -> None:
    measured.git("one", **FIELDS)
    measured.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    measured.traffic.serve(1000, 0.01)
    measured.git("two", **FIELDS)
    measured.until(lambda status: bool(status.trial and status.trial.step == "canary-5" and status.trial.step_since))
    looks = 0
    while measured.look().trial.step == "canary-5":
        measured.traffic.serve(1000, 0.01)
        measured.restart()
        looks += 1
        assert looks < 30
    assert looks > 2, "no step is passed on nothing"
    status = measured.look()
    assert status.gates[0].candidate_samples >= 1000
    assert '"looks"' in measured.evidence()
    for _ in range(10):
        measured.traffic.serve(500, 0.3)
        measured.restart()
        status = measured.look()
        if status.phase is Phase.ROLLING_BACK:
            break
    assert status.phase is Phase.ROLLING_BACK
    assert measured.weights() == [100]
    assert status.rejected[0].reason == "GateFailed"
    assert "errors" in status.rejected[0].text


def test_no_traffic_is_no_evidence_and_no_prometheus_is_an_error(measured: Measured) -> None:
    measured.git("one", **FIELDS)
    measured.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    measured.traffic.serve(1000, 0.01)
    measured.git("two", **FIELDS)
    measured.until(lambda status: bool(status.trial and status.trial.step == "canary-5" and status.trial.step_since))
    for _ in range(5):
        status = measured.look()
    assert (status.phase, status.trial.step) == (Phase.RELEASING, "canary-5")
    measured.url = "http://127.0.0.1:9"
    measured.restart()
    status = measured.look()
    assert status.trial.unmeasured_since is not None
    assert status.gates[0].verdict == "Error"
    status = measured.look(700)
    assert status.rejected[0].reason == "GateError"
