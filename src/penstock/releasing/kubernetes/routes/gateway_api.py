"""The Gateway API: an HTTPRoute over the twins' Services, in KServe's Standard mode.

Source: Gateway API v1 (HTTPRoute: backendRefs.weight, RequestMirror.percent); Services as KServe names them.
"""

from __future__ import annotations

from typing import Any

from penstock.releasing.kubernetes.api import HTTP_ROUTES, Kind, Thing
from penstock.releasing.kubernetes.routes.base import metadata_of, split_from, twins_in
from penstock.releasing.kubernetes.twins import name_of
from penstock.releasing.port import Key
from penstock.releasing.resource.spec import Route
from penstock.releasing.resource.status import Split, Twin

_RULE = {"name", "matches", "backendRefs", "filters"}
"""What a rule of ours may have; whatever else it has changes where requests go, or how."""


class GatewayApi:
    """HTTPRoutes."""

    kind: Kind = HTTP_ROUTES

    def route(self, key: Key, spec: Route, split: Split, revision: int) -> Thing:
        """The HTTPRoute that says a split."""
        gateway = spec.gateway
        parent = {"name": gateway.name, "namespace": gateway.namespace} if gateway else {}
        rule: Thing = {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{**_backend(key, twin), "weight": split.weight_of(twin)} for twin in twins_in(split)],
        }
        if split.mirror_to:
            mirror = {"backendRef": _backend(key, split.mirror_to), "percent": split.mirror_percent}
            rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
        route = {"parentRefs": [parent], "hostnames": [spec.host], "rules": [rule]}
        return {**kind, "metadata": metadata_of(key, revision), "spec": route}

    def helpers(self, key: Key) -> list[tuple[Kind, Thing]]:
        """None: KServe makes the Services."""
        return []

    def split_of(self, key: Key, found: Thing) -> Split | None:
        """The split that an HTTPRoute says."""
        rules = found["spec"].get("rules") or []
        if len(rules) != 1 or set(rules[0]) - _RULE:
            return None
        names = {_service(key, twin): twin for twin in Twin}
        weights: dict[Twin, int] = {}
        for backend in rules[0].get("backendRefs") or []:
            if backend.get("name") not in names:
                return None
            weights[names[backend["name"]]] = int(backend.get("weight", 1))
        mirror = None
        for each in rules[0].get("filters") or []:
            told: dict[str, Any] = each.get("requestMirror") or {}
            to = names.get((told.get("backendRef") or {}).get("name", ""))
            if to is None or mirror:
                return None
            mirror = (to, int(told.get("percent", 100)))
        return split_from(weights, mirror)

    def is_live(self, found: Thing) -> bool:
        """Whether every gateway that it belongs to has accepted this generation of it."""
        parents = (found.get("status") or {}).get("parents") or []
        generation = found["metadata"].get("generation", 0)
        return bool(parents) and all(_accepted(parent, generation) for parent in parents)


def _accepted(parent: Thing, generation: int) -> bool:
    told = {each["type"]: each for each in parent.get("conditions") or []}
    accepted = told.get("Accepted", {})
    resolved = told.get("ResolvedRefs", {"status": "True"})
    seen = int(accepted.get("observedGeneration", 0))
    return accepted.get("status") == "True" and resolved.get("status") == "True" and seen >= generation


def _backend(key: Key, twin: Twin) -> Thing:
    return {"kind": "Service", "name": _service(key, twin), "port": 80}


def _service(key: Key, twin: Twin) -> str:
    return f"{name_of(key, twin)}-predictor"
