"""The usual layout: two InferenceServices, and one route over them that is ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.releasing.kubernetes.api import INFERENCE_SERVICES, Api, Thing
from penstock.releasing.kubernetes.comparing import says
from penstock.releasing.kubernetes.layouts import Found, Seen, owned_by, write
from penstock.releasing.kubernetes.routes.base import RouteKind, revision_of, route_name, twins_in
from penstock.releasing.kubernetes.twins import inference_service, name_of, seen_as, version_of
from penstock.releasing.planning.actions import ApplyTwin, DeleteTwin, SetRoute
from penstock.releasing.planning.observed import RouteSeen, TwinSeen
from penstock.releasing.port import Conflict, Key, Look
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Twin


@dataclass(frozen=True)
class Pair:
    """Twins and a route of some kind."""

    routing: RouteKind

    def read(self, api: Api, key: Key, release: Thing, mode: str) -> Found:
        """Both InferenceServices, and the route."""
        services = {twin: api.get(INFERENCE_SERVICES, key.namespace, name_of(key, twin)) for twin in Twin}
        route = api.get(self.routing.kind, key.namespace, route_name(key))
        return Found(release, {twin: thing for twin, thing in services.items() if thing}, route, mode)

    def see(self, key: Key, spec: ModelReleaseSpec, status: ModelReleaseStatus, found: Found) -> Seen:
        """What the twins and the route say."""
        twins = {twin: _twin(key, twin, thing, spec, found.mode) for twin, thing in found.services.items()}
        return Seen(twins, self._route(key, spec, found.route) if found.route else None)

    def set_route(self, api: Api, look: Look, found: Found, action: SetRoute) -> None:
        """Write the route, after what it needs."""
        for kind, helper in self.routing.helpers(look.key):
            api.apply(kind, owned_by(helper, found.release))
        made = self.routing.route(look.key, look.spec.route, action.split, action.revision)
        write(api, self.routing.kind, made, found.release, found.route)

    def apply_twin(self, api: Api, look: Look, found: Found, action: ApplyTwin) -> None:
        """Write the InferenceService of a twin."""
        made = inference_service(look.key, action.twin, action.version, look.spec.scaling, found.mode)
        write(api, INFERENCE_SERVICES, made, found.release, found.services.get(action.twin))

    def delete_twin(self, api: Api, look: Look, found: Found, action: DeleteTwin) -> None:
        """Delete the InferenceService of a twin, if it is still the one that was seen.

        The route is read once more just before: somebody may have given the twin traffic since.
        """
        route = api.get(self.routing.kind, look.key.namespace, route_name(look.key))
        split = self.routing.split_of(look.key, route) if route else None
        if route and (split is None or action.twin in twins_in(split)):
            raise Conflict(f"{look.key}: twin {action.twin} has traffic again")
        metadata = found.services[action.twin]["metadata"]
        api.delete(INFERENCE_SERVICES, look.key.namespace, metadata["name"], metadata["uid"])

    def _route(self, key: Key, spec: ModelReleaseSpec, found: Thing) -> RouteSeen:
        split, revision = self.routing.split_of(key, found), revision_of(found)
        drifted = split is None or not says(found["spec"], self.routing.route(key, spec.route, split, revision)["spec"])
        return RouteSeen(split, revision, drifted, self.routing.is_live(found))


def _twin(key: Key, twin: Twin, thing: Thing, spec: ModelReleaseSpec, mode: str) -> TwinSeen:
    version = version_of(thing)
    seen = seen_as(thing, inference_service(key, twin, version or spec.target, spec.scaling, mode))
    return replace(seen, workload=f"{name_of(key, twin)}-predictor")
