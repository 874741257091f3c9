"""What to do so that the world becomes what the status says."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.releasing.planning.actions import Action, ApplyTwin, DeleteTwin, SetRoute
from penstock.releasing.planning.draft import Moment, elapsed, is_of, usable
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.spec import RouteMode
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Split, Twin

_ON_A_STEP = (Phase.RELEASING, Phase.AWAITING_APPROVAL, Phase.PAUSED, Phase.BAKING)


def wanted_split(at: Moment, status: ModelReleaseStatus) -> Split | None:
    """Who is to get how much in a phase.

    Returns:
        None before anything can serve. The candidate gets nothing unless it is on a step; and traffic is not taken from
        a candidate that answers, however badly, to a stable model that cannot.
    """
    spec, observed = at.spec, at.observed
    stable, candidate, trial, before = status.stable, status.candidate, status.trial, status.route.wanted
    if stable is None or status.phase in (Phase.NEW, Phase.STARTING):
        return None
    if candidate and trial and status.phase in _ON_A_STEP:
        return Split.of(stable.twin, trial.weight_percent, trial.mirror_percent)
    if candidate and status.phase is Phase.WARMING_UP:
        # KServe's own canary has no mirror: there, warming up is waiting.
        mirrors = usable(observed, candidate) and status.route.mode != RouteMode.KSERVE_CANARY
        return Split.of(stable.twin, mirror_percent=spec.warm_up.mirror_percent if mirrors else 0)
    if candidate and before and before.weight_of(candidate.twin) and not usable(observed, stable):
        return before if usable(observed, candidate) else Split.of(stable.twin)
    return Split.of(stable.twin)


def actions_for(at: Moment, status: ModelReleaseStatus) -> Iterator[Action]:
    """What to do, the route first: taking traffic away must wait for nothing."""
    wanted, route = status.route.wanted, at.observed.route
    if wanted and (route is None or route.split != wanted or route.revision != status.route.revision or route.drifted):
        yield SetRoute(wanted, status.route.revision)
    for twin in Twin:
        yield from _twin(at, status, twin)


def _twin(at: Moment, status: ModelReleaseStatus, twin: Twin) -> Iterator[Action]:
    version = _meant(status, twin)
    seen = at.observed.twins.get(twin)
    is_stable = status.stable is not None and status.stable.twin is twin
    if version is None:
        if status.stable and seen and not seen.going and _is_drained(at, status):
            yield DeleteTwin(twin)
    elif seen is None:
        if is_stable or at.observed.room.enough:
            yield ApplyTwin(twin, version)
    elif seen.going:
        return
    elif is_of(seen, version) and (is_stable or seen.ready or not seen.drifted):
        # A candidate that was changed by hand and is not ready may be anything: it is made anew, below.
        if seen.drifted:
            yield ApplyTwin(twin, version)
    else:
        yield from _replaced(at, status, twin, version)


def _replaced(at: Moment, status: ModelReleaseStatus, twin: Twin, version: Version) -> Iterator[Action]:
    """A twin holds another version than it is to hold.

    It is removed and made anew, for a changed one says that it is ready until its new pods are looked at. Only the
    stable model, which users have, is put right where it stands.
    """
    if status.stable and status.stable.twin is twin and status.phase is not Phase.STARTING:
        yield ApplyTwin(twin, version)
    elif status.phase is Phase.STARTING or _is_drained(at, status):
        yield DeleteTwin(twin)


def _meant(status: ModelReleaseStatus, twin: Twin) -> Version | None:
    for deployed in (status.stable, status.candidate):
        if deployed and deployed.twin is twin:
            return deployed.version
    return None


def _is_drained(at: Moment, status: ModelReleaseStatus) -> bool:
    return elapsed(status.quiet_since, at.now, at.spec.guardrails.drain_seconds)
