"""What a search for the best parameters tried and found."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

STUDY_FILE = "study.json"
"""The name of the study's file in a tuning."""


class Trial(BaseModel):
    """One try."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    state: Literal["complete", "pruned", "failed"]
    parameters: dict[str, Any]
    """Parameters of the training, by name."""
    value: float | None = None
    """The objective; None where the trial did not come so far."""
    losses: tuple[float, ...] = ()
    """The objective after each epoch."""
    earlier: bool = False
    """Whether it was taken over from an earlier study."""


class Study(BaseModel):
    """`STUDY_FILE` in a tuning: every trial, and the best one's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str
    """The metric that was to become small or large."""
    direction: Literal["minimize", "maximize"]
    space: dict[str, Any]
    """What was searched, as declared."""
    trials: tuple[Trial, ...]
    """In order of their numbers."""
    best: int | None
    """Number of the best trial; None where none completed."""
    best_parameters: dict[str, Any]
    """What the trainer is to use; empty where none completed."""
    importance: dict[str, float] = {}
    """Share of the objective's variance that each parameter explains, in [0, 1]."""
    stopped_by: Literal["trials", "seconds", ""] = ""
    """Which end of the budget was met."""
