"""One `preprocessing_fn`, whether from declared features or from the author's own code.

Both take dense tensors of shape (n,) with missing values in band, and both are ordinary TensorFlow Transform code: what
analyses them does not know where they came from.
"""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

from components.transform import categories, kinds, numeric, quantile, times
from components.transform.raw_columns import Tensors
from penstock.artifacts.digest import digest_bytes
from penstock.sdk import BadInput

PreprocessingFn = Callable[[Tensors], dict[str, Any]]

_SOURCE_NAME = "<preprocessing_fn>"


def from_source(source: str) -> PreprocessingFn:
    """Load the author's module and return its `preprocessing_fn`.

    Args:
        source: Python source of the pipeline's author. It is executed: it is code of the pipeline, not data.

    Raises:
        BadInput: It is not Python, fails as it loads, or defines no `preprocessing_fn` (author of the pipeline).
    """
    name = "preprocessing_" + digest_bytes(source.encode())[-16:]
    module = types.ModuleType(name)
    try:
        exec(compile(source, _SOURCE_NAME, "exec"), module.__dict__)  # noqa: S102 - the author's own code
    except Exception as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"preprocessing_fn: {type(error).__name__}: {error}{where}") from error
    function = getattr(module, "preprocessing_fn", None)
    if not callable(function):
        raise BadInput("preprocessing_fn: the module defines no function 'preprocessing_fn(inputs)'")
    sys.modules[name] = module  # so that Beam, which pickles functions by reference, finds it again
    return _guarded(function)


def _guarded(function: PreprocessingFn) -> PreprocessingFn:
    """Turn what goes wrong in the author's function into one line that says where."""

    def preprocessing_fn(inputs: Tensors) -> dict[str, Any]:
        try:
            outputs = function(dict(inputs))
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _SOURCE_NAME]
            where = f", line {lines[-1]}" if lines else ""
            text = str(error).strip() or "no message"
            raise BadInput(f"preprocessing_fn{where}: {type(error).__name__}: {text.splitlines()[0]}") from error
        if not isinstance(outputs, dict) or not outputs:
            raise BadInput("preprocessing_fn: must return a dictionary of tensors that is not empty")
        return dict(outputs)

    return preprocessing_fn


def from_features(features: Mapping[str, kinds.Feature]) -> PreprocessingFn:
    """Build the function that the declared features describe."""

    def preprocessing_fn(inputs: Tensors) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for name, feature in sorted(features.items()):
            if type(feature) in _ONE_BY_ONE:
                outputs |= _ONE_BY_ONE[type(feature)](name, feature, inputs)
        for kind, build in _TOGETHER.items():
            outputs |= build({name: feature for name, feature in features.items() if type(feature) is kind}, inputs)
        return outputs

    return preprocessing_fn


_ONE_BY_ONE: dict[type, Callable[[str, Any, Tensors], dict[str, Any]]] = {
    kinds.ZScore: numeric.z_score,
    kinds.MinMax: numeric.min_max,
    kinds.Log: numeric.log,
    kinds.AsIs: numeric.as_is,
    kinds.Cyclic: numeric.cyclic,
    kinds.Time: times.time,
    kinds.Buckets: categories.buckets,
    kinds.Vocabulary: categories.vocabulary,
    kinds.Text: categories.words,
    kinds.Hash: categories.hashed,
    kinds.Cross: categories.cross,
    kinds.Missing: categories.missing,
}

_TOGETHER: dict[type, Callable[[Mapping[str, Any], Tensors], dict[str, Any]]] = {
    kinds.Robust: quantile.robust,
    kinds.Piecewise: quantile.piecewise,
}
