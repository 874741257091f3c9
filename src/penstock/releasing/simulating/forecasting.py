"""What a release would come to, for each effect that its candidate might have: planning before rolling out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from penstock.releasing.base import Part
from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.gates.spec import Gates, Metric
from penstock.releasing.resource.ladder import Bake, LadderStep
from penstock.releasing.simulating.climbing import Outcomes, Rung, Setting, climb
from penstock.releasing.simulating.traffic import NO_EFFECT, Effect, Traffic
from penstock.sdk import BadInput

LEAST_REQUESTS_PER_LOOK = 200
LOOKS_PER_DAY = 24 * 60
DEFAULT_EFFECTS = (
    NO_EFFECT,
    Effect(errors=0.01),
    Effect(errors=0.03),
    Effect(errors=0.10),
    Effect(latency=0.15),
    Effect(latency=0.30),
)
"""What is forecast where nothing is asked for."""


@dataclass(frozen=True)
class Plan:
    """What is rehearsed."""

    gates: Gates
    """The gates."""
    ladder: tuple[LadderStep, ...]
    """The steps."""
    bake: Bake
    """What follows the last one."""
    requests_per_day: float = 100_000.0
    """Requests of both models."""
    label_delay_days: float = 0.0
    """How late labels come."""


class Forecast(Part):
    """What releases with one effect come to."""

    effect: str
    """The effect, in words."""
    rolled_back: float
    """Share that is rolled back."""
    promoted: float
    """Share that is promoted."""
    paused: float
    """Share that a deadline pauses."""
    candidate_requests: float | None
    """Requests of the candidate until it is rolled back, copies in shadow included: the median of those that are."""
    exposed_requests: float | None
    """Those whose answers users got."""
    days: float
    """How long it takes: the median until it is rolled back, promoted or paused [d]."""
    step: str
    """The step that most releases end at."""


def forecast(
    plan: Plan, traffic: Traffic, effects: Sequence[Effect] = DEFAULT_EFFECTS, *, releases: int = 500, seed: int = 1
) -> tuple[Forecast, ...]:
    """Rehearse releases for each effect, on the same traffic.

    A look is taken each minute, or every 200 requests where that is longer.

    Raises:
        BadInput: A gate on predictions does not divide those of this traffic (caller).
    """
    _check_cuts(plan.gates, traffic)
    ladder = rungs(plan)
    per_look = max(LEAST_REQUESTS_PER_LOOK, round(plan.requests_per_day / LOOKS_PER_DAY))
    setting = Setting(
        plan.gates,
        traffic,
        ladder=ladder,
        requests_per_look=per_look,
        label_delay_requests=round(plan.label_delay_days * plan.requests_per_day),
    )
    return tuple(
        _summary(effect, climb(replace(setting, effect=effect), releases=releases, seed=seed), ladder, plan)
        for effect in effects
    )


def _check_cuts(gates: Gates, traffic: Traffic) -> None:
    for gate in gates.gates:
        if gate.metric is Metric.PREDICTIONS and (
            not traffic.scores.size or traffic.score_shares_with(NO_EFFECT, gate.cuts).max() == 1.0
        ):
            raise BadInput(
                f"gate {gate.name} cannot be rehearsed: no cut lies among the predictions of this traffic",
                "name a log of this model's with --from; invented predictions are probabilities",
            )


def rungs(plan: Plan) -> tuple[Rung, ...]:
    """The ladder, counted in requests; with the bake where a gate waits for labels."""
    per_second = plan.requests_per_day / 86_400
    steps = [
        Rung(
            step.name,
            (step.mirror_percent if step.is_shadow else step.weight_percent) / 100,
            shadow=step.is_shadow,
            minimum_samples=step.min_samples,
            minimum_requests=round(step.min_seconds * per_second),
            deadline_requests=round(step.deadline_seconds * per_second),
        )
        for step in plan.ladder
    ]
    if any(gate.source.kind is SourceKind.LABELS for gate in plan.gates.gates):
        bake = Rung(
            "bake",
            1.0,
            minimum_samples=plan.bake.min_samples,
            minimum_requests=round(plan.bake.seconds * per_second),
            deadline_requests=round(plan.bake.deadline_seconds * per_second),
        )
        steps.append(bake)
    return tuple(steps)


def _summary(effect: Effect, outcomes: Outcomes, ladder: Sequence[Rung], plan: Plan) -> Forecast:
    caught = outcomes.rolled_back
    most = int(np.bincount(outcomes.rung[caught] if caught.mean() >= 0.5 else outcomes.rung).argmax())
    days = outcomes.requests / plan.requests_per_day
    return Forecast(
        effect=words(effect),
        rolled_back=float(caught.mean()),
        promoted=float(outcomes.promoted.mean()),
        paused=float(1 - caught.mean() - outcomes.promoted.mean()),
        candidate_requests=float(np.median(outcomes.candidate_requests[caught])) if caught.any() else None,
        exposed_requests=float(np.median(outcomes.exposed_requests[caught])) if caught.any() else None,
        days=float(np.median(days[caught] if caught.mean() >= 0.5 else days)),
        step=ladder[most].name,
    )


def words(effect: Effect) -> str:
    """An effect, for a person.

    Example:
        >>> words(Effect(errors=0.03, latency=0.3)), words(Effect())
        ('errors +3 points, latency +30%', 'none')
    """
    points = dict.fromkeys(("errors", "slice_errors", "loss"), " points")
    units = {**points, "latency": "%", "business": "%", "scores": "% of their deviation"}
    said = [
        f"{name.replace('_', ' ')} {100 * getattr(effect, name):+g}{unit}"
        for name, unit in units.items()
        if getattr(effect, name)
    ]
    return ", ".join(said) or "none"


def effect_from(text: str) -> Effect:
    """An effect from what a person writes.

    Raises:
        BadInput: It is not of the form `errors=+3,latency=+30` (caller).

    Example:
        >>> effect_from("errors=+3,latency=30")
        Effect(errors=0.03, slice_errors=0.0, latency=0.3, loss=0.0, business=0.0, scores=0.0)
    """
    known = {each.name.replace("_", "-"): each.name for each in fields(Effect)}
    values: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, amount = part.partition("=")
        try:
            values[known[name.strip()]] = float(amount) / 100
        except (KeyError, ValueError):
            raise BadInput(
                f"--effect {text}: {part!r} is no effect",
                f"write NAME=PERCENT with {', '.join(known)}: errors=+3 is three percentage points, latency=+30 is 30%",
            ) from None
    if (
        not all(abs(value) <= 10 for value in values.values())
        or min(values.get("latency", 0.0), values.get("business", 0.0)) <= -1
    ):
        raise BadInput(f"--effect {text}: out of range", "percent between -99 and 1000")
    return Effect(**values)
