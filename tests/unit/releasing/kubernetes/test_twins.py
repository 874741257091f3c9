"""When a twin counts as ready, and when it is not what it was made."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.releasing.kubernetes.twins import inference_service, is_ready, seen_as
from penstock.releasing.port import Key
from penstock.releasing.resource.status import Twin
from tests.unit.releasing.releases import spec_of

KEY, SPEC = Key("ml", "flights"), spec_of("one")
READY = [{"type": "Ready", "status": "True"}, {"type": "PredictorReady", "status": "True"}]
LOADED = {"transitionStatus": "UpToDate", "states": {"targetModelState": "Loaded"}}


def made(**changes: Any) -> dict[str, Any]:
    thing = inference_service(KEY, Twin.A, SPEC.target, SPEC.scaling, "gatewayAPI")
    return {**thing, **changes}


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({}, False),
        ({"conditions": READY}, True),
        ({"conditions": READY, "modelStatus": LOADED}, True),
        ({"conditions": READY, "modelStatus": {**LOADED, "transitionStatus": "InProgress"}}, False),
        ({"conditions": READY, "modelStatus": {"states": {"targetModelState": "Loading"}}}, False),
        ({"conditions": [*READY, {"type": "Stopped", "status": "True"}]}, False),
        ({"conditions": [READY[0], {"type": "PredictorReady", "status": "Unknown"}]}, False),
        ({"conditions": READY, "components": {"predictor": {"latestCreatedRevision": "2", "latestReadyRevision": "1"}}},
         False),
        ({"conditions": READY, "components": {"predictor": {"latestCreatedRevision": "2", "latestReadyRevision": "2"}}},
         True),
        ({"conditions": READY, "observedGeneration": 1}, True),
    ],
    ids=["new", "ready", "loaded", "changing", "loading", "stopped", "predictor", "old-revision", "revision", "odd"],
)  # fmt: skip
def test_readiness_is_what_kserve_says_of_the_newest(status: dict[str, Any], ready: bool) -> None:
    assert is_ready(status) is ready


def test_a_twin_says_its_version_and_what_was_changed_by_hand_is_seen() -> None:
    wanted = made()
    seen = seen_as(made(status={"conditions": READY}), wanted)
    assert seen.version == SPEC.target
    assert (seen.ready, seen.drifted, seen.going) == (True, False, False)
    other = made(status={"conditions": READY})
    other["spec"]["predictor"]["model"] = {**other["spec"]["predictor"]["model"], "storageUri": "s3://models/else"}
    seen = seen_as(other, wanted)
    assert (seen.ready, seen.drifted) == (False, True)
    assert "by hand" in seen.trouble
    more = made(status={"conditions": READY})
    more["spec"]["predictor"] = {**more["spec"]["predictor"], "maxReplicas": 9}
    seen = seen_as(more, wanted)
    assert (seen.ready, seen.drifted) == (True, True), "the model is the same: it serves on while that is put right"


def test_what_others_add_and_other_words_for_the_same_quantity_are_no_change() -> None:
    found = made(status={"conditions": READY})
    model = found["spec"]["predictor"]["model"]
    resources = {"requests": {"cpu": "1000m", "memory": "2048Mi"}, "limits": {"memory": "2Gi", "cpu": "4"}}
    found["spec"]["predictor"]["model"] = {**model, "name": "", "resources": resources}
    assert seen_as(found, made()).drifted is False


def test_what_says_no_version_is_not_ready() -> None:
    found = made(status={"conditions": READY})
    found["metadata"] = {**found["metadata"], "annotations": {}}
    seen = seen_as(found, made())
    assert (seen.version, seen.ready) == (None, False)
