"""What is kept of a release, as the page shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.spec import Gates, Metric
from penstock.releasing.local.progress import Outcome, e_value_needed, outcome, progress
from penstock.releasing.local.store import Stored
from penstock.releasing.local.timeline import Seen, trials
from penstock.releasing.resource.status import HistoryEntry
from penstock.reporting.release_views import (
    EventView,
    GateMoment,
    GateView,
    ReleaseView,
    ShareView,
    StepView,
    TrialView,
)

_VERDICTS = {
    Outcome.PROMOTED: Verdict.SUCCESSFUL,
    Outcome.REJECTED: Verdict.FAILED,
    Outcome.REFUSED: Verdict.ERROR,
}
_ENDINGS = {"Promoted": Verdict.SUCCESSFUL, "RolledBack": Verdict.FAILED}
_METRICS = {
    Metric.ERROR_RATE: "error rate",
    Metric.LATENCY_QUANTILE: "latency, as a part of the stable's",
    Metric.QUALITY: "loss",
    Metric.BUSINESS: "business metric",
    Metric.PREDICTIONS: "distance of the predictions",
}


def view_of(stored: Stored, moments: Sequence[Seen], at: datetime) -> ReleaseView:
    """Everything known of a release."""
    status, spec, now = stored.status, stored.spec, progress(stored, at)
    return ReleaseView(
        name=stored.name,
        at=at,
        phase=str(status.phase),
        message=status.message,
        verdict=_VERDICTS.get(outcome(stored), Verdict.INCONCLUSIVE),
        wanted=spec.model.digest,
        wanted_uri=spec.model.storage_uri,
        stable=now.stable,
        previous=status.previous.bundle.digest if status.previous else "",
        weight_percent=now.weight_percent,
        steps=tuple(
            StepView(
                name=step.name,
                weight_percent=step.weight_percent,
                mirror_percent=step.mirror_percent,
                min_samples=step.min_samples,
                min_seconds=step.min_seconds,
                deadline_seconds=step.deadline_seconds,
            )
            for step in spec.steps
        ),
        trials=tuple(
            _trial(spec.analysis, number, seen, status.history)
            for number, seen in sorted(trials(moments).items(), reverse=True)
        ),
        history=tuple(
            EventView(at=entry.at, event=entry.event, digest=entry.digest, text=entry.text)
            for entry in reversed(status.history)
        ),
        rejected=tuple(
            EventView(at=each.at, event=each.reason, digest=each.digest, text=each.text)
            for each in reversed(status.rejected)
        ),
    )


def _trial(gates: Gates, number: int, seen: Sequence[Seen], history: Sequence[HistoryEntry]) -> TrialView:
    began, last = seen[0].at, seen[-1]
    own = [entry for entry in history if entry.trial == number]
    ends = [entry for entry in own if entry.event in {*_ENDINGS, "Superseded"}]
    ended = ends[0] if ends else None
    return TrialView(
        number=number,
        digest=last.candidate,
        stable=seen[0].stable,
        began=began,
        seconds=((ended.at if ended else last.at) - began).total_seconds(),
        verdict=_ENDINGS.get(ended.event, Verdict.INCONCLUSIVE) if ended else Verdict.INCONCLUSIVE,
        text=ended.text if ended else last.message,
        shares=_shares(seen, began),
        gates=_gates(gates, seen, began),
    )


def _shares(seen: Sequence[Seen], began: datetime) -> tuple[ShareView, ...]:
    """Each change of who gets how much."""
    found: list[ShareView] = []
    for one in seen:
        before = found[-1] if found else None
        same = before and (before.step, before.weight_percent, before.mirror_percent) == (
            one.step,
            one.weight_percent,
            one.mirror_percent,
        )
        if not same:
            share = ShareView(
                seconds=(one.at - began).total_seconds(),
                step=one.step,
                weight_percent=one.weight_percent,
                mirror_percent=one.mirror_percent,
            )
            found.append(share)
    return tuple(found)


def _gates(gates: Gates, seen: Sequence[Seen], began: datetime) -> tuple[GateView, ...]:
    names = dict.fromkeys((each.gate, each.slice) for one in seen for each in one.gates)
    declared = {gate.name: gate for gate in gates.gates}
    found = []
    for name, part in names:
        readings = [(one.at, each) for one in seen for each in one.gates if (each.gate, each.slice) == (name, part)]
        _, last = readings[-1]
        gate = declared.get(name)
        found.append(
            GateView(
                gate=name,
                slice=part,
                metric=_METRICS[gate.metric] if gate else "no longer asked",
                verdict=last.verdict,
                text=last.text,
                margin=gate.tolerated if gate else None,
                e_value_needed=min(e_value_needed(gates, name, part), 1e12),
                moments=tuple(
                    GateMoment(
                        seconds=(at - began).total_seconds(),
                        samples=each.candidate_samples,
                        estimate=each.estimate,
                        lower=each.lower,
                        upper=each.upper,
                        e_value=each.e_value,
                    )
                    for at, each in readings
                ),
            )
        )
    return tuple(found)
