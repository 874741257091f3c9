"""The search itself: Optuna proposes and gives up, trials are made one after another, and what is finished is kept.

A trial hangs on the seed, its number and what was finished before it, and on nothing else. So a search that was killed
and begun again ends as it would have ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from components.tuner import logic
from components.tuner.journal import Finished, Journal
from components.tuner.space import Choices, Dimension, IntRange
from components.tuner.spec import TunerParams
from penstock.artifacts.tuning import Study, Trial
from penstock.sdk import BadInput, PenstockError

Report = Callable[[int, float], bool]
"""Told a step and the value after it; says whether to stop."""


class Objective(Protocol):
    """One trial."""

    def __call__(self, parameters: Mapping[str, Any], report: Report) -> tuple[float, Sequence[float]]:
        """Train with these parameters; returns the value of the objective, and the loss after each epoch.

        It reports losses, the smaller the better, whatever the objective is.

        What it returns after `report` said to stop is only looked at for its losses.

        Raises:
            PenstockError: With these parameters there is no training.
        """


@dataclass
class _Clock:
    """How long the search has been at work, by all processes that did."""

    now: Callable[[], float]
    limit: float
    before: float
    began: float = 0.0

    def spent(self) -> float:
        return self.before + self.now() - self.began

    def is_over(self) -> bool:
        return bool(self.limit) and self.spent() >= self.limit


def search(
    params: TunerParams,
    objective: Objective,
    journal: Journal,
    *,
    earlier: Study | None,
    told: Callable[[int, int], None],
    now: Callable[[], float],
) -> Study:
    """Search until the trials or the time are used up.

    Args:
        params: What to search, and for how long.
        objective: One trial.
        journal: What was finished before, by a process that was killed.
        earlier: The last study on other data, to begin with; None where there is none.
        told: Told the trials done and in all.
        now: The time that passes [s].

    Raises:
        PenstockError: No trial came to its end (author of the pipeline).
    """
    space: dict[str, Dimension] = params.searched
    taken = logic.taken_over(earlier, params.objective, space) if params.warm_start else []
    tries = logic.first_tries(params.base.model_dump(), taken, space, params.direction)
    finished = journal.read()
    study = _open_study(params, [*map(_as_complete, taken), *finished], space)
    clock = _Clock(now, params.seconds, finished[-1].seconds if finished else 0.0, now())
    stopped_by: Literal["trials", "seconds"] = "trials"
    while len(finished) < params.trials:
        done = any(trial.state == "complete" for trial in finished)
        if done and clock.is_over():
            stopped_by = "seconds"
            break
        told(len(finished), params.trials)
        if len(finished) < len(tries):
            study.enqueue_trial({name: _written(value, space[name]) for name, value in tries[len(finished)].items()})
        trial = _one_trial(study, params, space, objective, finished=finished, clock=clock, may_stop=done)
        if trial is None:
            stopped_by = "seconds"
            break
        finished.append(trial)
        journal.add(trial)
    told(len(finished), params.trials)
    return _conclude(params, taken, finished, stopped_by)


def _one_trial(
    study: Any,
    params: TunerParams,
    space: Mapping[str, Dimension],
    objective: Objective,
    *,
    finished: Sequence[Finished],
    clock: _Clock,
    may_stop: bool,
) -> Finished | None:
    """Make one trial; None where the clock stopped it."""
    import optuna

    study.sampler = _sampler(params, len(finished))
    trial = study.ask({name: _distribution(dimension) for name, dimension in space.items()})
    parameters = {name: _read(trial.params[name], dimension) for name, dimension in space.items()}
    stopped: list[str] = []

    def report(step: int, value: float) -> bool:
        trial.report(logic.worse(value, params.direction), step)  # the pruner knows but one direction
        if may_stop and clock.is_over():
            stopped.append("seconds")
        elif trial.should_prune():
            stopped.append("pruned")
        return bool(stopped)

    state, value, losses, why = optuna.trial.TrialState.COMPLETE, None, (), ""
    same = next((each for each in finished if each.parameters == parameters and each.state != "failed"), None)
    if same and same.state == "complete":  # a small space: the same training gives the same
        value, losses = same.value, same.losses
    else:
        try:
            value, losses = objective(parameters, report)
        except BadInput:
            raise
        except PenstockError as error:
            state, value, why = optuna.trial.TrialState.FAIL, None, str(error)
        if stopped[:1] == ["seconds"]:
            return None
        if stopped:  # a training that was cut short may complain of just that
            state, value, why = optuna.trial.TrialState.PRUNED, None, ""
    study.tell(trial, value, state=state)
    told = study.trials[trial.number]
    reports = told.intermediate_values
    return Finished(
        state={"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[told.state.name],
        parameters=parameters,
        value=told.value,
        reports=reports,
        notes=dict(told.system_attrs),
        losses=tuple(losses or (logic.worse(reports[step], params.direction) for step in sorted(reports))),
        seconds=clock.spent(),
        why=why,
    )


def _open_study(params: TunerParams, trials: Sequence[Finished], space: Mapping[str, Dimension]) -> Any:
    """Optuna's study in memory, with what is finished put back."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Hyperband hashes the study's name, which otherwise is drawn at random.
    study = optuna.create_study(study_name="tuner", direction=params.direction, pruner=_pruner(params))
    states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    for each in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[states[each.state]],
                value=each.value,
                params={name: _written(value, space[name]) for name, value in each.parameters.items()},
                distributions={name: _distribution(dimension) for name, dimension in space.items()},
                intermediate_values=dict(each.reports),
                system_attrs=dict(each.notes),
            )
        )
    return study


