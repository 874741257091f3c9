"""The model as KServe sees it, and the reading of requests that it needs. Imports KServe: only the server may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model
from kserve.errors import InvalidInput
from kserve.model_repository import ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from kserve.utils.utils import generate_uuid
from pydantic import ValidationError

from penstock.serving.binary_tensors import read_request
from penstock.serving.predictor import SCORE, Predictor
from penstock.serving.requests import V2_DATATYPES, BadRequest, Columns, Tensor, columns_of_rows, columns_of_tensors

_INLINE_ROWS = 256
"""Batches up to this size are scored in the event loop: quicker than handing them over. Larger ones go to a thread, so
that health checks are answered meanwhile."""


@dataclass(frozen=True)
class _Batch:
    columns: Columns
    request: InferRequest | None
    """The V2 request that it came from; None for V1."""


@dataclass(frozen=True)
class BinaryRequest:
    """A V2 request whose tensors came as bytes."""

    request: InferRequest
    tensors: list[Tensor]


class ScoringModel(Model):  # type: ignore[misc]  # KServe is untyped
    """Answers both protocols with the scores of one SavedModel.

    Ready once it has predicted. V1: `{"predictions": [{"score": 0.25}, ...]}`, for a model of several classes
    `{"score": [0.25, 0.5, 0.25]}`. V2: one output tensor `score`, FP32, of shape [rows, 1] or [rows, classes]; the
    model's metadata names the classes in their order. Pickles as its folder, so that worker processes load it
    themselves.
    """

    def __init__(self, name: str, folder: Path, max_rows: int) -> None:
        super().__init__(name)
        self._folder = folder
        self._max_rows = max_rows
        self._predictor: Predictor | None = None

    def load(self) -> bool:
        """Load the model and predict once; KServe then reports it as ready."""
        predictor = Predictor(self._folder)
        predictor.warm_up(self._folder)
        self._predictor = predictor
        self.ready = True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs for V2's model metadata."""
        return [{"name": n, "datatype": V2_DATATYPES[t][0], "shape": [-1]} for n, t in self._loaded.raw.items()]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The output for V2's model metadata, with the names of its classes where it has any."""
        output: dict[str, Any] = {"name": SCORE, "datatype": "FP32", "shape": [-1, self._loaded.outputs]}
        task = self._loaded.task
        if task is not None and task.classes:
            output["parameters"] = {"task": task.kind, "classes": list(task.classes)}
        return [output]

    async def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> _Batch:
        """Read a request of either protocol."""
        raw = self._loaded.raw
        if isinstance(payload, BinaryRequest):
            columns = columns_of_tensors(payload.tensors, raw, max_rows=self._max_rows)
            return _Batch(columns, payload.request)
        if isinstance(payload, InferRequest):
            tensors = [Tensor(i.name, i.datatype, i.shape, i.data) for i in payload.inputs]
            return _Batch(columns_of_tensors(tensors, raw, max_rows=self._max_rows), payload)
        return _Batch(columns_of_rows(payload, raw, max_rows=self._max_rows), None)

    def validate(self, payload: _Batch) -> _Batch:
        """Nothing more to check: `preprocess` did."""
        return payload

    async def predict(
        self, payload: _Batch, headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None
    ) -> Any:
        """Score a batch and answer in the protocol that it came in."""
        rows = len(next(iter(payload.columns.values())))
        score = partial(self._loaded, payload.columns)
        scores = score() if rows <= _INLINE_ROWS else await asyncio.to_thread(score)
        if payload.request is None:
            # A list of the classes' probabilities, but a plain number where there is one alone.
            values = scores if scores.shape[1] > 1 else scores[:, 0]
            return {"predictions": [{SCORE: value} for value in values.tolist()]}
        output = InferOutput(SCORE, list(scores.shape), "FP32", scores)
        return InferResponse(
            payload.request.id or generate_uuid(),
            self.name,
            [output],
            use_binary_outputs=payload.request.use_binary_outputs,
            requested_outputs=payload.request.request_outputs,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_in_worker, (self.name, self._folder, self._max_rows)

    @property
    def _loaded(self) -> Predictor:
        if self._predictor is None:
            raise RuntimeError("the model is not loaded")
        return self._predictor


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


def _load_in_worker(name: str, folder: Path, max_rows: int) -> ScoringModel:
    from penstock.serving.bundle import digest_of
    from penstock.serving.kserve_app import harden

    harden(digest_of(folder))
    model = ScoringModel(name, folder, max_rows)
    model.load()
    return model
