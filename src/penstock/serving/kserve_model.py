"""The model as KServe sees it, and the reading of requests that it needs. Imports KServe: only the server may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from kserve import InferInput, InferOutput, InferRequest, InferResponse, Model
from kserve.errors import InferenceError, InvalidInput
from kserve.model_repository import ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from kserve.utils.utils import generate_uuid
from pydantic import ValidationError

from penstock.artifacts.features import FeatureType
from penstock.serving.answering import Answered, Answering, Reader
from penstock.serving.binary_tensors import array_of, read_request
from penstock.serving.counting import COUNTS
from penstock.serving.predictor import SCORE, one_line
from penstock.serving.requests import V2_DATATYPES, BadRequest, Columns, Tensor, columns_of_rows, columns_of_tensors

RULES_HEADER = "penstock-rules"
"""Names the rules that changed the answer."""
FALLBACK_HEADER = "penstock-fallback"
"""Says who answered instead of the model, and why."""
_INLINE_ROWS = 256
"""Batches up to this size are scored in the event loop: quicker than handing them over. Larger ones go to a thread, so
that health checks are answered meanwhile."""


@dataclass(frozen=True)
class _Batch:
    columns: Columns | None
    """None where the input does not fit the model; then `instead` answers."""
    request: InferRequest | None
    """The V2 request that it came from; None for V1."""
    read: Reader
    instead: Answered | None = None


@dataclass(frozen=True)
class Serves:
    """What a model server serves."""

    folder: Path
    """The model's folder."""
    rules: Path | None = None
    """The rules between its scores and its answers; None for none."""
    fallback: Path | None = None
    """The folder of the model that answers when the first fails; None for none."""


@dataclass(frozen=True)
class BinaryRequest:
    """A V2 request whose tensors came as bytes."""

    request: InferRequest
    tensors: list[Tensor]


class ScoringModel(Model):  # type: ignore[misc]  # KServe is untyped
    """Answers both protocols with the scores of one SavedModel.

    Ready once it has predicted. V1: `{"predictions": [{"score": 0.25}, ...]}`, for a model of several classes
    `{"score": [0.25, 0.5, 0.25]}`, and null where a rule suppressed it. V2: one output tensor `score`, FP32, of shape
    [rows, 1] or [rows, classes]; the model's metadata names the classes in their order. Headers say which rules changed
    an answer, and who gave it if the model did not. Pickles as its folders, so that worker processes load it
    themselves.
    """

    def __init__(self, name: str, serves: Serves, max_rows: int) -> None:
        super().__init__(name, return_response_headers=True)
        self._serves = serves
        self._max_rows = max_rows
        self._answering: Answering | None = None

    def load(self) -> bool:
        """Load the model and predict once; KServe then reports it as ready."""
        self._answering = Answering(self._serves.folder, self._serves.rules, self._serves.fallback)
        self.ready = True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs for V2's model metadata."""
        return [
            {"name": n, "datatype": V2_DATATYPES[t][0], "shape": [-1]} for n, t in self._loaded.predictor.raw.items()
        ]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The output for V2's model metadata, with the names of its classes where it has any."""
        output: dict[str, Any] = {"name": SCORE, "datatype": "FP32", "shape": [-1, self._loaded.predictor.outputs]}
        task = self._loaded.predictor.task
        if task is not None and task.classes:
            output["parameters"] = {"task": task.kind, "classes": list(task.classes)}
        return [output]

    async def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> _Batch:
        """Read a request of either protocol."""
        request = payload.request if isinstance(payload, BinaryRequest) else payload
        request = request if isinstance(request, InferRequest) else None

        def read(raw: dict[str, FeatureType]) -> Columns:
            if isinstance(payload, BinaryRequest):
                return columns_of_tensors(payload.tensors, raw, max_rows=self._max_rows)
            if request is not None:
                tensors = [Tensor(i.name, i.datatype, i.shape, _data(i, request)) for i in request.inputs]
                return columns_of_tensors(tensors, raw, max_rows=self._max_rows)
            return columns_of_rows(payload, raw, max_rows=self._max_rows)

        try:
            return _Batch(read(self._loaded.predictor.raw), request, read)
        except BadRequest as error:
            instead = self._loaded.for_bad_input(_rows_of(payload, self._max_rows), read)
            if instead is None:
                if request is not None and request.from_grpc:
                    raise InvalidInput(str(error)) from None  # the kind that KServe's gRPC service takes for a mistake
                raise
            return _Batch(None, request, read, instead)

    def validate(self, payload: _Batch) -> _Batch:
        """Nothing more to check: `preprocess` did."""
        return payload

    async def predict(
        self, payload: _Batch, headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None
    ) -> Any:
        """Answer a batch in the protocol that it came in, and say in headers who answered."""
        answered = payload.instead or await self._answer(payload)
        COUNTS.count(self.name, answered)
        said = {}
        if answered.rules:
            said[RULES_HEADER] = ",".join(answered.rules)
        if answered.fallback:
            said[FALLBACK_HEADER] = answered.fallback
        if response_headers is not None:
            response_headers.update(said)
        scores = answered.scores
        if payload.request is None:
            return {"predictions": [{SCORE: value} for value in _plain(scores)]}
        if payload.request.from_grpc:
            output = InferOutput(SCORE, list(scores.shape), "FP32")
            output.set_data_from_numpy(scores, binary_data=True)  # KServe cannot do it itself for more than one value
        else:
            output = InferOutput(SCORE, list(scores.shape), "FP32", scores)
        return InferResponse(
            payload.request.id or generate_uuid(),
            self.name,
            [output],
            parameters=said or None,
            use_binary_outputs=payload.request.use_binary_outputs,
            requested_outputs=payload.request.request_outputs,
        )

    async def _answer(self, payload: _Batch) -> Answered:
        assert payload.columns is not None  # noqa: S101
        rows = len(next(iter(payload.columns.values())))
        answer = partial(self._loaded, payload.columns, payload.read)
        try:
            return answer() if rows <= _INLINE_ROWS else await asyncio.to_thread(answer)
        except Exception as error:  # of a kind that KServe answers by itself: any other closes the client's connection
            raise InferenceError(one_line(error)) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_in_worker, (self.name, self._serves, self._max_rows)

    @property
    def _loaded(self) -> Answering:
        if self._answering is None:
            raise RuntimeError("the model is not loaded")
        return self._answering


