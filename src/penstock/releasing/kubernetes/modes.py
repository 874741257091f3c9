"""How a cluster splits traffic: what the release wants, what the cluster has, and what was chosen before."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.releasing.kubernetes.canary import Canary
from penstock.releasing.kubernetes.layouts import Layout
from penstock.releasing.kubernetes.pair import Pair
from penstock.releasing.kubernetes.routes.base import RouteKind
from penstock.releasing.kubernetes.routes.gateway_api import GatewayApi
from penstock.releasing.kubernetes.routes.istio import Istio
from penstock.releasing.resource.spec import RouteMode

ROUTES: Mapping[str, RouteKind] = {str(RouteMode.GATEWAY_API): GatewayApi(), str(RouteMode.ISTIO): Istio()}
LAYOUTS: Mapping[str, Layout] = {
    **{mode: Pair(kind) for mode, kind in ROUTES.items()},
    str(RouteMode.KSERVE_CANARY): Canary(),
}
_KSERVE = "serving.kserve.io"
_NEEDS = {
    RouteMode.GATEWAY_API: ("gateway.networking.k8s.io",),
    RouteMode.ISTIO: ("networking.istio.io", "serving.knative.dev"),
    RouteMode.KSERVE_CANARY: ("serving.knative.dev",),
}


def resolve_mode(wanted: RouteMode, chosen: str, groups: frozenset[str]) -> tuple[str, str]:
    """Say how a release's traffic is split here.

    Args:
        wanted: What the release says.
        chosen: What was chosen for it before; empty for nothing.
        groups: The API groups that the cluster serves.

    Returns:
        The mode, and why it cannot be; one of the two is empty.

    Example:
        >>> resolve_mode(RouteMode.AUTO, "", frozenset({"serving.kserve.io", "gateway.networking.k8s.io"}))
        ('gatewayAPI', '')
    """
    if _KSERVE not in groups:
        return "", "the cluster has no KServe (API group serving.kserve.io)"
    if wanted is RouteMode.AUTO:
        order = (RouteMode.ISTIO, RouteMode.GATEWAY_API)
        found = next((mode for mode in order if set(_NEEDS[mode]) <= groups), None)
        mode = RouteMode(chosen) if chosen in LAYOUTS else found
        if mode is None:
            return "", "the cluster has neither Istio with Knative nor the Gateway API to split traffic with"
        wanted = mode
    if chosen and chosen != wanted:
        return "", f"route.mode was {chosen} and cannot become {wanted}: make another release with another name"
    missing = [group for group in _NEEDS[wanted] if group not in groups]
    if missing:
        return "", f"route.mode {wanted} needs the API group {missing[0]}, which the cluster does not have"
    return str(wanted), ""
