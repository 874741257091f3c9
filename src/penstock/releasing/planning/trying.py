"""The next phase of a candidate: prepare, warm up, climb the ladder, bake; hold, pause, abort, promote."""

from __future__ import annotations

from penstock.releasing.planning.draft import (
    Attempt,
    Moment,
    changed,
    elapsed,
    entered,
    is_of,
    noted,
    rejecting,
    rejection_of,
    rolling_back,
    short,
    usable,
)
from penstock.releasing.planning.gating import Finding, Outcome, harm, weigh
from penstock.releasing.resource.ladder import BAKE, LadderStep
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Trial


def try_candidate(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    """Make one transition of a candidate, if any is due: what takes traffic from it comes first."""
    if attempt.status.phase is Phase.ROLLING_BACK:
        return _rolling_back(at, attempt)
    ended = _ended(at, attempt)
    if ended:
        return ended
    return _preparing(at, attempt) if attempt.status.phase is Phase.PREPARING else _serving(at, attempt)


def _serving(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    """The candidate was ready, and gets traffic or a copy of some."""
    may_lose = usable(at.observed, attempt.stable) or not attempt.trial.weight_percent
    if may_lose and not usable(at.observed, attempt.candidate):
        return _interrupted(at, attempt)
    return _warming_up(at, attempt) if attempt.status.phase is Phase.WARMING_UP else _climbing(at, attempt)


def _ended(at: Moment, attempt: Attempt) -> ModelReleaseStatus | None:
    """The end of the attempt, where Git no longer names the candidate, or harm is proven."""
    digest = attempt.candidate.version.bundle.digest
    if at.spec.target.id != attempt.candidate.version.id or rejection_of(attempt.status, at.spec):
        text = f"{short(digest)} is given up: Git names {short(at.spec.model.digest)}"
        return rolling_back(attempt.status, at.now, "Superseded", text)
    harmful = harm(attempt.trial, at.observed.judged)
    return rejecting(at, attempt, "GateFailed", harmful.text) if harmful else None


def step_of(spec: ModelReleaseSpec, trial: Trial) -> LadderStep:
    """The step that a trial is on; where the ladder has changed, the last that gives the candidate no more than it has.

    A ladder that begins higher than that begins anew.
    """
    same = [step for step in spec.steps if step.name == trial.step and step.weight_percent == trial.weight_percent]
    if same:
        return same[0]
    lower = [step for step in spec.ladder if step.weight_percent <= trial.weight_percent]
    return lower[-1] if lower and trial.step else spec.ladder[0]


def _rolling_back(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    """Wait until the route says that the candidate gets nothing."""
    seen, twin = attempt.status.route.seen, attempt.candidate.twin
    if seen is None or seen != attempt.status.route.wanted or seen.weight_of(twin) or seen.mirror_to:
        return attempt.status
    phase = Phase.ROLLED_BACK if rejection_of(attempt.status, at.spec) else Phase.STABLE
    return changed(attempt.status, candidate=None, phase=phase)


def _preparing(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    seen = at.observed.twins.get(attempt.candidate.twin)
    if usable(at.observed, attempt.candidate):
        return attempt.noting(unready_since=None, step_since=None).being(Phase.WARMING_UP, "the candidate is ready")
    if seen is None or seen.going or not is_of(seen, attempt.candidate.version):
        text = "waiting for the twin to be free" if seen else "the candidate's server is being made"
        return attempt.noting(unready_since=None).holding(text if at.observed.room.enough else at.observed.room.text)
    trouble, limit = seen.trouble or "it is not ready yet", at.spec.guardrails.startup_seconds
    if elapsed(attempt.trial.unready_since, at.now, limit):
        return rejecting(at, attempt, "NeverReady", f"not ready after {limit} s: {trouble}")
    since = attempt.trial.unready_since or at.now
    return attempt.noting(unready_since=since).holding(f"the candidate starts: {trouble}")


def _interrupted(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    """Take the traffic from a candidate that is no longer ready; too often, and it is rejected."""
    times = attempt.trial.interruptions + 1
    attempt = attempt.noting(interruptions=times, step_since=None)
    if times > at.spec.guardrails.max_interruptions:
        return rejecting(at, attempt, "Interrupted", f"it stopped being ready {times} times")
    text = "the candidate is no longer ready; it gets no traffic until it is"
    return noted(attempt.being(Phase.PREPARING), at.now, "Interrupted", text)


def _warming_up(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    warm_up = at.spec.warm_up
    if elapsed(attempt.trial.step_since, at.now, warm_up.seconds) or not warm_up.seconds:
        return _enter(at, attempt, step_of(at.spec, attempt.trial))
    return attempt.holding("the candidate warms up on a copy of some traffic")


def _climbing(at: Moment, attempt: Attempt) -> ModelReleaseStatus:
    step, trial = step_of(at.spec, attempt.trial), attempt.trial
    if (step.name, step.weight_percent, step.mirror_percent) != (
        trial.step,
        trial.weight_percent,
        trial.mirror_percent,
    ):
        return _enter(at, attempt, step)
    return _on_step(at, attempt, step)


def _on_step(at: Moment, attempt: Attempt, step: LadderStep) -> ModelReleaseStatus:
    """Judge the step: hold, advance, pause; or abort where it could not be judged for too long."""
    finding = weigh(at.spec, step, attempt.trial, at.observed.judged)
    if finding.outcome is Outcome.UNMEASURED:
        since, limit = attempt.trial.unmeasured_since or at.now, at.spec.analysis.missing_limit_seconds
        if elapsed(since, at.now, limit):
            return rejecting(at, attempt, "GateError", f"for {limit} s, {finding.text}")
        attempt = attempt.noting(unmeasured_since=since)
    else:
        attempt = attempt.noting(unmeasured_since=None)
    if attempt.trial.held:
        return _held(at, attempt, step)
    if at.spec.paused:
        status = attempt.noting(held="Specification").being(Phase.PAUSED)
        return noted(status, at.now, "Paused", f"paused at step {step.name}, as Git says")
    return _in_time(at, attempt, step, finding)


def _in_time(at: Moment, attempt: Attempt, step: LadderStep, finding: Finding) -> ModelReleaseStatus:
    """Advance when the gates are open, hold until the deadline, then pause."""
    since = attempt.trial.step_since
    if since is None:
        return attempt.holding(f"waiting for the route to show step {step.name}")
    if finding.outcome is Outcome.OPEN and elapsed(since, at.now, step.min_seconds):
        if usable(at.observed, attempt.stable):
            return _advance(at, attempt, step)
        return attempt.holding("the stable model is not ready: there is nothing to compare with")
    if elapsed(since, at.now, step.deadline_seconds):
        status = attempt.noting(held="Inconclusive").being(Phase.PAUSED)
        text = f"step {step.name} is Inconclusive at its deadline: {finding.text}. Another retryToken begins it again"
        return noted(status, at.now, "Paused", text)
    return attempt.being(_phase_on(step), f"step {step.name}: {finding.text}")


def _held(at: Moment, attempt: Attempt, step: LadderStep) -> ModelReleaseStatus:
    """Go on with the step from its beginning, once a person says so."""
    trial = attempt.trial
    if at.spec.paused or (trial.held == "Inconclusive" and trial.retry_token == at.spec.retry_token):
        return attempt.status
    attempt = attempt.noting(retry_token=at.spec.retry_token)
    return noted(entered(attempt, step, _phase_on(step)), at.now, "Resumed", f"step {step.name} begins again")


def _advance(at: Moment, attempt: Attempt, step: LadderStep) -> ModelReleaseStatus:
    """Enter the next step, or promote."""
    digest, promotion = attempt.candidate.version.bundle.digest, at.spec.promotion
    if step.name == BAKE:
        status = noted(attempt.status, at.now, "Promoted", f"{short(digest)} is promoted")
        promoted, previous = attempt.candidate, attempt.stable.version
        return changed(status, stable=promoted, previous=previous, candidate=None, phase=Phase.STABLE)
    names = [each.name for each in at.spec.steps]
    following = at.spec.steps[names.index(step.name) + 1]
    approved = any(each.step == following.name and each.digest == digest for each in promotion.approvals)
    if approved or following.name not in promotion.approve_before:
        return _enter(at, attempt, following)
    text = f"the gates opened {following.name}; it waits for an approval of {short(digest)}"
    waiting = attempt.being(Phase.AWAITING_APPROVAL, text)
    is_new = attempt.status.phase is not Phase.AWAITING_APPROVAL
    return noted(waiting, at.now, "AwaitingApproval", text) if is_new else waiting


def _enter(at: Moment, attempt: Attempt, step: LadderStep) -> ModelReleaseStatus:
    share = f"a copy of {step.mirror_percent}%" if step.is_shadow else f"{step.weight_percent}%"
    text = f"step {step.name}: {share} of the traffic"
    event = "Resumed" if attempt.trial.step == step.name else "Advanced"
    return noted(entered(attempt, step, _phase_on(step)), at.now, event, text)


def _phase_on(step: LadderStep) -> Phase:
    return Phase.BAKING if step.name == BAKE else Phase.RELEASING
