"""The one call that trains: for the trainer, which does it once, and for whoever searches for the best settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.artifacts.features import FeatureSpec
from penstock.training import calibration, device, folds, logic, network, training
from penstock.training.calibration import Calibration
from penstock.training.checkpoint import Checkpoint
from penstock.training.loop import Loop
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target


@dataclass(frozen=True)
class Fitted:
    """A trained model, and how it came to be."""

    model: Any
    """The network; its `variables` are all that was learnt."""
    target: Target
    calibration: Calibration
    history: list[dict[str, Any]]
    """A line an epoch: `epoch`, `steps`, and for each split (`train`, `eval`, `holdout`) its metrics."""
    losses: list[float]
    """What early stopping looked at, by epoch: the loss of the rows held out, else of the evaluation rows, else of the
    training rows."""
    kept: int
    """The number in `history` of the epoch whose weights were kept."""
    seen: int
    """Rows learnt from, each epoch counting them again [rows]."""
    device: str
    """What it ran on, for people."""

    @property
    def loss(self) -> float:
        """The loss of the epoch whose weights were kept: what a search makes small."""
        return self.losses[self.kept]

    def scores(self, *matrices: Any) -> Any:
        """What is served, as a tensor of shape (n_rows, outputs).

        Args:
            *matrices: The tensors `dense` (float32), `index` and `tokens` (int32), as `Rows` has them.
        """
        import tensorflow as tf

        answers = tf.reduce_mean(network.answers(self.model, matrices, training=False), axis=0)
        if self.target.task == "regression":
            return self.target.graph_within(self.calibration(self.target.graph_scores(answers)))
        return self.target.graph_scores(self.calibration(answers))


def fit(
    settings: TrainingSettings,
    features: FeatureSpec,
    train: Rows,
    evaluation: Rows | None = None,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_epoch: Callable[[int, float], bool] = lambda epoch, loss: False,
) -> Fitted:
    """Train one model. Deterministic: equal arguments give equal models, bit for bit, on the same hardware.

    Args:
        settings: The model and how it is trained.
        features: What the columns of the rows are.
        train: The rows to learn from, and to hold out from.
        evaluation: Rows that are only measured on; early stopping looks at them where no rows are held out.
        checkpoint: A folder that survives a crash and belongs to this very training; None to do without.
        progress: Told the steps done and the steps in all.
        on_epoch: Told the epoch, from 1 on, and the loss that early stopping looks at. True ends the training there.

    Raises:
        BadInput: `model_fn` is not what it must be (author of the pipeline).
        PenstockError: Nothing can be learnt, or nothing was (author of the pipeline).
    """
    used = device.prepare()
    target = Target.fit(settings, train.label)
    data = folds.divide(train, evaluation, settings)
    loop = Loop(network.build(features, settings, data, target), target, settings, train)
    training.check_overfit(loop, data.train, target, settings)
    now = training.train(
        loop,
        data,
        target,
        settings,
        evaluation=evaluation,
        checkpoint=Checkpoint(checkpoint),
        progress=progress,
        on_epoch=on_epoch,
    )
    found = calibration.neutral(target.outputs)
    if settings.calibration == "linear" and data.watched is not None:
        answers = folds.together(loop.predict(data.watched), data.watchers)
        found = calibration.fit(target, data.watched.label, answers)
    kept = int(np.argmin(now.losses)) if settings.patience else len(now.losses) - 1
    seen = logic.rows_seen(now.steps, len(data.train), settings.batch_size)
    return Fitted(loop.model, target, found, now.history, now.losses, kept, seen, used)
