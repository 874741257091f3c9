"""The words in which a configuration says what to search, and what is searched where it says nothing.

Only declarations and plain values: Optuna is not known here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.training.settings import TrainingSettings

FIXED = (
    "task",
    "classes",
    "model_fn",
    "seed",
    "train_split",
    "eval_split",
    "holdout",
    "holdout_fraction",
    "calibration",
    "checkpoint_steps",
)
"""Parameters of a training that say what is asked, or that do not act on what a trial is measured by: no search may
move them."""

Choice = bool | int | float | str | tuple[int | float | str, ...]


class _Range(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        low, high, log = getattr(self, "low", None), getattr(self, "high", None), getattr(self, "log", False)
        if low is not None and high is not None and low >= high:
            raise ValueError(f"'low' must be below 'high', not {low:g} and {high:g}")
        if low is not None and log and low <= 0:
            raise ValueError(f"on a logarithmic scale 'low' must be above 0, not {low:g}")
        return self

    def ends(self) -> tuple[Any, ...]:
        """Values that must all be allowed for every value of the range to be."""
        return (getattr(self, "low"), getattr(self, "high"))  # noqa: B009 - the subclasses declare them


class FloatRange(_Range):
    """Any number between two."""

    kind: Literal["float"]
    low: float
    high: float
    log: bool = False
    """Whether it is the order of magnitude that counts: as many tries between 0.001 and 0.01 as up to 0.1."""


class IntRange(_Range):
    """Any whole number between two, both included."""

    kind: Literal["int"]
    low: int
    high: int
    log: bool = False
    """Whether it is the order of magnitude that counts."""


class Choices(_Range):
    """One of the values listed."""

    kind: Literal["categorical"]
    choices: tuple[Choice, ...] = Field(min_length=2)
    """The values; one may be a list (`[64, 32]` of `hidden_units`)."""

    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.choices


Dimension = Annotated[FloatRange | IntRange | Choices, Field(discriminator="kind")]


def default_space(base: TrainingSettings) -> dict[str, FloatRange | IntRange | Choices]:
    """What is searched where nothing is declared: what matters most for tables, on either side of what is given.

    What is given lies inside, so that the first trial is the training as it is.

    Args:
        base: The training as it is. A model without hidden layers has no widths and no dropout to search.
    """
    rate, batch = base.learning_rate, base.batch_size
    space: dict[str, FloatRange | IntRange | Choices] = {
        "learning_rate": FloatRange(kind="float", low=rate / 10, high=rate * 10, log=True),
        "batch_size": _choices(batch, max(1, batch // 2), batch * 2, batch * 4),
        "l2": _choices(base.l2, 0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
    }
    if base.hidden_units and base.architecture != "linear" and not base.model_fn.strip():
        space["hidden_units"] = _choices(base.hidden_units, (32,), (64, 32), (128, 64), (256, 128, 64))
        space["dropout"] = FloatRange(kind="float", low=0.0, high=max(0.5, base.dropout))
    return space


def _choices(*values: Choice) -> Choices:
    """Different values, in a fixed order."""
    return Choices(kind="categorical", choices=tuple(sorted(set(values))))
