"""The controller's Lease."""

from __future__ import annotations

from typing import Any

from penstock.releasing.kubernetes.api import LEASES, Api, Thing


class LeaseObject:
    """One Lease, read and written whole."""

    def __init__(self, api: Api, namespace: str, name: str = "penstock-controller") -> None:
        self._api, self._namespace, self._name = api, namespace, name

    def read(self) -> tuple[dict[str, Any], Any] | None:
        """Its specification, and the version that it was read at."""
        found = self._api.get(LEASES, self._namespace, self._name)
        return (found.get("spec") or {}, found["metadata"]["resourceVersion"]) if found else None

    def write(self, spec: dict[str, Any], held_to: Any) -> None:
        """Write it, if it still is that version; make it, if there was none."""
        metadata: Thing = {"name": self._name, "namespace": self._namespace}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        if held_to is None:
            self._api.create(LEASES, lease)
            return
        self._api.replace(LEASES, {**lease, "metadata": {**metadata, "resourceVersion": held_to}})
