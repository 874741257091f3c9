"""The side of model servers: kept connections, one request at a time on each, and whether a server is there at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

from penstock.serving.gateway.messages import Answer, Headers

_CONNECT_SECONDS = 2.0
_PROBE_SECONDS = 0.1
"""How often a server that is away is asked whether it is back [s]."""
_PROBE_ANSWER_SECONDS = 2.0
_IDLE_SECONDS = 30.0
"""A connection that was not used for so long is closed: model servers close theirs after 65 s, perhaps just when it is
used again [s]."""
_PROBE = b"GET /v2/health/ready HTTP/1.1\r\nhost: gateway\r\n\r\n"


class NoAnswer(Exception):
    """The server gave no answer. `sent` says whether it may have begun on the request."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class _Connection(asyncio.Protocol):
    """One connection to a model server; it answers one request at a time."""

    def __init__(self, max_answer_bytes: int, on_broken: Callable[[], None] | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._max = max_answer_bytes
        self._on_broken = on_broken
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self.transport is not None and not self.transport.is_closing()

    def ask(self, data: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future gets the answer, or `NoAnswer`."""
        assert self.transport is not None  # noqa: S101
        self._waiter = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(data)
        return self._waiter

    def close(self) -> None:
        """Close it at once."""
        self._on_broken = None
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = cast(asyncio.Transport, transport)  # that of uvloop is none by birth

    def connection_lost(self, exc: Exception | None) -> None:
        """The server went away, perhaps in the middle."""
        self.transport = None
        if self._on_broken is not None:
            self._on_broken()
        self._fail(f"the connection broke: {exc}" if exc else "the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Parse an answer."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"the answer is not HTTP/1.1: {error}")
            self.close()

    def on_message_begin(self) -> None:
        """An answer begins."""
        self._headers, self._body, self._size = [], [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._size += len(body)
        if self._size > self._max:
            self._fail(f"the answer is longer than {self._max:,} bytes")
            self.close()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """An answer is there whole."""
        waiter, self._waiter = self._waiter, None
        answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
        if not self._parser.should_keep_alive():
            self.close()
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)
        else:
            self.close()  # nobody asked

    def _fail(self, why: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(NoAnswer(why, sent=True))


class Endpoint:
    """One process of a model server.

    It is away until it has said that it is ready, and again once a connection broke that nobody here closed: a model
    server takes connections as soon as it starts, and answers when the model is loaded.

    Args:
        host: Its address.
        port: Its port.
        on_change: Called when it is there.
        grpc_address: Where it answers gRPC, as `host:port`; empty where it does not.
        max_answer_bytes: The longest answer that is taken [bytes].
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_change: Callable[[], None],
        *,
        grpc_address: str = "",
        max_answer_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.host, self.port, self.grpc_address = host, port, grpc_address
        self.up = False
        """Whether it is there, for all we know."""
        self.in_flight = 0
        self._on_change = on_change
        self._max = max_answer_bytes
        self._idle: list[_Connection] = []
        self._closed = False
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def ask(self, data: bytes, timeout_seconds: float) -> Answer:
        """Send a request and wait for the whole answer.

        Raises:
            NoAnswer: It is away, it broke off, or it was not in time.
        """
        connection = self._take() or await self._connect()
        self.in_flight += 1
        waiter = connection.ask(data)
        timer = asyncio.get_running_loop().call_later(timeout_seconds, _give_up, waiter, connection, timeout_seconds)
        try:
            answer = await waiter
        except NoAnswer:
            self.mark_away()
            raise
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            timer.cancel()
            self.in_flight -= 1
        if connection.usable and not self._closed:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def sweep(self) -> None:
        """Close connections that were idle for too long."""
        oldest = time.monotonic() - _IDLE_SECONDS
        for connection in [c for c in self._idle if c.idle_since < oldest or not c.usable]:
            self._idle.remove(connection)
            connection.close()

    def close(self) -> None:
        """Take no more; what is in flight is not broken off."""
        self._closed = True
        self._probing.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def mark_away(self) -> None:
        """Ask it no more until it says that it is ready."""
        if self.up and not self._closed:
            self.up = False
            self._probing = asyncio.get_running_loop().create_task(self._probe())

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(self._make, self.host, self.port)
        except (OSError, TimeoutError) as error:
            self.mark_away()
            raise NoAnswer(f"it cannot be reached: {error or 'not in time'}", sent=False) from None
        return connection

    def _make(self) -> _Connection:
        return _Connection(self._max, self.mark_away)

    async def _probe(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            connection: _Connection | None = None
            try:
                async with asyncio.timeout(_PROBE_ANSWER_SECONDS):
                    _, connection = await loop.create_connection(lambda: _Connection(self._max), self.host, self.port)
                    answer = await connection.ask(_PROBE)
                    self.up = answer.status == 200
            except (OSError, TimeoutError, NoAnswer):
                pass
            finally:
                if connection is not None:
                    connection.close()
            if self.up:
                self._on_change()
                return
            await asyncio.sleep(_PROBE_SECONDS)


@dataclass
class Backend:
    """A model server by its name at the gateway: one bundle, one process or several."""

    name: str
    digest: str
    endpoints: list[Endpoint]
    _next: int = field(default=0)

    def tries(self) -> list[Endpoint]:
        """The processes that are up, in turn, another one first each time."""
        self._next = (self._next + 1) % len(self.endpoints)
        return [e for e in self.endpoints[self._next :] + self.endpoints[: self._next] if e.up]

    @property
    def in_flight(self) -> int:
        """Requests that it has not answered yet."""
        return sum(endpoint.in_flight for endpoint in self.endpoints)

    def close(self) -> None:
        """Take no more requests."""
        for endpoint in self.endpoints:
            endpoint.close()


def _give_up(waiter: asyncio.Future[Answer], connection: _Connection, seconds: float) -> None:
    if not waiter.done():
        waiter.set_exception(NoAnswer(f"no answer within {seconds:g} s", sent=True))
    connection.close()
