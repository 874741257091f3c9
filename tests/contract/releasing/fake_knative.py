"""What KServe and Knative make of `canaryTrafficPercent`: revisions, and who gets the traffic. Only status is written.

Source: kserve 0.15, knative reconciler (traffic targets) and inference_service_status.go (latestRolledoutRevision).
"""

from __future__ import annotations

import json
from typing import Any

from penstock.releasing.kubernetes.api import INFERENCE_SERVICES, Api, Thing
from tests.contract.releasing.fake_kserve import FakeKServe, serving


class FakeKnative(FakeKServe):
    """One reconcile of KServe a step: slower than the controller, as it may be."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, namespace)
        self.templates: dict[str, list[str]] = {}
        self.models: dict[str, str] = {}
        """Which storage URI a revision serves."""
        self.shares: dict[str, int] = {}
        """By storage URI: who has how much."""
        self.ready_after = 2
        self.ages: dict[str, int] = {}

    def step(self) -> None:
        for thing in self.api.list(INFERENCE_SERVICES, self.namespace)[0]:
            self.tell(INFERENCE_SERVICES, thing, self._status(thing))

    def _status(self, thing: Thing) -> dict[str, Any]:
        name, predictor = thing["metadata"]["name"], thing["spec"]["predictor"]
        template = json.dumps(
            [predictor["model"], thing["metadata"]["annotations"], thing["metadata"]["labels"]], sort_keys=True
        )
        known = self.templates.setdefault(name, [])
        if template not in known[-1:]:
            known.append(template)
        newest = f"{name}-{len(known):05}"
        self.models[newest] = predictor["model"]["storageUri"]
        self.ages[newest] = self.ages.get(newest, 0) + 1
        before = ((thing.get("status") or {}).get("components") or {}).get("predictor") or {}
        ready = newest if self.ages[newest] >= self.ready_after else before.get("latestReadyRevision", "")
        rolled_out, previous = before.get("latestRolledoutRevision", ""), before.get("previousRolledoutRevision", "")
        percent = predictor.get("canaryTrafficPercent")
        traffic = []
        if ready:
            share = 100 if percent is None or not rolled_out else percent
            # `latestRevision: true` is the newest revision that is ready, whichever that is.
            traffic = [{"latestRevision": True, "revisionName": ready, "percent": share}]
            if share < 100:
                traffic.append(
                    {"latestRevision": False, "revisionName": rolled_out, "percent": 100 - share, "tag": "prev"}
                )
        self.shares = {}
        for each in traffic:
            model = self.models[each["revisionName"]]
            self.shares[model] = self.shares.get(model, 0) + each["percent"]
        by_name: dict[str, int] = {}
        for each in traffic:
            by_name[each["revisionName"]] = by_name.get(each["revisionName"], 0) + each["percent"]
        latest = traffic[0] if traffic else {"percent": 0}
        if ready and rolled_out != ready and latest["percent"] == 100:
            previous, rolled_out = rolled_out, ready
        elif ready and rolled_out == ready == newest and latest["percent"] < 100 and by_name[ready] == 100 and previous:
            rolled_out = previous
        told = serving(ready == newest)
        told["components"] = {
            "predictor": {
                "latestCreatedRevision": newest,
                "latestReadyRevision": ready,
                "latestRolledoutRevision": rolled_out,
                "previousRolledoutRevision": previous,
                "traffic": traffic,
            }
        }
        return told
