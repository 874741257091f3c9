"""What the supervisor says to the gateway, over its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from penstock.sdk import PenstockError
from penstock.serving.gateway.routing import Route
from penstock.serving.unix_sockets import with_short_path

_DRAIN_SECONDS = 40.0


class GatewayAway(PenstockError):
    """The gateway does not answer: it is starting, or was killed."""


class GatewayClient:
    """Sets the route and the backends of a gateway.

    Args:
        path: Its admin socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def state(self) -> dict[str, Any]:
        """What is in effect.

        Raises:
            GatewayAway: It does not answer (try again).
        """
        return self._ask("GET", "/state")

    def set_route(self, route: Route) -> dict[str, Any]:
        """Put a route into effect, as a whole.

        Raises:
            GatewayAway: It does not answer (try again).
            PenstockError: The route names a backend that is not there (caller).
        """
        return self._ask("PUT", "/route", route.model_dump(mode="json"))

    def set_backend(
        self, name: str, digest: str, addresses: Sequence[str], grpc_addresses: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Name a backend, or say where its processes are now.

        Args:
            name: The backend's name.
            digest: The digest of its bundle.
            addresses: Where its processes listen, as `host:port`.
            grpc_addresses: Where they answer gRPC, in the same order; empty where they do not.

        Raises:
            GatewayAway: It does not answer (try again).
        """
        return self._ask(
            "PUT",
            f"/backends/{name}",
            {"digest": digest, "addresses": [*addresses], "grpc_addresses": [*grpc_addresses]},
        )

    def remove_backend(self, name: str) -> dict[str, Any]:
        """Take a backend away, once it has answered what it was asked; harmless where there is none.

        Raises:
            GatewayAway: It does not answer (try again).
            PenstockError: The route names it (caller).
        """
        return self._ask("DELETE", f"/backends/{name}", harmless=HTTPStatus.NOT_FOUND)

    def _ask(self, method: str, target: str, document: Any = None, *, harmless: int = 0) -> dict[str, Any]:
        connection = _UnixConnection(self._path)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, target, body)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise GatewayAway(f"the gateway at {self._path} does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status not in {HTTPStatus.OK, harmless}:
            raise PenstockError(f"the gateway refuses {method} {target}: {found.get('error')}")
        return found


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_DRAIN_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with_short_path(self._path, self.sock.connect)
