"""What a training can be told: one declaration for whoever trains once and whoever searches for the best."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from penstock.artifacts.task import Task, TaskKind
from penstock.sdk import Params


class TrainingSettings(Params):
    """The model and how it is trained."""

    task: TaskKind = "binary"
    """`binary`: the label is 0 or 1, the score its probability. `multiclass`: the label is the number of a class, from
    0 on, the score a probability for each class. `regression`: the label is a number, the score an estimate of it."""
    classes: tuple[str, ...] = ()
    """What the labels 0, 1, ... stand for, in order; `multiclass` needs them all, `binary` takes two or none."""
    architecture: Literal["linear", "deep", "wide_and_deep"] = "deep"
    """`deep`: embeddings for categories, hidden layers on top. `linear`: a weight for each number and each category.
    `wide_and_deep`: the sum of both."""
    model_fn: str = ""
    """Python source of a module with `def model_fn(inputs, features, settings)` of ordinary Keras code, instead of
    `architecture`. It is the pipeline author's code and runs as such. It returns a tensor of shape (n, outputs)."""
    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = (64, 32)
    """Width of each hidden layer, first to last; none makes a linear model on top of the embeddings."""
    embedding_max: int = Field(default=16, ge=1)
    """Largest width of an embedding. A feature of n categories gets the power of two next above the fourth root of n,
    times two, but no more than this."""
    members: int = Field(default=1, ge=1, le=64)
    """How many networks are trained side by side as one; the answer is their mean. With a random hold-out each leaves
    out other rows."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of each hidden layer's units left out at random while training."""
    l2: float = Field(default=0.0, ge=0.0)
    """Weight of the squared kernels in the loss."""
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    """How the weights are moved."""
    weight_decay: float = Field(default=0.004, ge=0.0)
    """Share that `adamw` takes off each weight in a step, times the learning rate; biases are left alone."""
    learning_rate: float = Field(default=1e-3, gt=0.0)
    """How far they are moved."""
    schedule: Literal["constant", "cosine"] = "constant"
    """`cosine`: the learning rate rises in the first twentieth of the steps and then falls along a half wave to 0."""
    batch_size: int = Field(default=512, ge=1)
    """Rows of one step [rows]."""
    epochs: int = Field(default=1, ge=1)
    """How often every training row is seen."""
    max_steps: int = Field(default=0, ge=0)
    """Stop after so many steps even in the middle of an epoch; 0 for no limit."""
    patience: int = Field(default=0, ge=0)
    """Early stopping: give up after so many epochs without a smaller loss, and keep the best weights; 0 for never."""
    holdout_fraction: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the training rows that early stopping looks at instead of the evaluation split, and that calibration
    learns from. With 0 it looks at the evaluation split, whose metrics then are no longer untouched by training."""
    holdout: Literal["last", "random"] = "last"
    """Which rows are held out. `last`: those at the end, for rows in the order of time. `random`: from everywhere, the
    labels in their proportions, and other ones for each member."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` weighs a row by the rarity of its class, so that all count equally; without calibration scores then
    overstate the rare ones."""
    target_scaling: Literal["none", "standard", "log1p"] = "standard"
    """What a regression's network sees of the label. `standard`: its z-score. `log1p`: the z-score of log(1 + label),
    for labels from 0 on with a long tail; estimates then stay within the labels seen. The score is in the label's own
    unit."""
    calibration: Literal["none", "linear"] = "none"
    """`linear`: a slope, and an intercept for each output, fitted on the rows held out (Platt scaling)."""
    seed: int = Field(default=1, ge=0)
    """Of initial weights, shuffling, dropout and hold-out. Equal seeds give equal models, bit for bit, on the same
    hardware."""
    checkpoint_steps: int = Field(default=2000, ge=1)
    """At most so many steps are lost when the work is interrupted [steps]."""
    train_split: str = "train"
    """The split that is learnt from."""
    eval_split: str = "eval"
    """The split that is only measured on."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        named = len(self.classes)
        if self.class_weights == "balanced" and self.task == "regression":
            raise ValueError("'class_weights' is for classes; a regression has none")
        if self.task == "multiclass" and named < 2:
            raise ValueError("task 'multiclass' needs 'classes', the names behind the labels 0, 1, ...")
        if (self.task == "binary" and named not in (0, 2)) or (self.task == "regression" and named):
            raise ValueError(f"task {self.task!r} has no {named} 'classes'")
        if len(set(self.classes)) < named:
            raise ValueError("'classes' names one twice")
        if self.target_scaling != "standard" and self.task != "regression":
            raise ValueError("'target_scaling' is for task 'regression'")
        if self.calibration != "none" and not self.holdout_fraction:
            raise ValueError("'calibration' learns from rows held out; give a 'holdout_fraction'")
        if self.model_fn.strip() and self.members > 1:
            raise ValueError("'model_fn' makes one network; leave 'members' at 1")
        return self

    def answers(self) -> Task:
        """What the model answers."""
        return Task(kind=self.task, classes=self.classes)
