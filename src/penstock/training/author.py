"""The author's own network: a module with `model_fn`, instead of the network by configuration."""

from __future__ import annotations

import traceback
import types
from collections.abc import Callable
from typing import Any

from penstock.artifacts.features import FeatureSpec
from penstock.sdk import BadInput
from penstock.training.rows import KINDS, places, width
from penstock.training.settings import TrainingSettings

_SOURCE_NAME = "<model_fn>"


def load(source: str) -> Callable[..., Any]:
    """Load the author's module and return its `model_fn`.

    Args:
        source: Python source of the pipeline's author. It is executed: it is code of the pipeline, not data.

    Raises:
        BadInput: It is not Python, fails as it loads, or defines no `model_fn` (author of the pipeline).
    """
    module = types.ModuleType("author_model")
    try:
        exec(compile(source, _SOURCE_NAME, "exec"), module.__dict__)  # noqa: S102 - the author's own code
    except Exception as error:
        raise _one_line(error) from error
    function: Callable[..., Any] | None = getattr(module, "model_fn", None)
    if function is None or not callable(function):
        raise BadInput("model_fn: the module defines no function 'model_fn(inputs, features, settings)'")
    return function


def build_author_model(spec: FeatureSpec, settings: TrainingSettings, outputs: int) -> Any:
    """Call `model_fn` and wrap what it makes, so that it takes the matrices that every network takes.

    Args:
        spec: The features.
        settings: Its `model_fn`; the author's function is given all settings to use as it likes.
        outputs: Numbers that each row's answer must have.

    Raises:
        BadInput: The function fails, or its answer has another shape (author of the pipeline).
    """
    import keras

    function = load(settings.model_fn)
    kinds = {"dense": "float32", "index": "int32", "tokens": "int32"}
    matrices = [keras.Input((width(spec, kind),), name=f"{kind}_columns", dtype=kinds[kind]) for kind in KINDS]
    inputs = {}
    for kind, matrix in zip(KINDS, matrices, strict=True):
        for name, place in places(spec, kind).items():
            inputs[name] = matrix[:, place.start] if kind == "index" else matrix[:, place]
    try:
        answer = function(inputs, dict(spec.transformed), settings)
        shape = tuple(answer.shape)
    except Exception as error:
        raise _one_line(error) from error
    if shape != (None, outputs):
        raise BadInput(f"model_fn: must return a tensor of shape (n, {outputs}), it has {shape}")
    return keras.Model(matrices, answer, name="network")


def _one_line(error: Exception) -> BadInput:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _SOURCE_NAME]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = (str(error).strip() or "no message").splitlines()[0]
    return BadInput(f"model_fn{f', line {line}' if line else ''}: {type(error).__name__}: {text}")
