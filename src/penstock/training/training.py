"""Training from first weights to best weights: epochs, checkpoints, early stopping, and the checks of every run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError
from penstock.training import logic
from penstock.training.checkpoint import Checkpoint
from penstock.training.loop import Loop
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings

_CALL_STEPS = 250
"""Steps of one call of the compiled function: how often progress is told."""
_HANDFUL_ROWS = 16
_HANDFUL_STEPS = 200
_HANDFUL_RATE = 0.01
_HANDFUL_SHARE = 0.8
_SAMPLE_ROWS = 8192
_SETTLING_STEPS = 100
"""Before so many steps, the noise of the first weights may still outweigh what was learnt [steps]."""


@dataclass(frozen=True)
class Data:
    """The rows of a training."""

    train: Rows
    weights: npt.NDArray[np.float32]
    """How much each training row counts, shape (n_rows,), with a mean of 1."""
    evaluation: Rows
    holdout: Rows | None = None
    """What early stopping looks at; None for the evaluation split."""


@dataclass
class Progress:
    """Where a training stands: with the variables, all that is needed to go on from there."""

    initial_loss: float
    """On a sample of the training rows, weighted as they are, before the first step."""
    epoch: int = 0
    step: int = 0
    """Steps taken within the epoch."""
    steps: int = 0
    """Steps taken in all."""
    losses: list[float] = field(default_factory=list)
    """What early stopping looks at, by epoch."""
    history: list[dict[str, Any]] = field(default_factory=list)


def divide(train: Rows, evaluation: Rows, params: TrainingSettings) -> Data:
    """Cut the hold-out, if there is to be one, from the end of the training rows, and weigh what is left."""
    fraction, holdout = params.holdout_fraction, None
    if fraction:
        kept = len(train) - math.ceil(len(train) * fraction)
        if not kept:
            raise PenstockError(f"holdout_fraction {fraction} leaves none of {len(train)} rows to train on")
        train, holdout = train.take(slice(0, kept)), train.take(slice(kept, None))
    return Data(train, logic.class_weights(train.label, params.class_weights), evaluation, holdout)


def check_overfit(loop: Loop, train: Rows, task: str) -> None:
    """Make sure that the network can learn a handful of rows by heart; what cannot do that cannot learn anything.

    All variables are afterwards as they were before.

    Raises:
        PenstockError: There is but one label, or its loss stays near that of the best constant answer (author of the
            pipeline).
    """
    if train.label.min() == train.label.max():
        raise PenstockError(
            f"all {len(train):,} training rows have the label {train.label[0]:g}: there is nothing to learn",
            "Look at how the label is made, and at the split",
        )
    few = train.take(logic.handful(train.label, _HANDFUL_ROWS))
    if few.label.min() == few.label.max():  # a number that hardly ever differs: these few cannot tell
        return
    constant = logic.best_constant_loss(few.label, task)
    before, rate = loop.state(), loop.learning_rate
    loop.learning_rate = max(rate, _HANDFUL_RATE)
    order = np.tile(np.arange(len(few), dtype=np.int32), _HANDFUL_STEPS)
    losses = loop.steps(
        loop.place(few, np.ones(len(few), np.float32)), order, first=0, last=_HANDFUL_STEPS, batch_size=len(few)
    )
    logic.must_be_finite("loss", losses, f"while learning {len(few)} rows by heart")
    reached = logic.metrics(few.label, loop.predict(few), task)["loss"]
    loop.learning_rate = rate
    loop.restore(before)
    if not reached < _HANDFUL_SHARE * constant:
        raise PenstockError(
            f"the network cannot even learn {len(few)} rows by heart: after {_HANDFUL_STEPS} steps its loss is "
            f"{reached:.4g}, always answering the mean has {constant:.4g}",
            "Look whether the features say anything, and whether the network is large enough",
        )


def train(
    loop: Loop,
    data: Data,
    params: TrainingSettings,
    checkpoint: Checkpoint,
    progress: Callable[[int, int], None],
) -> Progress:
    """Train, going on from the checkpoint if there is one; leaves the network with the weights to export.

    Args:
        loop: The network with its initial weights.
        data: The rows.
        params: Epochs, steps, patience.
        checkpoint: Where to keep what must not be lost.
        progress: Told the steps done and the steps in all.

    Raises:
        PenstockError: Something is not finite, the loss did not fall, or it stayed that of a constant (author of the
            pipeline).
    """
    rows = len(data.train)
    steps_an_epoch = math.ceil(rows / params.batch_size)
    total = min(params.epochs * steps_an_epoch, params.max_steps or params.epochs * steps_an_epoch)
    chosen = logic.spread(rows, _SAMPLE_ROWS)
    sample = data.train.take(chosen)

    def sample_loss() -> float:
        return logic.mean_loss(sample.label, loop.predict(sample), params.task, data.weights[chosen])

    now, best = _resume(loop, checkpoint, sample_loss)
    placed = loop.place(data.train, data.weights)
    kept = now.steps
    while now.steps < total and not (now.step == 0 and logic.should_stop(now.losses, params.patience)):
        order = logic.shuffled(rows, params.seed, now.epoch)
        last = min(steps_an_epoch, now.step + total - now.steps)
        while now.step < last:
            to = min(last, now.step + _CALL_STEPS, now.step + params.checkpoint_steps)
            losses = loop.steps(placed, order, first=now.step, last=to, batch_size=params.batch_size)
            logic.must_be_finite("loss", losses, f"between steps {now.steps} and {now.steps + to - now.step}")
            now.steps, now.step = now.steps + to - now.step, to
            progress(now.steps, total)
            if now.step < last and now.steps - kept >= params.checkpoint_steps:
                _keep(checkpoint, loop, now, best)
                kept = now.steps
        now.epoch, now.step = now.epoch + 1, 0
        _measure(loop, data, params.task, now)
        if params.patience and now.losses[-1] == min(now.losses):
            best = loop.weights()
        _keep(checkpoint, loop, now, best)
        kept = now.steps
    if best:
        loop.restore_weights(best)
    for variable in loop.model.variables:
        logic.must_be_finite(f"weights of {variable.path}", variable.numpy(), f"after {now.steps} steps")
    done, loss = f"{now.steps} steps", sample_loss()
    logic.must_have_fallen(now.initial_loss, loss, done)
    if now.steps >= _SETTLING_STEPS:
        logic.must_have_learnt(loss, logic.best_constant_loss(sample.label, params.task, data.weights[chosen]), done)
    return now


def _measure(loop: Loop, data: Data, task: str, now: Progress) -> None:
    """Measure every split after an epoch."""
    measured = {}
    for name, rows in (("train", data.train), ("eval", data.evaluation), ("holdout", data.holdout)):
        if rows is not None:
            scores = loop.predict(rows)
            logic.must_be_finite("predictions", scores, f"for the {name} rows after epoch {now.epoch}")
            measured[name] = logic.metrics(rows.label, scores, task)
    now.losses.append(measured["holdout" if data.holdout is not None else "eval"]["loss"])
    now.history.append(logic.history_entry(now.epoch, now.steps, **measured))


def _resume(
    loop: Loop, checkpoint: Checkpoint, initial_loss: Callable[[], float]
) -> tuple[Progress, list[npt.NDArray[Any]]]:
    stored = checkpoint.read()
    if stored is None:
        return Progress(initial_loss()), []
    facts, arrays = stored
    loop.restore(arrays["state"])
    return Progress(**facts), arrays.get("best", [])


def _keep(checkpoint: Checkpoint, loop: Loop, now: Progress, best: list[npt.NDArray[Any]]) -> None:
    checkpoint.write(asdict(now), state=loop.state(), best=best)
