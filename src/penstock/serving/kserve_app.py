"""What KServe's web application does otherwise here.

It answers bad requests shortly and without tracebacks, reads no endless bodies, and says what classes are called.
"""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from kserve.errors import InvalidInput
from kserve.protocol.rest import v2_endpoints
from kserve.protocol.rest.v2_datamodels import MetadataTensor, ModelMetadataResponse
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from penstock.serving.requests import BadRequest

BUNDLE_HEADER = "penstock-bundle"
"""Names the digest of the bundle that answered."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""A body may be this long [bytes]; longer ones are refused before they are read."""


class Output(MetadataTensor):  # type: ignore[misc]
    """An output in a model's metadata, with `parameters` where it has any: KServe's own form drops them."""

    model_config = ConfigDict(extra="allow")


class ModelMetadata(ModelMetadataResponse):  # type: ignore[misc]
    """A model's metadata; of a model without `parameters` exactly KServe's."""

    outputs: list[Output]


def harden(digest: str = "", *, timings: bool = False) -> None:
    """Add our answers and the limit on bodies to KServe's application, in this process, before it has routes.

    Args:
        digest: The bundle's digest, which every answer then carries in the header `penstock-bundle`; empty for none.
        timings: Whether each request's times are worked out for the log; `/metrics` has them anyway.
    """
    from kserve.model_server import app
    from kserve.protocol.rest.server import RESTServer

    if not timings:
        RESTServer._add_middlewares = lambda *_: None
    v2_endpoints.ModelMetadataResponse = ModelMetadata
    app.add_exception_handler(BadRequest, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_v2)
    app.add_exception_handler(HTTPException, _say)
    app.add_middleware(LimitBody, max_bytes=MAX_BODY_BYTES)
    if digest:
        app.add_middleware(SayBundle, digest=digest)


class LimitBody:
    """Refuse a body that is too long, by its announced length or as it comes in.

    Args:
        app: The ASGI application behind.
        max_bytes: The longest body [bytes].

    Source:
        ASGI specification 3.0, HTTP connection scope.
    """

    def __init__(self, app: Any, max_bytes: int) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a connection on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max:
            await self._too_long(scope, receive, send)
            return
        taken = 0

        async def counting() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max:
                raise InvalidInput(f"the body is longer than {self._max:,} bytes; send it in parts")
            return message

        await self._app(scope, counting, send)

    async def _too_long(self, scope: Any, receive: Any, send: Any) -> None:
        text = f"the body is longer than {self._max:,} bytes; send it in parts"
        await JSONResponse({"error": text}, status_code=400, headers={"connection": "close"})(scope, receive, send)


class SayBundle:
    """Say in every answer which bundle gave it: a process serves one bundle from its first answer to its last.

    Args:
        app: The ASGI application behind.
        digest: The bundle's digest.
    """

    def __init__(self, app: Any, digest: str) -> None:
        self._app = app
        self._header = (BUNDLE_HEADER.encode(), digest.encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a connection on, adding the header."""

        async def saying(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self._header]
            await send(message)

        await self._app(scope, receive, saying)


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _say(_: Request, error: HTTPException) -> JSONResponse:
    """The web framework's own refusals, in the form of all others."""
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _refuse_v2(_: Request, error: RequestValidationError) -> JSONResponse:
    """FastAPI's 422 with a list of findings, as a 400 with one line."""
    findings = [f for f in error.errors() if f.get("type") != "bytes_type"] or list(error.errors())
    place = ".".join(str(part) for part in findings[0]["loc"] if part not in ("body", "InferenceRequest"))
    return JSONResponse({"error": f"{place or 'body'}: {findings[0]['msg']}"}, status_code=400)
