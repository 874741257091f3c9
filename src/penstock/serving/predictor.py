"""A SavedModel as a function from raw columns to scores. The only module that touches TensorFlow.

It runs in a session, as in TensorFlow Serving: the graph is optimised once, and a call costs a tenth of what it costs
TensorFlow's eager mode, which looks at each of its inputs in Python.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from penstock.artifacts.features import FEATURES_FILE, MISSING, FeatureSpec, FeatureType
from penstock.artifacts.task import TASK_FILE, Task
from penstock.serving.requests import Columns, columns_of_rows

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
"""Imported, TensorFlow imports the Keras that is asked for here, if it is installed. With servers it is not: a model of
ours needs none, and half a second and what hangs on Keras are saved."""

_Document = TypeVar("_Document", bound=BaseModel)

SIGNATURE = "serve_tensors"
SCORE = "score"
_SAVED_MODEL_FOLDERS = ("saved_model", "1")
"""In the Model artifact, and in a release bundle's `model/`, where serving programs look for a version number."""


class BadModel(Exception):
    """The model cannot be served; the message says why, in one line."""


class Predictor:
    """A loaded model: raw columns in, scores out.

    Args:
        folder: A Model artifact, or the `model` folder of a release bundle.

    Raises:
        BadModel: It does not load, or is not a model of ours (operator).
    """

    def __init__(self, folder: Path) -> None:
        self.raw: dict[str, FeatureType] = _read_features(folder).raw
        self.task: Task | None = _read_task(folder)
        """What it answers; None for a model from before models said so, which has one number a row."""
        self.outputs: int = self.task.outputs if self.task else 1
        """How many numbers a row's score has."""
        self._run, self._dtypes = _load(_saved_model(folder), self.raw)

    def __call__(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Score rows.

        Args:
            columns: One array per raw feature, shape (n_rows,), missing values in band.

        Returns:
            Shape (n_rows, outputs), float32: the probability of the positive class, of each class, or the estimate.
            Finite.

        Raises:
            BadModel: The model puts out something else (whoever trained it).
        """
        inputs = [np.asarray(columns[name], dtype) for name, dtype in self._dtypes.items()]
        scores: npt.NDArray[np.float32] = self._run(*inputs)[0]
        rows = len(next(iter(columns.values())))
        wanted = (rows, self.outputs)
        if scores.shape != wanted and (scores.shape, self.outputs) != ((rows,), 1):
            raise BadModel(f"the model puts out scores of shape {scores.shape} for {rows} rows, not {wanted}")
        scores = scores.reshape(wanted)
        if not np.isfinite(scores).all():
            row, output = np.argwhere(~np.isfinite(scores))[0].tolist()
            raise BadModel(f"the model's score for row {row} is {scores[row, output]}")
        return scores

    def warm_up(self, folder: Path) -> None:
        """Predict once, one row and a batch, so that the first client waits for nothing.

        The rows are the model's own golden rows where it has them, else one row with every value missing.

        Raises:
            BadModel: The prediction fails (whoever trained it).
        """
        try:
            golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))["rows"]
            columns = columns_of_rows({"instances": golden[:32]}, self.raw)
        except (OSError, ValueError, KeyError, TypeError):
            columns = {name: np.array([MISSING[type_]], dtype=_NUMPY_TYPES[type_]) for name, type_ in self.raw.items()}
        try:
            self({name: values[:1] for name, values in columns.items()})
            self(columns)
        except BadModel:
            raise
        except Exception as error:  # TensorFlow raises many kinds; each of them means that the model cannot predict
            raise BadModel(f"the model does not predict: {one_line(error)}") from error


_NUMPY_TYPES: dict[FeatureType, Any] = {"string": object, "float": np.float32, "int": np.int64}


def _saved_model(folder: Path) -> Path:
    for name in _SAVED_MODEL_FOLDERS:
        if (folder / name / "saved_model.pb").is_file():
            return folder / name
    raise BadModel(
        f"{folder} holds no SavedModel: looked for {' and '.join(_SAVED_MODEL_FOLDERS)}/saved_model.pb in it"
    )


def _read_features(folder: Path) -> FeatureSpec:
    path = folder / FEATURES_FILE
    try:
        spec = _read(path, FeatureSpec)
    except FileNotFoundError:
        raise BadModel(f"{folder} lacks {FEATURES_FILE}: it is not a model of Penstock's") from None
    if not spec.raw:
        raise BadModel(f"{path} names no raw features")
    return spec


def _read_task(folder: Path) -> Task | None:
    path = folder / TASK_FILE
    try:
        task = _read(path, Task)
    except FileNotFoundError:
        return None
    if task.kind == "multiclass" and len(task.classes) < 2:
        raise BadModel(f"{path}: a multiclass model has at least two classes; it names {len(task.classes)}")
    return task


def _read(path: Path, kind: type[_Document]) -> _Document:
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadModel(f"{path}: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from None


def _load(path: Path, raw: dict[str, FeatureType]) -> tuple[Callable[..., Any], dict[str, npt.DTypeLike]]:
    """The signature as a function of its inputs in an order of its own, and what they are."""
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2

    v1 = tf.compat.v1
    # In the thread that calls: handing a small graph's operations to others takes longer than they do.
    config = v1.ConfigProto(inter_op_parallelism_threads=-1, allow_soft_placement=True)
    session = v1.Session(graph=tf.Graph(), config=config)
    tf.get_logger().setLevel("ERROR")  # it calls itself deprecated
    try:
        with session.graph.as_default():
            signatures = v1.saved_model.load(session, ["serve"], str(path)).signature_def
    except Exception as error:  # truncated, of another version, an operation that is not there: all mean the same
        raise BadModel(f"{path} does not load: {one_line(error)}") from error
    if SIGNATURE not in signatures:
        names = ", ".join(sorted(name for name in signatures if not name.startswith("__")))
        raise BadModel(f"{path} has no signature {SIGNATURE!r}; it has {names or 'none'}")
    signature = signatures[SIGNATURE]
    inputs = set(signature.inputs)
    if inputs != raw.keys():
        odd = sorted(inputs ^ raw.keys())[0]
        raise BadModel(f"{path}: signature {SIGNATURE!r} and {FEATURES_FILE} disagree about feature {odd!r}")
    if SCORE not in signature.outputs:
        raise BadModel(f"{path}: signature {SIGNATURE!r} puts out no {SCORE!r}")
    options = config_pb2.CallableOptions(
        feed=[signature.inputs[name].name for name in raw], fetch=[signature.outputs[SCORE].name]
    )
    dtypes = {name: tf.as_dtype(signature.inputs[name].dtype).as_numpy_dtype for name in raw}
    return session._make_callable_from_options(options), dtypes


def one_line(error: BaseException) -> str:
    """Say what went wrong, shortly: TensorFlow's messages are pages."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
