"""Building the network of a training: by configuration, or with the author's own `model_fn`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.features import FeatureSpec
from penstock.training.folds import Data
from penstock.training.rows import places, width
from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target


def build(spec: FeatureSpec, settings: TrainingSettings, data: Data, target: Target) -> Any:
    """Build the network with its initial weights.

    Args:
        spec: The features.
        settings: Kind, widths, members, seed.
        data: The rows: the network starts at their best constant answer, so that no step is spent on finding it.
        target: The task.

    Returns:
        A Keras layer or model. It takes the matrices `dense`, `index` and `tokens`; see `answers` for what it gives.
    """
    import keras

    keras.backend.clear_session()  # names of layers go into the exported graph, and a counter would number them
    keras.utils.set_random_seed(settings.seed)
    if settings.model_fn.strip():
        from penstock.training.author import build_author_model

        return build_author_model(spec, settings, target.outputs)
    from penstock.training.layers import Inputs, Network

    sizes = {name: feature.size for name, feature in spec.transformed.items()}
    inputs = Inputs(
        dense=width(spec, "dense"),
        index=tuple(sizes[name] for name in places(spec, "index")),
        tokens=tuple((place, sizes[name]) for name, place in places(spec, "tokens").items()),
    )
    start: npt.NDArray[np.float32] = target.start(data.train.label, data.weights.mean(axis=1))
    return Network(inputs, settings, start)


def answers(model: Any, matrices: Any, *, training: bool) -> Any:
    """Ask each member.

    Returns:
        A tensor of shape (members, n_rows, outputs): logits, or estimates of the scaled label.
    """
    found = model(list(matrices), training=training)
    return found[None] if len(found.shape) == 2 else found
