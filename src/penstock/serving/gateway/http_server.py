"""The side of clients: HTTP/1.1 read whole requests at a time, within limits, answered in their order."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

from penstock.serving.gateway.messages import Answer, Headers, Request, say

_LINGER_SECONDS = 2.0
Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True)
class Limits:
    """What clients may ask of the gateway's memory and patience."""

    body_bytes: int = 64 * 1024 * 1024
    """The longest body of a request [bytes]."""
    head_bytes: int = 64 * 1024
    """The longest head of a request [bytes]."""
    held_bytes: int = 256 * 1024 * 1024
    """Bodies that are held at once, of all clients together [bytes]; more are refused with 503."""
    connections: int = 4096
    """Connections at once; more are closed at once."""
    idle_seconds: float = 75.0
    """A connection without a request is closed after this time [s]."""
    reading_seconds: float = 60.0
    """A request must be there whole after this time [s]."""


@dataclass
class Serving:
    """What all connections of one server share."""

    handler: Handler
    limits: Limits = Limits()
    connections: set[Connection] = field(default_factory=set)
    held_bytes: int = 0
    stopping: bool = False

    def sweep(self) -> None:
        """Close the connections that have been still for too long, or all that wait for nothing when stopping."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.close_if_still(now, at_once=self.stopping)


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._writable: asyncio.Event | None = None
        self._since = time.monotonic()
        self._reading = False
        self._refused = False
        self._held = 0
        self._head_bytes = 0
        self._target = b""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._body_bytes = 0

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or close it where there are too many."""
        self._transport = cast(asyncio.Transport, transport)  # that of uvloop is none by birth
        if len(self._serving.connections) >= self._serving.limits.connections or self._serving.stopping:
            self._refuse(say(503, "there are too many connections"))
            return
        self._serving.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._transport = None
        self._serving.connections.discard(self)
        self._waiting.clear()
        self._let_go(self._held)
        if self._writable is not None:
            self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse; what cannot be parsed is refused and ends the connection."""
        if self._refused:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(say(400, "this server does not upgrade connections"))
        except httptools.HttpParserError as error:
            if not self._refused:
                self._refuse(say(400, f"the request is not HTTP/1.1: {error}"))

    def pause_writing(self) -> None:
        """The client is slow: the next answer waits."""
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # What the parser tells.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._reading, self._since = True, time.monotonic()
        self._head_bytes, self._target, self._headers, self._body, self._body_bytes = 0, b"", [], [], 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one of a chunked body's trailer."""
        self._count_head(len(name) + len(value))
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Refuse a body that says that it is too long, before it comes."""
        announced = next((value for name, value in self._headers if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > self._serving.limits.body_bytes:
            self._too_long()
        elif any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers):
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        self._held += len(body)
        self._serving.held_bytes += len(body)
        if self._body_bytes > self._serving.limits.body_bytes:
            self._too_long()
        elif self._serving.held_bytes > self._serving.limits.held_bytes:
            self._refuse(say(503, "too much is being asked at once; try again later"))
        elif not self._refused:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is there whole."""
        self._reading, self._since = False, time.monotonic()
        if self._refused:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(self._parser.get_method(), self._target, self._headers, body, time.time())
        self._waiting.append((request, self._parser.should_keep_alive()))
        if len(self._waiting) > 4 and self._transport is not None:
            self._transport.pause_reading()
        if not self._busy:
            self._busy = True
            task = asyncio.get_running_loop().create_task(self._answer_all())
            task.add_done_callback(_report)

    # Answering.

    async def _answer_all(self) -> None:
        while self._waiting and not self._refused:
            request, keep_alive = self._waiting.popleft()
            try:
                answer = await self._serving.handler(request)
            except Exception as error:
                _complain(error)
                answer = say(500, "the gateway failed")
            self._let_go(len(request.body))
            keep_alive = keep_alive and not self._serving.stopping
            self._write(answer.encode(close=not keep_alive, bodyless=request.method == b"HEAD"))
            if not keep_alive:
                self._refused = True
                self._close()
                break
            if self._writable is not None:
                await self._writable.wait()
            if self._transport is not None and not self._waiting:
                self._transport.resume_reading()
        self._busy, self._since = False, time.monotonic()

    def close_if_still(self, now: float, *, at_once: bool) -> None:
        """Close it when nothing has come for too long."""
        if self._busy:
            return
        limits = self._serving.limits
        allowed = limits.reading_seconds if self._reading else limits.idle_seconds
        if now - self._since > allowed or (at_once and not self._reading):
            self._close()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._serving.limits.head_bytes:
            self._refuse(say(431, "the head of the request is too long"))

    def _too_long(self) -> None:
        self._refuse(say(413, f"the body is longer than {self._serving.limits.body_bytes:,} bytes; send it in parts"))

    def _refuse(self, answer: Answer) -> None:
        """Say no once and end the connection; what is being answered is abandoned with it."""
        if not self._refused:
            self._refused = True
            self._body = []
            self._let_go(self._held)
            self._write(answer.encode(close=True))
            if self._transport is not None:
                # What the client is still sending is read and thrown away, or it would never see the answer.
                self._transport.write_eof()
                asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._close)

    def _let_go(self, size: int) -> None:
        size = min(size, self._held)  # a connection that was lost has let go of everything
        self._held -= size
        self._serving.held_bytes -= size

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _complain(error)


def _complain(error: BaseException) -> None:
    print(f"penstock.serving.gateway: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
