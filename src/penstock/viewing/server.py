"""`penstock ui`: the local pages as a server, from opening its port to ending quietly."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock.lineage.port import LineageStore
from penstock.sdk import BadInput, PenstockError
from penstock.viewing.server_guard import Guard
from penstock.viewing.server_lineage import LineageThread
from penstock.viewing.server_routes import Site

HOST = "127.0.0.1"
"""The only address that it listens on: the pages are for the person at this machine."""
_BACKLOG = 64
_GRACE_SECONDS = 2


@dataclass(frozen=True)
class Source:
    """Where the pages come from."""

    home: Path
    """The state folder."""
    open_lineage: Callable[[], LineageStore]
    """Opens its lineage; called once in each thread that asks."""
    alive: Callable[[str], bool]
    """Whether a run that says `running` still does."""


def serve(source: Source, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the local pages until Ctrl-C.

    Args:
        source: Where they come from.
        port: The TCP port on the loopback interface; 0 for any that is free.
        on_ready: Told the address, once a browser may ask.

    Raises:
        BadInput: The port is in use or may not be opened, or nothing has run there yet (caller).
        PenstockError: The lineage cannot be opened (operator).
    """
    import uvicorn

    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(open_port(port))
        lineage = LineageThread(source.open_lineage, source.alive)
        stack.callback(lineage.close)
        reports = LineageThread(source.open_lineage, source.alive)
        stack.callback(reports.close)
        lineage.ask_now(lambda known: known.index.refresh())
        number = listening.getsockname()[1]
        site = Site(source.home, lineage, reports)
        hosts = frozenset({f"{HOST}:{number}", f"localhost:{number}"})
        config = uvicorn.Config(
            Guard(site.app(), hosts),
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        on_ready(f"http://{HOST}:{number}/")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends in good order, and then hands Ctrl-C on
            uvicorn.Server(config).run(sockets=[listening])


def open_port(port: int) -> socket.socket:
    """Listen on the loopback interface.

    Raises:
        BadInput: The port is in use, or needs rights that this user has not (caller).
        PenstockError: It cannot be opened for another reason (operator).
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                f"port {port} on {HOST} is in use", "Name another with --port, or 0 for any that is free"
            ) from None
        if error.errno == errno.EACCES:
            raise BadInput(f"port {port} needs rights that you have not", "Name one above 1023 with --port") from None
        raise PenstockError(f"port {port} on {HOST} cannot be opened: {error.strerror}") from None
    return listening
