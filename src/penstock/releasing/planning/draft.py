"""A status on its way to the next: small changes, each with its entry in the history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from penstock.releasing.planning.observed import Observed, TwinSeen
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.ladder import LadderStep
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import (
    HISTORY,
    REJECTIONS,
    Deployed,
    HistoryEntry,
    ModelReleaseStatus,
    Phase,
    Rejection,
    Trial,
)


@dataclass(frozen=True)
class Moment:
    """What a decision is made upon, beside what is remembered."""

    spec: ModelReleaseSpec
    observed: Observed
    now: datetime


@dataclass(frozen=True)
class Attempt:
    """A status in which a candidate is being tried."""

    status: ModelReleaseStatus
    stable: Deployed
    candidate: Deployed
    trial: Trial

    def noting(self, **fields: Any) -> Attempt:
        """The attempt with some fields of its trial changed."""
        trial = self.trial.model_copy(update=fields)
        return replace(self, status=changed(self.status, trial=trial), trial=trial)

    def being(self, phase: Phase, message: str = "") -> ModelReleaseStatus:
        """The status in another phase, or in the same with another message."""
        return changed(self.status, phase=phase, **({"message": message} if message else {}))

    def holding(self, message: str) -> ModelReleaseStatus:
        """The status with nothing decided but what people are told."""
        return changed(self.status, message=message)


def attempt_of(status: ModelReleaseStatus) -> Attempt | None:
    """The attempt that is under way, if one is."""
    if status.stable and status.candidate and status.trial:
        return Attempt(status, status.stable, status.candidate, status.trial)
    return None


def changed(status: ModelReleaseStatus, **fields: Any) -> ModelReleaseStatus:
    """The status with some fields changed."""
    return status.model_copy(update=fields)


def noted(status: ModelReleaseStatus, now: datetime, event: str, text: str) -> ModelReleaseStatus:
    """The status with one more entry in its history, which is its message too."""
    subject = status.candidate or status.stable
    entry = HistoryEntry(
        at=now,
        trial=status.trial.number if status.trial else 0,
        digest=subject.version.bundle.digest if subject else "",
        event=event,
        text=text,
    )
    return changed(status, history=(*status.history, entry)[-HISTORY:], message=text)


def entered(attempt: Attempt, step: LadderStep, phase: Phase) -> ModelReleaseStatus:
    """The status on a step that has just been entered; its time begins when the route is seen to give it its share."""
    fields = {"step": step.name, "weight_percent": step.weight_percent, "mirror_percent": step.mirror_percent}
    return attempt.noting(**fields, step_since=None, samples_before={}, held="").being(phase)


def begun(status: ModelReleaseStatus, spec: ModelReleaseSpec, stable: Deployed, now: datetime) -> ModelReleaseStatus:
    """The status with what Git names as the candidate, in a new trial."""
    number = status.trial.number + 1 if status.trial else 1
    trial = Trial(number=number, retry_token=spec.retry_token, started=now)
    candidate = Deployed(version=spec.target, twin=stable.twin.other)
    status = changed(status, candidate=candidate, trial=trial, gates=(), phase=Phase.PREPARING)
    return noted(status, now, "Started", f"trial {number} of {short(spec.model.digest)} begins")


def rolling_back(status: ModelReleaseStatus, now: datetime, event: str, text: str) -> ModelReleaseStatus:
    """The status that takes all traffic from the candidate."""
    return noted(changed(status, phase=Phase.ROLLING_BACK), now, event, text)


def rejecting(at: Moment, attempt: Attempt, reason: str, text: str) -> ModelReleaseStatus:
    """The status that takes all traffic from the candidate, and remembers not to try it again."""
    version, status = attempt.candidate.version, attempt.status
    rejection = Rejection(
        digest=version.bundle.digest,
        version_id=version.id,
        retry_token=at.spec.retry_token,
        at=at.now,
        reason=reason,
        text=text,
    )
    status = changed(status, rejected=(*status.rejected, rejection)[-REJECTIONS:])
    return rolling_back(status, at.now, "RolledBack", f"{short(version.bundle.digest)} is rolled back: {text}")


def rejection_of(status: ModelReleaseStatus, spec: ModelReleaseSpec) -> Rejection | None:
    """Why what Git names is not tried, with this retry token; None where it may be."""
    stable = status.stable.version.bundle.digest if status.stable else ""
    for each in reversed(status.rejected):
        # The stable bundle on another runtime may be rejected: that says nothing of the bundle where it is.
        same = each.version_id == spec.target.id or (each.digest == spec.model.digest and each.digest != stable)
        if same and each.retry_token == spec.retry_token:
            return each
    return None


def usable(observed: Observed, deployed: Deployed | None) -> bool:
    """Whether a version may get traffic where it is deployed: ready, the version that is meant, and not going."""
    seen = observed.twins.get(deployed.twin) if deployed else None
    return bool(seen and deployed and seen.ready and not seen.going and is_of(seen, deployed.version))


def is_of(seen: TwinSeen, version: Version) -> bool:
    """Whether a twin was made for a version."""
    return seen.version is not None and seen.version.id == version.id


def elapsed(since: datetime | None, now: datetime, seconds: float) -> bool:
    """Whether so many seconds have passed; never before it has begun."""
    return since is not None and now - since >= timedelta(seconds=seconds)


def short(digest: str) -> str:
    """A digest as people read it.

    Example:
        >>> short("sha256:0123456789abcdef")
        '0123456789ab'
    """
    return digest.removeprefix("sha256:")[:12]
