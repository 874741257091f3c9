"""The CustomResourceDefinition on a real kube-apiserver: it installs, explains itself, fills in, and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from penstock.releasing.resource.spec import ModelReleaseSpec
from tests.contract.releasing.conftest import release
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import LADDER, bundle

pytestmark = pytest.mark.cluster
GATES = [{"name": "errors", "metric": "errorRate"}]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no-last-step": ({"ladder": LADDER[:3]}, "must end with a step of weightPercent 100"),
    "twice-a-name": ({"ladder": [LADDER[1], *LADDER[1:]]}, "Each step of the ladder needs a name of its own"),
    "falling": ({"ladder": [LADDER[2], LADDER[1], LADDER[3]]}, "must not fall from one step to the next"),
    "called-bake": ({"ladder": [{**LADDER[1], "name": "bake"}, LADDER[3]]}, "may be called 'bake'"),
    "shadow-and-canary": ({"ladder": [{**LADDER[0], "weightPercent": 1}, LADDER[3]]}, "either mirrorPercent"),
    "never-passed": ({"ladder": [{**LADDER[3], "minSeconds": 900}]}, "it could never be passed"),
    "unknown-step": ({"promotion": {"approveBefore": ["canary-7"]}}, "names a step that the ladder does not have"),
    "own-fallback": ({"fallback": bundle("one")}, "fallback must be another bundle"),
    "kserve-shadow": ({"route": {"mode": "kserveCanary"}}, "Mode kserveCanary has no shadow"),
    "no-host": ({"route": {"mode": "istio"}}, "route needs host and gateway"),
    "more-than-most": ({"scaling": {"minReplicas": 9, "maxReplicas": 2}}, "minReplicas must not be greater"),
    "short-bake": ({"bake": {"seconds": 60, "deadlineSeconds": 60}}, "bake.seconds must be less than"),
    "nothing-opens": (
        {"analysis": {"gates": [{**GATES[0], "advance": False}]}},
        "at least one gate must be waited for",
    ),
    "blind-shadow": ({"analysis": {"gates": [{**GATES[0], "inShadow": False}]}}, "judged in shadow (inShadow)"),
    "same-gates": ({"analysis": {"gates": GATES * 2}}, "names of gates must differ"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_refused_with_a_sentence(
    case: str, with_releases: Cluster, namespace: str
) -> None:
    fields, sentence = WRONG[case]
    made = release("flights", namespace, **fields)
    refused = with_releases.try_kubectl("apply", "--server-side", "-f", "-", text=yaml.safe_dump(made))
    assert refused.returncode
    assert sentence in refused.stderr
    with pytest.raises(ValidationError) as error:
        ModelReleaseSpec.model_validate(made["spec"])
    assert sentence in str(error.value), "the models refuse it in the same words"


def test_names_that_would_make_too_long_names_of_services_are_refused(with_releases: Cluster, namespace: str) -> None:
    made = release("f" * 41, namespace)
    refused = with_releases.try_kubectl("apply", "--server-side", "-f", "-", text=yaml.safe_dump(made))
    assert "may have 40 characters" in refused.stderr
    with_releases.apply(release("f" * 40, namespace))


def test_a_misspelled_key_is_refused(with_releases: Cluster, namespace: str) -> None:
    made = release("flights", namespace, retryTokn="again")
    refused = with_releases.try_kubectl(
        "apply", "--server-side", "--validate=strict", "-f", "-", text=yaml.safe_dump(made)
    )
    assert "retryTokn" in refused.stderr


def test_the_server_fills_in_what_the_models_fill_in(with_releases: Cluster, namespace: str) -> None:
    route = {"host": "flights.example.com", "gateway": {"name": "public", "namespace": "gateways"}}
    made = release("flights", namespace, route=route)
    del made["spec"]["ladder"]
    with_releases.apply(made)
    stored = json.loads(with_releases.kubectl("get", "mr", "flights", "-n", namespace, "-o", "json"))["spec"]
    ours = ModelReleaseSpec.model_validate(made["spec"]).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored == ours
    assert ModelReleaseSpec.model_validate(stored) == ModelReleaseSpec.model_validate(made["spec"])


def test_explain_tells_what_the_docstrings_tell(with_releases: Cluster) -> None:
    told = with_releases.kubectl("explain", "modelrelease.spec.ladder.minSamples")
    assert "Observations of the candidate that every gate needs" in " ".join(told.split())
    whole = with_releases.kubectl("explain", "mr.spec.route.mode")
    assert {"auto", "gatewayAPI", "istio", "kserveCanary"} <= set(whole.split())
    assert "FIELD" in with_releases.kubectl("explain", "mr.status.rejected.reason")


def test_every_field_says_what_it_is() -> None:
    from penstock.releasing.resource.crd import crd

    silent = []

    def walk(node: dict[str, Any], path: str) -> None:
        for name, one in node.get("properties", {}).items():
            if not one.get("description") and path:
                silent.append(f"{path}.{name}")
            walk(one, f"{path}.{name}")
            walk(one.get("items", {}), f"{path}.{name}[]")

    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        walk(schema[part], part)
    assert silent == []


def test_the_columns_show_where_a_release_is(with_releases: Cluster, namespace: str) -> None:
    with_releases.apply(release("flights", namespace))
    status = {"phase": "Releasing", "trial": {"number": 1, "started": "2026-01-01T00:00:00Z", "step": "canary-5",
              "weightPercent": 5}}  # fmt: skip
    patch = json.dumps({"status": status})
    with_releases.kubectl(
        "patch", "mr", "flights", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch
    )
    heading, line = with_releases.kubectl("get", "mr", "-n", namespace).splitlines()
    assert heading.split()[:4] == ["NAME", "PHASE", "STEP", "WEIGHT"]
    assert line.split()[:4] == ["flights", "Releasing", "canary-5", "5"]
