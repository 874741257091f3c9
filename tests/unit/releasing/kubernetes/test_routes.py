"""What a route says is what it was told, and what it was not told it does not say."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.releasing.kubernetes.comparing import says
from penstock.releasing.kubernetes.modes import ROUTES, resolve_mode
from penstock.releasing.kubernetes.routes.base import revision_of
from penstock.releasing.port import Key
from penstock.releasing.resource.spec import RouteMode
from penstock.releasing.resource.status import Split, Twin
from tests.unit.releasing.releases import spec_of

KEY, ROUTE = Key("ml", "flights"), spec_of("one").route
splits = st.builds(
    Split.of,
    st.sampled_from(list(Twin)),
    st.integers(0, 100),
    st.just(0),
) | st.builds(Split.of, st.sampled_from(list(Twin)), st.just(0), st.integers(1, 100))
each_kind = pytest.mark.parametrize("mode", sorted(ROUTES))


@each_kind
@given(split=splits, revision=st.integers(0, 10**9))
def test_a_split_survives_being_written_and_read(mode: str, split: Split, revision: int) -> None:
    made = ROUTES[mode].route(KEY, ROUTE, split, revision)
    assert ROUTES[mode].split_of(KEY, made) == split
    assert revision_of(made) == revision
    assert says(made, made)


@each_kind
def test_a_route_changed_by_hand_says_no_split_or_another(mode: str) -> None:
    split = Split.of(Twin.A, 5)
    made = ROUTES[mode].route(KEY, ROUTE, split, 1)
    rules = "rules" if "rules" in made["spec"] else "http"
    backends = "backendRefs" if rules == "rules" else "route"
    doubled = copy.deepcopy(made)
    doubled["spec"][rules] *= 2
    assert ROUTES[mode].split_of(KEY, doubled) is None
    heavier = copy.deepcopy(made)
    heavier["spec"][rules][0][backends][1]["weight"] = 50
    assert ROUTES[mode].split_of(KEY, heavier) is None
    redirected = copy.deepcopy(made)
    redirected["spec"][rules][0]["redirect" if rules == "http" else "timeouts"] = {"uri": "/elsewhere"}
    assert ROUTES[mode].split_of(KEY, redirected) is None
    elsewhere = copy.deepcopy(made)
    elsewhere["spec"][rules][0][backends][0] = {"name": "another", "destination": {"host": "another"}, "weight": 95}
    assert ROUTES[mode].split_of(KEY, elsewhere) is None


def test_istio_names_the_twins_by_their_own_hosts() -> None:
    made = ROUTES["istio"].route(KEY, ROUTE, Split.of(Twin.A, 5), 1)
    hosts = [each["headers"]["request"]["set"]["Host"] for each in made["spec"]["http"][0]["route"]]
    assert hosts == ["flights-a-predictor.ml.svc.cluster.local", "flights-b-predictor.ml.svc.cluster.local"]
    assert [kind.plural for kind, _ in ROUTES["istio"].helpers(KEY)] == ["services", "services"]


GATEWAY = frozenset({"serving.kserve.io", "gateway.networking.k8s.io"})
MESH = frozenset({"serving.kserve.io", "networking.istio.io", "serving.knative.dev"})


@pytest.mark.parametrize(
    ("wanted", "chosen", "groups", "mode", "why"),
    [
        (RouteMode.AUTO, "", GATEWAY, "gatewayAPI", ""),
        (RouteMode.AUTO, "", MESH | GATEWAY, "istio", ""),
        (RouteMode.AUTO, "gatewayAPI", MESH | GATEWAY, "gatewayAPI", ""),
        (RouteMode.ISTIO, "", GATEWAY, "", "needs the API group networking.istio.io"),
        (RouteMode.ISTIO, "gatewayAPI", MESH | GATEWAY, "", "cannot become istio"),
        (RouteMode.AUTO, "", frozenset({"serving.kserve.io"}), "", "neither Istio with Knative nor the Gateway API"),
        (RouteMode.AUTO, "", frozenset(), "", "has no KServe"),
    ],
    ids=["gateway", "mesh", "kept", "no-mesh", "changed", "nothing", "no-kserve"],
)
def test_how_traffic_is_split_is_chosen_once(
    wanted: RouteMode, chosen: str, groups: frozenset[str], mode: str, why: str
) -> None:
    found, told = resolve_mode(wanted, chosen, groups)
    assert found == mode
    assert why in told
    assert bool(told) == bool(why)