def _as_complete(trial: Trial) -> Finished:
    return Finished(
        state="complete", parameters=trial.parameters, value=trial.value, reports={}, notes={}, losses=(), seconds=0.0
    )


def _sampler(params: TunerParams, number: int) -> Any:
    """A sampler of its own for each trial, so that its state needs not be kept."""
    import optuna

    seed = int(np.random.SeedSequence((params.seed, number)).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(3, params.trials // 3)))


def _pruner(params: TunerParams) -> Any:
    import optuna

    if params.pruner == "none":
        return optuna.pruners.NopPruner()
    if params.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
    steps = params.folds if params.holdout == "folds" else params.base.epochs
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=max(steps, 2), reduction_factor=3)


def _distribution(dimension: Dimension) -> Any:
    from optuna import distributions

    if isinstance(dimension, Choices):
        return distributions.CategoricalDistribution([_written(choice, dimension) for choice in dimension.choices])
    if isinstance(dimension, IntRange):
        return distributions.IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _written(value: Any, dimension: Dimension) -> Any:
    """A value as Optuna takes it: one of several as JSON text, because it may be a list."""
    return json.dumps(logic.plain(value)) if isinstance(dimension, Choices) else value


def _read(value: Any, dimension: Dimension) -> Any:
    return json.loads(value) if isinstance(dimension, Choices) else value


def _conclude(
    params: TunerParams,
    taken: Sequence[Trial],
    finished: Sequence[Finished],
    stopped_by: Literal["trials", "seconds"],
) -> Study:
    made = [
        Trial(
            number=number,
            state=each.state,
            parameters=each.parameters,
            value=each.value if each.state == "complete" else None,
            losses=each.losses,
        )
        for number, each in enumerate(finished, start=len(taken))
    ]
    space: dict[str, Dimension] = params.searched
    best = logic.best_of(made, params.direction)
    if best is None:
        why = next((each.why for each in finished if each.why), "")
        raise PenstockError(f"none of {len(finished)} trials came to its end{f': {why}' if why else ''}")
    return Study(
        objective=params.objective,
        direction=params.direction,
        space={name: dimension.model_dump(mode="json") for name, dimension in space.items()},
        trials=(*taken, *made),
        best=best.number,
        best_parameters=best.parameters,
        importance=logic.importance(made, space),
        stopped_by=stopped_by,
    )