def _plain(scores: npt.NDArray[np.float32]) -> list[Any]:
    """Scores as JSON has them: a list of the classes' probabilities, but a plain number where there is one alone.

    A row that a rule suppressed is null.
    """
    suppressed = np.isnan(scores[:, 0])
    values = (scores if scores.shape[1] > 1 else scores[:, 0]).tolist()
    return [None if gone else v for v, gone in zip(values, suppressed, strict=True)] if suppressed.any() else values


def _data(tensor: InferInput, request: InferRequest) -> Any:
    """A tensor's values: as JSON has them, or as arrays where they came over gRPC."""
    if not request.from_grpc:
        return tensor.data
    if tensor._raw_data is not None:
        return array_of(tensor.name, tensor.datatype, tensor._raw_data)
    return np.array(tensor.data, dtype=object if tensor.datatype == "BYTES" else None)


def _rows_of(payload: Any, max_rows: int) -> int:
    """How many rows a request asks for, though they do not fit; 0 where nobody can tell, and for too many."""
    if isinstance(payload, BinaryRequest):
        shape: Any = payload.tensors[0].shape if payload.tensors else [0]
    elif isinstance(payload, InferRequest):
        shape = payload.inputs[0].shape if payload.inputs else [0]
    else:
        instances = payload.get("instances") if isinstance(payload, dict) else None
        shape = [len(instances)] if isinstance(instances, list) else [0]
    rows = shape[0] if shape else 0
    return rows if isinstance(rows, int) and 0 < rows <= max_rows else 0


class StrictDataPlane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, but whatever the client sends ends in an answer that says what is wrong with it."""

    def decode(
        self, body: Any, headers: Any, protocol_version: str = "v1", model_name: str | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Read a body of either protocol, whatever content type the client gave it."""
        headers = dict(headers or {})
        if isinstance(body, bytes) and protocol_version.lower() == "v2":
            return _decode_binary(body, headers, model_name or ""), {}
        if isinstance(body, bytes) and not headers.get("content-type", "").startswith("application/cloudevents"):
            headers.pop("content-type", None)  # a JSON body is JSON by whatever name curl sends it
        if isinstance(body, InferenceRequest):
            _check_words(body)
        if body == b"":
            raise BadRequest("the body is empty")
        try:
            decoded: tuple[Any, dict[str, Any]] = super().decode(body, headers, protocol_version, model_name)
        except InvalidInput:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # of CloudEvents with parts missing
            raise BadRequest(f"the body cannot be read: {error}") from None
        return decoded


class FixedModels(ModelRepositoryExtension):  # type: ignore[misc]
    """The models are given at the start: no client may load or unload one."""

    def __init__(self, models: ModelRepository) -> None:
        super().__init__(models)

    async def load(self, model_name: str) -> None:
        """Refuse."""
        raise NotImplementedError("the models of this server are given when it starts")

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise NotImplementedError("the models of this server are given when it starts")


def _decode_binary(body: bytes, headers: dict[str, str], model_name: str) -> BinaryRequest:
    length = headers.get("inference-header-content-length")
    if length is None:
        raise BadRequest(
            "send JSON as content type application/json, or binary tensors with Inference-Header-Content-Length"
        )
    header, tensors = read_request(body, length)
    try:  # KServe's own model of a request, for what is not tensors
        rest = InferenceRequest.model_validate({**header, "inputs": []})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_words(rest)
    return BinaryRequest(InferRequest.from_inference_request(rest, model_name), tensors)


def _check_words(request: InferenceRequest) -> None:
    """JSON can spell half a character, which no answer could repeat: KServe would fail at writing it."""
    words = [request.id or "", *(tensor.name for tensor in [*request.inputs, *(request.outputs or [])])]
    try:
        " ".join(words).encode()
    except UnicodeEncodeError:
        raise BadRequest("the id or a tensor's name is not valid Unicode") from None


def _load_in_worker(name: str, serves: Serves, max_rows: int) -> ScoringModel:
    from penstock.serving.bundle import digest_of
    from penstock.serving.kserve_app import harden

    harden(digest_of(serves.folder))
    model = ScoringModel(name, serves, max_rows)
    model.load()
    return model
