"""The interface of `tuner`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from components.tuner.space import FIXED, Dimension, default_space
from penstock.artifacts import TransformedExamples, TransformGraph, Tuning
from penstock.artifacts.task import TaskKind
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params
from penstock.sdk.params import explain
from penstock.training.settings import TrainingSettings

OBJECTIVES: dict[TaskKind, tuple[str, ...]] = {
    "binary": ("loss", "auc", "accuracy"),
    "multiclass": ("loss", "accuracy"),
    "regression": ("loss", "mae", "rmse", "r2"),
}
"""What a search may look at, by task: what a training measures of the rows held out."""

LARGER_IS_BETTER = ("auc", "accuracy", "r2")

JUDGED_ON = ("eval", "test")
"""Splits that models are judged on, whatever else a configuration calls so: a search that saw them would choose the
model that happens to suit them, and its judgement would mean nothing."""


class TunerParams(Params):
    """What to search, how long, and what to hold out."""

    base: TrainingSettings = TrainingSettings()
    """Everything about the training that is not searched: what the trainer has, by the same names. Only
    `train_split` of it is ever read."""
    model_fn: str = ""
    """The trainer's `model_fn`, instead of one in `base`, so that `{file: model.py}` can stand for it."""
    space: dict[str, Dimension] = {}
    """What to search, by parameter of the training, each with its `kind`. Empty: learning rate, batch size and l2, and
    for a network with hidden layers their widths and dropout, around what `base` says."""
    objective: Literal["loss", "auc", "accuracy", "mae", "rmse", "r2"] = "loss"
    """What is to become best on the rows held out. `loss`: the mean log loss, or squared error, which tells models
    apart that others take for equal. Trials are given up by their loss whatever the objective is."""
    trials: int = Field(default=20, ge=1, le=1000)
    """How many trials to make."""
    seconds: float = Field(default=0.0, ge=0.0)
    """After how long to stop, though fewer trials were made [s]; 0 for no limit. The first trial always comes to its
    end. What the clock stopped is not repeatable, and the study says so."""
    seed: int = Field(default=1, ge=0)
    """Of what is tried and what is held out; equal seeds give equal studies, bit for bit, on the same hardware."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """Who gives up trials early. `median`: whose loss is above the median of the others at the same epoch.
    `hyperband`: those that are not among the best third at rungs of ever more epochs."""
    holdout: Literal["random", "last", "folds"] = "random"
    """What a trial is measured on. `random`: some training rows. `last`: the last training rows, for rows in order of
    time. `folds`: each training row once, the trial being trained once for each fold."""
    holdout_fraction: float = Field(default=0.2, gt=0.0, lt=1.0)
    """Share of the training rows that is held out [fraction]; not for `folds`."""
    folds: int = Field(default=3, ge=2, le=20)
    """How many folds there are; only for `folds`."""
    warm_start: bool = True
    """Whether to begin with what the last study of this pipeline on other data found."""

    @model_validator(mode="after")
    def _looks_at_training_rows_only(self) -> Self:
        split = self.base.train_split
        if split in (*JUDGED_ON, self.base.eval_split):
            raise ValueError(
                f"'base.train_split' is {split!r}, a split that models are judged on; a search looks at training rows "
                "only, and holds some of them out"
            )
        return self

    @model_validator(mode="after")
    def _has_one_network(self) -> Self:
        if self.model_fn.strip() and self.base.model_fn.strip():
            raise ValueError("'model_fn' is also in 'base'; give one of them")
        if self.model_fn.strip() and self.base.members > 1:
            raise ValueError("'model_fn' makes one network; leave 'base.members' at 1")
        return self

    @model_validator(mode="after")
    def _measures_what_the_task_has(self) -> Self:
        known = OBJECTIVES[self.base.task]
        if self.objective not in known:
            raise ValueError(
                f"'objective' of task {self.base.task!r} is one of {', '.join(known)}, not {self.objective}"
            )
        return self

    @model_validator(mode="after")
    def _searches_parameters(self) -> Self:
        names = [name for name in type(self.base).model_fields if name not in FIXED]
        for name, dimension in self.space.items():
            if name in FIXED:
                raise ValueError(f"'space.{name}': {name} is no matter of search; set it in 'base'")
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names))}"
                raise ValueError(f"'space.{name}': the training has no such parameter; {hint}")
            for value in dimension.ends():
                try:
                    self.base.model_validate({**self.base.model_dump(), name: value})
                except ValidationError as error:
                    raise ValueError(f"'space.{name}': {explain(error, type(self.base))}") from None
        return self

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Whether the objective is to become small or large."""
        return "maximize" if self.objective in LARGER_IS_BETTER else "minimize"

    @property
    def searched(self) -> dict[str, Any]:
        """What is searched, by parameter: the declared space, or the usual one."""
        return dict(self.space or default_space(self.settings({})))

    def settings(self, parameters: Mapping[str, Any]) -> TrainingSettings:
        """What one trial trains with.

        It holds nothing out itself, which the search does, and calibrates nothing, which moves no loss that the
        search looks at.
        """
        own: dict[str, Any] = {"holdout_fraction": 0.0, "calibration": "none"}
        if self.model_fn.strip():
            own["model_fn"] = self.model_fn
        return self.base.model_validate({**self.base.model_dump(), **own, **parameters})


SPEC = ComponentSpec(
    name="tuner",
    stage="train",
    image="runtime",
    summary="Search for the training's best parameters on held-out training rows.",
    params=TunerParams,
    inputs={
        "transformed_examples": In(TransformedExamples),
        "transform_graph": In(TransformGraph),
        "previous": In(
            Tuning, optional=True, lookup=Lookup("previous", other_than="transformed_examples", dispensable=True)
        ),
    },
    outputs={"tuning": Out(Tuning)},
    uses=("penstock.training",),
    warm=("keras", "optuna"),
)
