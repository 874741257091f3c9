"""Training from first weights to best weights: epochs, checkpoints, early stopping, and the checks of every run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError
from penstock.training import checks, logic
from penstock.training.checkpoint import Checkpoint
from penstock.training.folds import Data, together
from penstock.training.loop import Loop
from penstock.training.metrics import metrics
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target

_CALL_STEPS = 250
"""Steps of one call of the compiled function: how often progress is told."""
_HANDFUL_ROWS = 16
_HANDFUL_STEPS = 200
_HANDFUL_LOOK = 40
"""After how many steps to look whether it is enough already [steps]."""
_HANDFUL_RATE = 0.01
_HANDFUL_SHARE = 0.2
"""Of what could be learnt by heart, how much must be [fraction]."""
_SAMPLE_ROWS = 8192
_MEASURED_ROWS = 1 << 16
"""Training rows that the history's metrics are taken from, at most [rows]."""
_SETTLING_STEPS = 100
"""Before so many steps, the noise of the first weights may still outweigh what was learnt [steps]."""


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


def check_overfit(loop: Loop, train: Rows, target: Target, settings: TrainingSettings) -> None:
    """Make sure that the network can learn a handful of rows by heart; what cannot do that cannot learn anything.

    Rows that are alike but for their label cannot be told apart, and a linear model cannot learn by heart: neither is
    held against it. All variables are afterwards as they were before.

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
    constant = _constant_loss(target, few.label, np.ones(len(few)))
    least = _least_loss(target, few)
    if settings.architecture == "linear" or not least < constant:
        return
    enough = constant - _HANDFUL_SHARE * (constant - least)
    before, reached = loop.state(), constant
    placed = loop.place(few, np.ones((len(few), settings.members), np.float32))
    order = np.tile(np.arange(len(few), dtype=np.int32), _HANDFUL_STEPS)
    rates = np.full(_HANDFUL_STEPS, max(settings.learning_rate, _HANDFUL_RATE), np.float32)
    for first in range(0, _HANDFUL_STEPS, _HANDFUL_LOOK):
        here = rates[first : first + _HANDFUL_LOOK]
        losses = loop.steps(placed, order, here, first=first, batch_size=len(few))
        checks.must_be_finite("loss", losses, f"while learning {len(few)} rows by heart")
        reached = target.loss(few.label, together(loop.predict(few), None))
        if reached < enough:
            break
    loop.restore(before)
    if not reached < enough:
        raise PenstockError(
            f"the network cannot even learn {len(few)} rows by heart: after {_HANDFUL_STEPS} steps its loss is "
            f"{reached:.4g}, always answering the mean has {constant:.4g}",
            "Look whether the features say anything, and whether the network is large enough",
        )


def train(
    loop: Loop,
    data: Data,
    target: Target,
    settings: TrainingSettings,
    *,
    evaluation: Rows | None,
    checkpoint: Checkpoint,
    progress: Callable[[int, int], None],
    on_epoch: Callable[[int, float], bool],
) -> Progress:
    """Train, going on from the checkpoint if there is one; leaves the network with the weights to export.

    Args:
        loop: The network with its initial weights.
        data: The rows.
        target: The task.
        settings: Epochs, steps, patience.
        evaluation: Rows that are only measured on.
        checkpoint: Where to keep what must not be lost.
        progress: Told the steps done and the steps in all.
        on_epoch: Told the epoch, from 1 on, and the loss that early stopping looks at; true to stop there.

    Raises:
        PenstockError: Something is not finite, the loss did not fall, or it stayed that of a constant (author of the
            pipeline).
    """
    rows = len(data.train)
    steps_an_epoch = math.ceil(rows / settings.batch_size)
    total = min(settings.epochs * steps_an_epoch, settings.max_steps or settings.epochs * steps_an_epoch)
    rates = logic.rates(settings.schedule, settings.learning_rate, total)
    chosen = logic.spread(rows, _SAMPLE_ROWS)
    sample, counts = data.train.take(chosen), data.weights[chosen].mean(axis=1)

    def sample_loss() -> float:
        return target.loss(sample.label, together(loop.predict(sample), None), counts)

    now, best = _resume(loop, checkpoint, sample_loss)
    placed = loop.place(data.train, data.weights)
    kept, stopped = now.steps, False
    while (
        now.steps < total and not stopped and not (now.step == 0 and logic.should_stop(now.losses, settings.patience))
    ):
        order = logic.shuffled(rows, settings.seed, now.epoch)
        last = min(steps_an_epoch, now.step + total - now.steps)
        while now.step < last:
            to = min(last, now.step + _CALL_STEPS, now.step + settings.checkpoint_steps)
            here = rates[now.steps : now.steps + to - now.step]
            losses = loop.steps(placed, order, here, first=now.step, batch_size=settings.batch_size)
            checks.must_be_finite("loss", losses, f"between steps {now.steps} and {now.steps + to - now.step}")
            now.steps, now.step = now.steps + to - now.step, to
            progress(now.steps, total)
            if now.step < last and now.steps - kept >= settings.checkpoint_steps:
                _keep(checkpoint, loop, now, best)
                kept = now.steps
        now.epoch, now.step = now.epoch + 1, 0
        _measure(loop, data, target, evaluation, now)
        if settings.patience and int(np.argmin(now.losses)) == len(now.losses) - 1:  # of equal ones the first
            best = loop.weights()
        _keep(checkpoint, loop, now, best)
        kept = now.steps
        stopped = on_epoch(now.epoch, now.losses[-1])
    if best:
        loop.restore_weights(best)
    for variable in loop.model.variables:
        checks.must_be_finite(f"weights of {variable.path}", variable.numpy(), f"after {now.steps} steps")
    done, loss = f"{now.steps} steps", sample_loss()
    checks.must_have_fallen(now.initial_loss, loss, done)
    if now.steps >= _SETTLING_STEPS:
        checks.must_have_learnt(loss, _constant_loss(target, sample.label, counts), done)
    return now


def _constant_loss(target: Target, labels: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    """The loss of the best constant answer: what a model reaches that looks at no feature."""
    return target.loss(labels, np.tile(target.start(labels, weights), (len(labels), 1)), weights)


def _least_loss(target: Target, rows: Rows) -> float:
    """The loss of the best answer for each kind of row: rows that are alike have the same."""
    wide = np.concatenate([matrix.astype(np.float64) for matrix in rows.matrices], axis=1)
    alike = np.unique(wide, axis=0, return_inverse=True)[1]
    shares = [(alike == kind).sum() * _constant_loss(target, rows.label[alike == kind], np.ones((alike == kind).sum()))
              for kind in np.unique(alike)]  # fmt: skip
    return float(sum(shares)) / len(rows)


def _measure(loop: Loop, data: Data, target: Target, evaluation: Rows | None, now: Progress) -> None:
    """Measure every split after an epoch, and note the loss that early stopping looks at."""
    sample = data.train.take(logic.spread(len(data.train), _MEASURED_ROWS))
    splits: dict[str, tuple[Rows | None, npt.NDArray[np.bool_] | None]]
    splits = {"train": (sample, None), "eval": (evaluation, None)}
    if data.watched is not None:
        splits[data.name] = (data.watched, data.watchers)
    measured = {}
    for name, (rows, watchers) in splits.items():
        if rows is not None:
            found = together(loop.predict(rows), watchers)
            checks.must_be_finite("predictions", found, f"for the {name} rows after epoch {now.epoch}")
            measured[name] = {
                "loss": target.loss(rows.label, found),
                **metrics(rows.label, target.scores(found), target.task),
            }
    now.losses.append(measured[data.name]["loss"])
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
