"""One InferenceService with `canaryTrafficPercent`: KServe's own canary, in Serverless mode only.

The newest revision is one twin, the one rolled out before it the other. What KServe does makes every write delicate:

- A new `storageUri` without a percentage gets all traffic at once. So a candidate is written with 0, in one write.
- A percentage of 0 on a revision that was rolled out rolls back to the one before: that is the way back from the bake.
- A candidate that was rejected stays the newest revision. The stable version is written over it, with 0 as well, for
  without a percentage the route would follow the newest *ready* revision, which is the rejected one until then. The
  percentage is removed once the new revision is ready; until then, the old one serves, which is the same version.
- Any change of the template makes a revision, and KServe copies annotations into it. So nothing is ever annotated but
  together with the model, and the route carries no revision of ours. Instead, the status remembers the version of the
  InferenceService that a decision was made upon. As long as it stands, the decision is not written: it is, also where
  the percentage is right already, for writes are held to that version, and an older decision could still be written.

Source: kserve 0.15, pkg/controller/v1beta1/inferenceservice/reconcilers/knative (traffic), and
pkg/apis/serving/v1beta1/inference_service_status.go (latestRolledoutRevision).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.releasing.kubernetes.api import INFERENCE_SERVICES, Api, Thing
from penstock.releasing.kubernetes.layouts import Found, Seen, write
from penstock.releasing.kubernetes.twins import inference_service, is_ready, seen_as, version_of
from penstock.releasing.planning.actions import ApplyTwin, DeleteTwin, SetRoute
from penstock.releasing.planning.observed import RouteSeen, TwinSeen
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.names import TWIN_LABEL
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Split, Twin


class Canary:
    """Two revisions of one InferenceService."""

    def read(self, api: Api, key: Key, release: Thing, mode: str) -> Found:
        """The InferenceService, as the twin that its newest revision is."""
        thing = api.get(INFERENCE_SERVICES, key.namespace, key.name)
        return Found(release, {_newest(thing): thing} if thing else {}, None, mode)

    def see(self, key: Key, spec: ModelReleaseSpec, status: ModelReleaseStatus, found: Found) -> Seen:
        """What the two revisions say."""
        if not found.services:
            return Seen({}, None)
        (newest, thing), percent = next(iter(found.services.items())), None
        percent, version = _percent(thing), version_of(thing)
        wanted = _service(key, newest, version or spec.target, spec, percent)
        seen = seen_as(thing, wanted)
        written = thing["metadata"]["resourceVersion"]
        revision = status.route.revision - (written == status.route.decided_upon)
        if _is_restored(status, newest, version):
            # The same version in an older revision serves all traffic; once the newest is ready too, it takes over.
            ready = is_ready(thing.get("status") or {})
            drifted = seen.drifted or (ready and percent is not None)
            twins = {newest: TwinSeen(version, ready=ready or percent is not None, drifted=drifted, going=seen.going)}
            return Seen(twins, RouteSeen(Split.of(newest), revision, version=written))
        twins = {newest: replace(seen, workload=str(_predictor(thing).get("latestCreatedRevision", "")))}
        if percent is not None:
            stable = status.stable.version if status.stable and status.stable.twin is newest.other else None
            twins[newest.other] = TwinSeen(stable, ready=bool(_before(thing)), workload=_before(thing))
        share = 100 if percent is None else percent
        split = Split.of(newest.other, candidate_percent=share)
        return Seen(twins, RouteSeen(split, revision, live=_share(thing) == share, version=written))

    def set_route(self, api: Api, look: Look, found: Found, action: SetRoute) -> None:
        """Write the percentage of the newest revision; where it is right already, another version of the same."""
        for newest, thing in found.services.items():
            version, before, share = version_of(thing), _percent(thing), action.split.weight_of(newest)
            # What has all traffic without a word keeps it so; what is stable again gets its percentage with its model.
            keeps = _is_restored(look.status, newest, version) or (share == 100 and before is None)
            percent = before if keeps else share
            made = _service(look.key, newest, version or look.spec.target, look.spec, percent)
            write(api, INFERENCE_SERVICES, made, found.release, thing, anew=percent == before)

    def apply_twin(self, api: Api, look: Look, found: Found, action: ApplyTwin) -> None:
        """Have the newest revision be of a version: a new one with no traffic, unless it is the first."""
        thing = found.services.get(action.twin)
        if thing is not None:
            restored = _is_restored(look.status, action.twin, version_of(thing))
            percent = None if restored and is_ready(thing.get("status") or {}) else _percent(thing)
        else:
            percent = 0 if found.services else None
        made = _service(look.key, action.twin, action.version, look.spec, percent)
        write(api, INFERENCE_SERVICES, made, found.release, next(iter(found.services.values()), None))

    def delete_twin(self, api: Api, look: Look, found: Found, action: DeleteTwin) -> None:
        """Write the stable version over a candidate; of a revision that was replaced, let KServe take the traffic.

        A first model that Git has changed goes whole: nothing serves yet, and KServe takes what was ready for the new.
        """
        (newest, thing), stable = next(iter(found.services.items())), look.status.stable
        if stable is None or look.status.phase is Phase.STARTING:
            metadata = thing["metadata"]
            api.delete(INFERENCE_SERVICES, look.key.namespace, metadata["name"], metadata["uid"])
            return
        percent = 0 if action.twin is newest else None
        made = _service(look.key, stable.twin, stable.version, look.spec, percent)
        write(api, INFERENCE_SERVICES, made, found.release, thing)


def _service(key: Key, twin: Twin, version: Version, spec: ModelReleaseSpec, percent: int | None) -> Thing:
    made = inference_service(key, twin, version, spec.scaling, "istio")
    labels = {name: value for name, value in made["metadata"]["labels"].items() if "visibility" not in name}
    predictor = made["spec"]["predictor"]
    if percent is not None:
        predictor = {**predictor, "canaryTrafficPercent": percent}
    metadata = {**made["metadata"], "name": key.name, "labels": labels}
    return {**made, "metadata": metadata, "spec": {"predictor": predictor}}


def _newest(thing: Thing) -> Twin:
    label = (thing["metadata"].get("labels") or {}).get(TWIN_LABEL)
    return Twin.B if label == Twin.B else Twin.A


def _percent(thing: Thing) -> int | None:
    found = (thing["spec"].get("predictor") or {}).get("canaryTrafficPercent")
    return None if found is None else int(found)


def _is_restored(status: ModelReleaseStatus, newest: Twin, version: Version | None) -> bool:
    stable = status.stable
    return bool(stable and version and stable.twin is newest and stable.version.id == version.id)


def _predictor(thing: Thing) -> dict[str, Any]:
    components = (thing.get("status") or {}).get("components") or {}
    found: dict[str, Any] = components.get("predictor") or {}
    return found


def _before(thing: Thing) -> str:
    """The revision that serves what the newest does not."""
    predictor = _predictor(thing)
    newest, rolled_out = predictor.get("latestCreatedRevision"), predictor.get("latestRolledoutRevision")
    before = predictor.get("previousRolledoutRevision") if rolled_out == newest else rolled_out
    return str(before or "")


def _share(thing: Thing) -> int | None:
    """The share that the newest revision has by Knative's own word: none as long as it is not ready."""
    predictor = _predictor(thing)
    newest = predictor.get("latestCreatedRevision")
    if not newest:
        return None
    shares = [each.get("percent") or 0 for each in predictor.get("traffic") or [] if each.get("revisionName") == newest]
    return sum(shares)
