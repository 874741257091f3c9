"""A client's connection that costs little: HTTP/1.1, one request at a time, as little parsed as can be.

A client that costs more than the server measures itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from penstock.serving.load_test.target import Target

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    bundle: str
    """The digest in the header `penstock-bundle`; empty without one."""


class Broken(Exception):
    """The connection ended before the answer was there whole, or what came is not HTTP/1.1 with a length."""


class Connection(asyncio.Protocol):
    """One connection; open it by `connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._data = bytearray()
        self._whole = -1
        self._reply = Reply(0, "")
        self._closes = False

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: bytes) -> asyncio.Future[Reply]:
        """Send a request; the future gets the reply, or `Broken`."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._fail("the connection was closed")
            raise Broken("the connection was closed")
        self._transport.write(message)
        return self._waiter

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._transport = None
        self._fail(f"the connection broke: {exc}" if exc else "the connection was closed before the answer")

    def data_received(self, data: bytes) -> None:
        """Wait for the head, then for as many bytes as it announces."""
        self._data += data
        if self._whole < 0:
            end = self._data.find(_END_OF_HEAD)
            if end < 0:
                return
            try:
                self._read_head(bytes(self._data[:end]), end + len(_END_OF_HEAD))
            except (ValueError, IndexError):
                self._fail("the answer is not HTTP/1.1 with a length")
                self.close()
                return
        if len(self._data) < self._whole:
            return
        del self._data[: self._whole]
        self._whole = -1
        waiter, self._waiter = self._waiter, None
        if self._closes:
            self.close()
        if waiter is not None and not waiter.done():
            waiter.set_result(self._reply)

    def _read_head(self, head: bytes, length: int) -> None:
        lines = head.split(b"\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        status = int(lines[0].split()[1])
        if b"content-length" not in headers and status not in {204, 304}:
            raise ValueError("no length")
        self._whole = length + int(headers.get(b"content-length", b"0"))
        self._closes = headers.get(b"connection", b"").lower() == b"close"
        self._reply = Reply(status, headers.get(b"penstock-bundle", b"").decode("latin-1"))

    def _fail(self, why: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Broken(why))


async def connect(target: Target) -> Connection:
    """Open a connection.

    Raises:
        OSError: Nobody listens there.
    """
    _, connection = await asyncio.get_running_loop().create_connection(Connection, target.host, target.port)
    return connection
