"""What KServe's controller and a gateway's would write on a cluster: only status, as the API server lets them."""

from __future__ import annotations

import json
from typing import Any

from penstock.releasing.kubernetes.api import HTTP_ROUTES, INFERENCE_SERVICES, Api, Kind, Thing

NOW = "2026-01-01T00:00:00Z"


class FakeKServe:
    """Makes every InferenceService of a namespace ready, and has every HTTPRoute accepted."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.broken: set[str] = set()
        """InferenceServices that are not ready."""

    def step(self) -> None:
        for thing in self.api.list(INFERENCE_SERVICES, self.namespace)[0]:
            name = thing["metadata"]["name"]
            self.tell(INFERENCE_SERVICES, thing, serving(name not in self.broken))
        for thing in self.api.list(HTTP_ROUTES, self.namespace)[0]:
            self.tell(HTTP_ROUTES, thing, {"parents": [accepted(thing)]})

    def tell(self, kind: Kind, thing: Thing, status: dict[str, Any]) -> None:
        if (thing.get("status") or {}) == status:
            return
        path = kind.path(self.namespace, thing["metadata"]["name"], "status")
        query, merge = {"fieldManager": "kserve"}, "application/merge-patch+json"
        answer = self.api._send("PATCH", path, {"status": status}, query=query, content_type=merge)
        assert answer.status_code == 200, answer.text


def serving(ready: bool) -> dict[str, Any]:
    word = "True" if ready else "False"
    conditions = [{"type": kind, "status": word, "lastTransitionTime": NOW} for kind in ("PredictorReady", "Ready")]
    state = "Loaded" if ready else "FailedToLoad"
    status = {
        "conditions": conditions,
        "modelStatus": {
            "transitionStatus": "UpToDate" if ready else "BlockedByFailedLoad",
            "states": {"activeModelState": "", "targetModelState": state},
        },
    }
    if not ready:
        status["modelStatus"]["lastFailureInfo"] = {"reason": "ModelLoadFailed", "message": "no such object"}
    return json.loads(json.dumps(status))


def accepted(route: Thing) -> dict[str, Any]:
    generation = route["metadata"]["generation"]
    told = {"status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": NOW}
    told["observedGeneration"] = generation
    return {
        "parentRef": route["spec"]["parentRefs"][0],
        "controllerName": "gateways.example.com/controller",
        "conditions": [{**told, "type": "Accepted"}, {**told, "type": "ResolvedRefs", "reason": "ResolvedRefs"}],
    }
