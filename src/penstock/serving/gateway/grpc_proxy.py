"""gRPC through the gateway: bytes in, bytes out, by the same route, retries, mirrors and log as HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import grpc
from grpc import aio

from penstock.serving.gateway.forwarding import Forwarder
from penstock.serving.gateway.messages import GRPC_INFER, SHADOW, Answer, Request
from penstock.serving.gateway.upstream import Endpoint, NoAnswer

_SERVICE = "/inference.GRPCInferenceService/"
_CODE, _DETAILS = b"grpc-status", b"grpc-message"
_HTTP_OF = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
_CODE_OF = {400: grpc.StatusCode.INVALID_ARGUMENT, 502: grpc.StatusCode.UNAVAILABLE, 503: grpc.StatusCode.UNAVAILABLE}
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)
_OPTIONS = [("grpc.max_receive_message_length", 2**26), ("grpc.max_send_message_length", 2**26)]
_CHANNEL_OPTIONS = [*_OPTIONS, ("grpc.max_reconnect_backoff_ms", 1000)]
_CONNECTING_SECONDS = 2.0
_READY = grpc.ChannelConnectivity.READY
_REFUSED = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)


class GrpcProxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC is untyped
    """Answers KServe's gRPC service by the model servers of a forwarder.

    Args:
        forwarder: Leads requests.
        answer_seconds: How long one try may take [s].
    """

    def __init__(self, forwarder: Forwarder, answer_seconds: float) -> None:
        self._forwarder = forwarder
        self._answer_seconds = answer_seconds
        self._channels: dict[str, aio.Channel] = {}

    def service(self, handler_call_details: Any) -> Any:
        """A handler for a method of the service; None for others."""
        method = handler_call_details.method
        if not method.startswith(_SERVICE):
            return None
        metadata = list(handler_call_details.invocation_metadata or ())
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, method, metadata))

    async def _answer(self, method: str, metadata: list[Any], data: bytes, context: Any) -> bytes:
        headers = [(name.encode(), value.encode()) for name, value in metadata if isinstance(value, str)]
        # All methods but the one that predicts only ask: they may be repeated, and are not logged.
        verb = b"POST" if method == GRPC_INFER.decode() else b"GET"
        request = Request(verb, method.encode(), headers, data, time.time())
        answer = await self._forwarder.handle(request, self._asking(request, method, data))
        said = [(n.decode(), v.decode("latin-1")) for n, v in answer.headers if n not in (_CODE, _DETAILS)]
        context.set_trailing_metadata(tuple((n, v) for n, v in said if n != "content-type"))
        if answer.status != 200:
            code = int(answer.header(_CODE) or -1)
            status = next((s for s in grpc.StatusCode if s.value[0] == code), None)
            details = answer.header(_DETAILS) or answer.body
            await context.abort(status or _CODE_OF.get(answer.status, grpc.StatusCode.INTERNAL), details.decode())
        return answer.body

    def _asking(self, request: Request, method: str, data: bytes) -> Callable[[Endpoint, bool], Awaitable[Answer]]:
        async def ask(endpoint: Endpoint, shadow: bool) -> Answer:
            channel = await self._connected(endpoint)
            metadata = [("ce-id", request.id), ("x-request-id", request.id)]
            call = channel.unary_unary(method)(
                data,
                metadata=[*metadata, (SHADOW.decode(), "1")] if shadow else metadata,
                timeout=self._answer_seconds,
            )
            endpoint.in_flight += 1
            try:
                body = await call
            except aio.AioRpcError as error:
                if error.code() in _AWAY:
                    endpoint.mark_away()
                    raise NoAnswer(f"{error.code().name}: {error.details()}", sent=True) from None
                headers = [(_CODE, str(error.code().value[0]).encode()), (_DETAILS, (error.details() or "").encode())]
                return Answer(_HTTP_OF.get(error.code(), 500), headers, (error.details() or "").encode())
            finally:
                endpoint.in_flight -= 1
            trailing = await call.trailing_metadata()
            return Answer(200, [(n.encode(), v.encode()) for n, v in trailing or () if isinstance(v, str)], body)

        return ask

    async def _connected(self, endpoint: Endpoint) -> aio.Channel:
        """A channel on which a request is sent at once.

        Raises:
            NoAnswer: It cannot be reached; the request is as good as new.
        """
        if not endpoint.grpc_address:
            raise NoAnswer("it does not speak gRPC", sent=False)
        channel = self._channels.get(endpoint.grpc_address)
        if channel is None:
            channel = aio.insecure_channel(endpoint.grpc_address, options=_CHANNEL_OPTIONS)
            self._channels[endpoint.grpc_address] = channel
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONNECTING_SECONDS):
                while (state := channel.get_state(try_to_connect=True)) is not _READY and state not in _REFUSED:
                    await channel.wait_for_state_change(state)
        if channel.get_state() is not _READY:
            endpoint.mark_away()
            raise NoAnswer("it cannot be reached", sent=False)
        return channel

    async def forget(self) -> None:
        """Close the channels to model servers that are gone."""
        known = {e.grpc_address for b in self._forwarder.state.backends.values() for e in b.endpoints}
        for address in self._channels.keys() - known:
            await self._channels.pop(address).close(grace=None)


async def start_proxy(address: str, forwarder: Forwarder, answer_seconds: float) -> tuple[aio.Server, GrpcProxy]:
    """Start answering gRPC at an address.

    Raises:
        OSError: It cannot listen there (operator).
    """
    server = aio.server(options=[*_OPTIONS, ("grpc.so_reuseport", 0)])
    proxy = GrpcProxy(forwarder, answer_seconds)
    server.add_generic_rpc_handlers((proxy,))
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address} for gRPC: {error}") from None
    if not bound:
        raise OSError(f"cannot listen on {address} for gRPC")
    await server.start()
    return server, proxy
