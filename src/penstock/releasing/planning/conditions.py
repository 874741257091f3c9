"""The four conditions of a release, for Argo CD, `kubectl wait` and people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from penstock.releasing.planning.draft import rejection_of, usable
from penstock.releasing.planning.observed import Observed
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import Condition, ModelReleaseStatus, Phase

Kind = Literal["Ready", "Progressing", "Degraded", "Stalled"]
_MOVING = (
    Phase.NEW,
    Phase.STARTING,
    Phase.PREPARING,
    Phase.WARMING_UP,
    Phase.RELEASING,
    Phase.BAKING,
    Phase.ROLLING_BACK,
)


def conditions_of(
    spec: ModelReleaseSpec, status: ModelReleaseStatus, observed: Observed, now: datetime
) -> tuple[Condition, ...]:
    """The conditions; each keeps the time of its last change."""
    told: dict[Kind, tuple[bool, str, str]] = {
        "Ready": _ready(status, observed),
        "Progressing": (status.phase in _MOVING, str(status.phase), status.message),
        "Degraded": _degraded(spec, status, observed),
        "Stalled": _stalled(status, observed),
    }
    before = {each.type: each for each in status.conditions}
    found = []
    for kind, (holds, reason, message) in told.items():
        word: Literal["True", "False"] = "True" if holds else "False"
        same = kind in before and before[kind].status == word
        found.append(
            Condition(
                type=kind,
                status=word,
                reason=reason,
                message=message,
                last_transition_time=before[kind].last_transition_time if same else now,
                observed_generation=observed.generation,
            )
        )
    return tuple(found)


def _ready(status: ModelReleaseStatus, observed: Observed) -> tuple[bool, str, str]:
    route = status.route
    if route.wanted is None or status.stable is None:
        return False, "NothingServes", status.message
    if route.seen != route.wanted:
        return False, "RouteDiffers", "the route does not show yet what it was told"
    for deployed in (status.stable, status.candidate):
        if deployed and route.wanted.weight_of(deployed.twin) and not usable(observed, deployed):
            return False, "NotReady", f"twin {deployed.twin} has traffic and is not ready"
    return True, "Serving", "every model that has traffic is ready"


def _degraded(spec: ModelReleaseSpec, status: ModelReleaseStatus, observed: Observed) -> tuple[bool, str, str]:
    rejection = rejection_of(status, spec)
    if rejection:
        return True, rejection.reason, f"{rejection.digest} was rejected: {rejection.text}"
    ready, reason, text = _ready(status, observed)
    if not ready and reason == "NotReady":
        return True, reason, text
    return False, "AsGitSays", "nothing that Git names was rejected"


def _stalled(status: ModelReleaseStatus, observed: Observed) -> tuple[bool, str, str]:
    if observed.refused:
        return True, "Refused", observed.refused
    if status.phase in (Phase.PAUSED, Phase.AWAITING_APPROVAL):
        return True, str(status.phase), status.message
    if status.phase is Phase.PREPARING and not observed.room.enough:
        return True, "NoRoom", observed.room.text
    if status.phase is Phase.NEW:
        return True, "Unknown", status.message
    return False, "Moving", "nothing waits for a person"
