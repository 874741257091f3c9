"""The controller that leads is killed while the gates have a harm to tell: whoever leads next takes the traffic."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.releasing.climbing import ALL_TO_STABLE, HALVES, Climb
from tests.contract.releasing.conftest import api_of
from tests.contract.releasing.processes import Process, Weights, eventually, holder
from tests.contract.releasing.traffic import Traffic
from tests.servers.kubernetes import Cluster
from tests.servers.prometheus import prometheus

pytestmark = [pytest.mark.cluster, pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize("successor", ["another", "itself"])
def test_a_harm_that_nobody_was_there_to_see_is_acted_upon_by_whoever_leads_next(
    with_kserve: Cluster, namespace: str, tmp_path: Path, successor: str
) -> None:
    api = api_of(with_kserve)
    with prometheus(tmp_path) as (url, target), Weights(api, namespace) as weights:
        climb = Climb(with_kserve, namespace, Traffic(target, namespace), weights)
        first, second = (
            Process(with_kserve, namespace, tmp_path / name, f"--prometheus={url}", f"--identity={name}")
            for name in ("one", "other")
        )
        try:
            climb.to_halves_under(first, second if successor == "another" else None)
            before = weights.newest
            first.kill()
            climb.traffic.serve(2000, 0.3)
            if successor == "itself":
                first.start()
            eventually(lambda: climb.status().get("phase") == "RolledBack")
            assert holder(api, namespace) == {"another": "other", "itself": "one"}[successor]
        finally:
            first.kill()
            second.kill()
    assert weights.since(before) == [HALVES, ALL_TO_STABLE]
