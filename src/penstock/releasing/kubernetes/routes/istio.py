"""Istio: a VirtualService over the twins, in KServe's Serverless mode.

Canary traffic goes to Knative's local gateway with the twin's own host name; a copy of the traffic cannot, for a mirror
changes no header, so it goes to a Service of ours that selects the twin's pods at the queue-proxy's port. That bypasses
the activator: the twin never has zero pods (`scaling.minReplicas`).

Source: Istio 1.27, VirtualService (HTTPRoute.mirrors, percentage); Knative Serving 1.21 (queue-proxy's port 8012).
"""

from __future__ import annotations

from typing import Any

from penstock.releasing.kubernetes.api import SERVICES, VIRTUAL_SERVICES, Kind, Thing
from penstock.releasing.kubernetes.routes.base import metadata_of, split_from, twins_in
from penstock.releasing.kubernetes.twins import name_of
from penstock.releasing.port import Key
from penstock.releasing.resource.names import RELEASE_LABEL, TWIN_LABEL
from penstock.releasing.resource.spec import Route
from penstock.releasing.resource.status import Split, Twin

_GATEWAY = "knative-local-gateway.istio-system.svc.cluster.local"
_QUEUE_PROXY_PORT = 8012


_HTTP = {"name", "route", "mirrors"}
"""What a route of ours may have; whatever else it has (a redirect, a fault) changes what clients get."""


class Istio:
    """VirtualServices."""

    kind: Kind = VIRTUAL_SERVICES

    def route(self, key: Key, spec: Route, split: Split, revision: int) -> Thing:
        """The VirtualService that says a split."""
        http: Thing = {
            "name": "predict",
            "route": [
                {
                    "destination": {"host": _GATEWAY, "port": {"number": 80}},
                    "weight": split.weight_of(twin),
                    "headers": {"request": {"set": {"Host": _host(key, twin)}}},
                }
                for twin in twins_in(split)
                if split.weight_of(twin)
            ],
        }
        if split.mirror_to:
            destination = {"host": _direct_host(key, split.mirror_to), "port": {"number": 80}}
            http["mirrors"] = [{"destination": destination, "percentage": {"value": split.mirror_percent}}]
        gateway = f"{spec.gateway.namespace}/{spec.gateway.name}" if spec.gateway else ""
        kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
        service = {"hosts": [spec.host], "gateways": [gateway], "http": [http]}
        return {**kind, "metadata": metadata_of(key, revision), "spec": service}

    def helpers(self, key: Key) -> list[tuple[Kind, Thing]]:
        """The Services that copies of the traffic are sent to."""
        return [(SERVICES, _direct(key, twin)) for twin in Twin]

    def split_of(self, key: Key, found: Thing) -> Split | None:
        """The split that a VirtualService says."""
        http = found["spec"].get("http") or []
        if len(http) != 1 or set(http[0]) - _HTTP:
            return None
        hosts = {_host(key, twin): twin for twin in Twin}
        weights: dict[Twin, int] = {}
        for each in http[0].get("route") or []:
            told = ((each.get("headers") or {}).get("request") or {}).get("set") or {}
            if told.get("Host") not in hosts:
                return None
            # Istio lets one destination go without a weight: it gets all.
            weights[hosts[told["Host"]]] = int(each.get("weight") or 100)
        mirror = None
        mirrored: list[dict[str, Any]] = http[0].get("mirrors") or []
        directs = {_direct_host(key, twin): twin for twin in Twin}
        for each in mirrored:
            to = directs.get((each.get("destination") or {}).get("host", ""))
            if to is None or mirror:
                return None
            mirror = (to, int((each.get("percentage") or {"value": 100}).get("value", 0)))
        return split_from(weights, mirror)

    def is_live(self, found: Thing) -> bool:
        """Always: Istio writes no status unless it is told to, and takes a route within a second or two."""
        return True


def _direct(key: Key, twin: Twin) -> Thing:
    name = f"{name_of(key, twin)}-direct"
    labels = {RELEASE_LABEL: key.name, TWIN_LABEL: str(twin), "app.kubernetes.io/managed-by": "penstock"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": key.namespace, "labels": labels},
        "spec": {
            "selector": {"serving.knative.dev/service": f"{name_of(key, twin)}-predictor"},
            "ports": [{"name": "http", "port": 80, "targetPort": _QUEUE_PROXY_PORT, "protocol": "TCP"}],
        },
    }


def _host(key: Key, twin: Twin) -> str:
    return f"{name_of(key, twin)}-predictor.{key.namespace}.svc.cluster.local"


def _direct_host(key: Key, twin: Twin) -> str:
    return f"{name_of(key, twin)}-direct.{key.namespace}.svc.cluster.local"
