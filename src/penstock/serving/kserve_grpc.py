"""KServe's gRPC service (V2) beside the REST server, in the same process and event loop, on an address of ours."""

from __future__ import annotations

from typing import Any

import grpc
from grpc import aio
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from penstock.serving.kserve_app import BUNDLE_HEADER, MAX_BODY_BYTES


class SayBundle(aio.ServerInterceptor):  # type: ignore[misc]  # gRPC is untyped
    """Say in every answer's trailing metadata which bundle gave it.

    Args:
        digest: The bundle's digest.
    """

    def __init__(self, digest: str) -> None:
        self._metadata = ((BUNDLE_HEADER, digest),)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Have a call answered as it would be, with the metadata."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        async def saying(request: Any, context: Any) -> Any:
            answer = await handler.unary_unary(request, context)
            context.set_trailing_metadata(self._metadata)  # not before: KServe takes what is there for the request's
            return answer

        return grpc.unary_unary_rpc_method_handler(
            saying, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


async def start_grpc(address: str, data_plane: DataPlane, models: ModelRepositoryExtension, digest: str) -> aio.Server:
    """Start answering gRPC.

    Args:
        address: Where to listen: `host:port`.
        data_plane: What answers.
        models: What refuses to load and unload models.
        digest: The bundle's digest; empty for none.

    Raises:
        OSError: It cannot listen there (operator).
    """
    interceptors = [*([SayBundle(digest)] if digest else []), ExceptionToStatusInterceptor()]
    options = [
        ("grpc.max_receive_message_length", MAX_BODY_BYTES),
        ("grpc.max_send_message_length", MAX_BODY_BYTES),
        ("grpc.so_reuseport", 0),  # or two servers would share a port in silence
    ]
    server = aio.server(interceptors=interceptors, options=options)
    servicer = InferenceServicer(data_plane, models)
    grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address} for gRPC: {error}") from None
    if not bound:
        raise OSError(f"cannot listen on {address} for gRPC")
    await server.start()
    return server
