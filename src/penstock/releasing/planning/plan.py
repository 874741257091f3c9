"""The plan of a release: what to remember and what to do next.

`plan` is pure and total: no clock, no I/O, and an answer for every status and everything that may be seen, also for
what should never be. The shell around it reads, calls it, writes the status, then acts (`releasing.port`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.artifacts.verdict import Verdict
from penstock.releasing.planning.acting import actions_for, wanted_split
from penstock.releasing.planning.actions import Plan, Tell
from penstock.releasing.planning.conditions import conditions_of
from penstock.releasing.planning.deciding import decide
from penstock.releasing.planning.draft import Moment, attempt_of, changed
from penstock.releasing.planning.observed import Observed
from penstock.releasing.reading import OVERALL, GateReading
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import READINGS, HistoryEntry, ModelReleaseStatus, Phase

_WARNINGS = ("RolledBack", "Paused", "Interrupted")
_SOON_SECONDS, _LOOK_SECONDS, _WAIT_SECONDS, _BAKE_SECONDS, _REST_SECONDS = 1.0, 5.0, 15.0, 30.0, 300.0
_WAITING = (Phase.NEW, Phase.STARTING, Phase.PREPARING)
_RESTING = (Phase.STABLE, Phase.ROLLED_BACK)


def plan(spec: ModelReleaseSpec, status: ModelReleaseStatus, observed: Observed, now: datetime) -> Plan:
    """Say what to remember and what to do.

    Args:
        spec: What Git holds.
        status: What was remembered last.
        observed: What is seen now.
        now: The time, with its zone.

    Returns:
        The status to write first, the actions that follow from it, and when to look again. Carried out halfway, or
        twice, the next plan finds the rest.
    """
    before = _taken_in(status, observed, now)
    if observed.refused:
        refused = changed(before, message=observed.refused)
        refused = changed(refused, conditions=conditions_of(spec, refused, observed, now))
        return Plan(refused, (), _REST_SECONDS / 10)
    at = Moment(spec, observed, now)
    after = _routed(at, decide(at, before))
    after = changed(after, conditions=conditions_of(spec, after, observed, now))
    is_new = after.history is not status.history
    told = tuple(_tell(each) for each in after.history if is_new and each not in status.history)
    return Plan(after, (*actions_for(at, after), *told), _again(at, before, after))


def _taken_in(status: ModelReleaseStatus, observed: Observed, now: datetime) -> ModelReleaseStatus:
    """The status with everything that was seen, before anything is decided."""
    route = status.route
    seen = observed.route.split if observed.route and not observed.route.drifted else None
    shown = seen if observed.route and observed.route.live else None
    # A route from the future: the status was restored from a copy. Everything decided from now on must be newer.
    ahead = observed.route is not None and observed.route.revision > route.revision
    revision = observed.route.revision + 1 if ahead and observed.route else route.revision
    mode = route.mode or observed.mode
    route = route.model_copy(update={"seen": shown, "revision": revision, "mode": mode})
    status = changed(status, observed_generation=observed.generation, route=route)
    if status.stable:
        idle = status.stable.twin.other
        quiet = observed.route is None or (shown and not shown.weight_of(idle) and shown.mirror_to is not idle)
        status = changed(status, quiet_since=(status.quiet_since or now) if quiet else None)
    judged, trial = observed.judged, status.trial
    if not judged or not trial or judged.trial != trial.number:
        judged = None
    if judged:
        status = changed(status, gates=_shown(judged.readings))
    attempt = attempt_of(status)
    if attempt is None:
        return status
    if shown is None or shown != route.wanted:
        return attempt.noting(step_since=None).status
    if attempt.trial.step_since is None:
        counted = judged.readings if judged else ()
        samples = {each.gate: each.candidate_samples for each in counted if each.slice == OVERALL}
        return attempt.noting(step_since=now, samples_before=samples).status
    return status


def _shown(readings: Sequence[GateReading]) -> tuple[GateReading, ...]:
    """The readings that the status has room for: those of everything, then slices, the worst first."""
    order = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.SUCCESSFUL)
    ranked = sorted(readings, key=lambda one: (one.slice != OVERALL, order.index(one.verdict)))
    return tuple(ranked[:READINGS])


def _routed(at: Moment, after: ModelReleaseStatus) -> ModelReleaseStatus:
    """The status with the split that its phase wants.

    The revision rises with every change of what is wanted, and the route is written whenever it carries another: also
    where the shares are right already, for that takes the route from a controller that still wants to change them.
    """
    wanted = wanted_split(at, after) or after.route.wanted
    if wanted == after.route.wanted:
        return after
    upon = at.observed.route.version if at.observed.route else ""
    decided = {"wanted": wanted, "revision": after.route.revision + 1, "decided_upon": upon}
    route = after.route.model_copy(update=decided)
    after = changed(after, route=route)
    idle = after.stable.twin.other if after.stable else None
    if wanted and idle and (wanted.weight_of(idle) or wanted.mirror_to is idle):
        after = changed(after, quiet_since=None)
    attempt = attempt_of(after)
    return attempt.noting(step_since=None).status if attempt else after


def _tell(entry: HistoryEntry) -> Tell:
    return Tell("Warning" if entry.event in _WARNINGS else "Normal", entry.event, entry.text)


def _again(at: Moment, before: ModelReleaseStatus, after: ModelReleaseStatus) -> float:
    """When to look again, should nobody tell before that something has changed."""
    is_waited_for = after.phase in _WAITING or after.route.seen != after.route.wanted
    if before.phase is not after.phase or after.phase is Phase.ROLLING_BACK:
        return _SOON_SECONDS
    if is_waited_for and after.history:
        # Soon at first, then ever more rarely: a thousand that start at once must not be asked for every second.
        return min(_WAIT_SECONDS, max(_SOON_SECONDS, (at.now - after.history[-1].at).total_seconds() / 5))
    if after.phase not in _RESTING:
        return _BAKE_SECONDS if after.phase is Phase.BAKING else _LOOK_SECONDS
    leaves = after.stable is not None and after.stable.twin.other in at.observed.twins
    return max(_SOON_SECONDS, min(_REST_SECONDS, at.spec.guardrails.drain_seconds)) if leaves else _REST_SECONDS
