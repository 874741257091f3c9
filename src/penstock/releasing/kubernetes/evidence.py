"""Evidence in a ConfigMap beside the release: it survives a restart, and goes with its release."""

from __future__ import annotations

from pydantic import ValidationError

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.kubernetes.api import CONFIG_MAPS, Api, Thing
from penstock.releasing.kubernetes.layouts import found_in, owned_by
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.names import RELEASE_LABEL
from penstock.sdk import PenstockError

_LARGEST_BYTES = 900_000
"""A ConfigMap may have 1 MiB."""


class EvidenceMaps:
    """Evidence, one ConfigMap a release. Of each look, the version that was loaded is what a write is held to."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._loaded: dict[Key, Thing | None] = {}

    def load(self, look: Look) -> Evidence:
        """The evidence of the attempt under way; of another attempt, or what cannot be read, none."""
        found = self._api.get(CONFIG_MAPS, look.key.namespace, _name(look.key))
        self._loaded[look.key] = found
        data = (found or {}).get("data") or {}
        if data.get("trial") != _trial(look):
            return Evidence()
        try:
            return Evidence.model_validate_json(data.get("evidence", ""))
        except ValidationError:
            return Evidence()

    def keep(self, look: Look, evidence: Evidence) -> None:
        """Keep it, if nobody wrote since it was loaded."""
        before = self._loaded.get(look.key)
        text = evidence.model_dump_json(by_alias=True)
        if len(text) > _LARGEST_BYTES:
            raise PenstockError(f"{look.key}: its evidence has {len(text)} bytes", "Name fewer slices")
        made = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": _name(look.key),
                "namespace": look.key.namespace,
                "labels": {RELEASE_LABEL: look.key.name, "app.kubernetes.io/managed-by": "penstock"},
            },
            "data": {"trial": _trial(look), "evidence": text},
        }
        owned = owned_by(made, found_in(look).release)
        if before is None:
            self._loaded[look.key] = self._api.create(CONFIG_MAPS, owned)
            return
        held = {**owned["metadata"], "resourceVersion": before["metadata"]["resourceVersion"]}
        self._loaded[look.key] = self._api.apply(CONFIG_MAPS, {**owned, "metadata": held})


def _name(key: Key) -> str:
    return f"{key.name}-evidence"


def _trial(look: Look) -> str:
    """Which attempt: by its number, and the release's own identity, for a new one may have the old one's name."""
    number = look.status.trial.number if look.status.trial else 0
    return f"{found_in(look).release['metadata']['uid']}/{number}"
