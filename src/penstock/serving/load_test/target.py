"""Where a load test sends to: this machine, unless its user says that another one is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Target:
    """Where to POST."""

    host: str
    port: int
    path: str

    def message(self, body: bytes) -> bytes:
        """A whole request with a JSON body, as it goes over the wire."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def target_of(url: str, *, any_host: bool = False) -> Target:
    """Read a URL.

    Args:
        url: `http`, a host, perhaps a port and a path.
        any_host: Whether hosts beyond this machine are allowed: a load test presses on a service.

    Raises:
        ValueError: It is not `http`, or it is another machine's (caller).

    Example:
        >>> target_of("http://127.0.0.1:8080/v1/models/flights:predict").port
        8080
    """
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        raise ValueError(f"{url}: the port is not a number up to 65535") from None
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url}: only http, as in http://127.0.0.1:8080/v1/models/NAME:predict")
    if parts.hostname not in _LOOPBACK and not any_host:
        raise ValueError(f"{url}: only http on this machine (127.0.0.1, localhost, ::1)")
    return Target(parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
