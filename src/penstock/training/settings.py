"""What a training can be told: one declaration for whoever trains once and whoever searches for the best."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from penstock.sdk import Params


class TrainingSettings(Params):
    """The model and how it is trained."""

    task: Literal["binary", "regression"] = "binary"
    """`binary`: the label is 0 or 1, the score its probability. `regression`: the label is a number, the score an
    estimate of it."""
    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = (64, 32)
    """Width of each hidden layer, first to last; none makes a linear model."""
    embedding_max: int = Field(default=16, ge=1)
    """Largest width of an embedding. A feature of n categories gets the power of two next above the fourth root of n,
    times two, but no more than this."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of each hidden layer's units left out at random while training."""
    l2: float = Field(default=0.0, ge=0.0)
    """Weight of the squared kernels in the loss."""
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    """How the weights are moved."""
    learning_rate: float = Field(default=1e-3, gt=0.0)
    """How far they are moved."""
    batch_size: int = Field(default=512, ge=1)
    """Rows of one step [rows]."""
    epochs: int = Field(default=1, ge=1)
    """How often every training row is seen."""
    max_steps: int = Field(default=0, ge=0)
    """Stop after so many steps even in the middle of an epoch; 0 for no limit."""
    patience: int = Field(default=0, ge=0)
    """Early stopping: give up after so many epochs without a smaller loss, and keep the best weights; 0 for never."""
    holdout_fraction: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the training rows, the last ones, that early stopping looks at instead of the evaluation split. With
    0 it looks at the evaluation split, whose metrics then are no longer untouched by training."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` weighs a row by the rarity of its class, so that both count equally; scores then overstate the rare
    class."""
    seed: int = Field(default=1, ge=0)
    """Of initial weights, shuffling and dropout. Equal seeds give equal models, bit for bit, on the same hardware."""
    checkpoint_steps: int = Field(default=2000, ge=1)
    """At most so many steps are lost when the work is interrupted [steps]."""
    train_split: str = "train"
    """The split that is learnt from."""
    eval_split: str = "eval"
    """The split that is only measured on."""

    @model_validator(mode="after")
    def _classes_to_weigh(self) -> Self:
        if self.class_weights == "balanced" and self.task != "binary":
            raise ValueError(f"'class_weights' is for task 'binary'; a {self.task} has no classes")
        return self
