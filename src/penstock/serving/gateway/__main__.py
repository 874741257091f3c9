"""The command that runs the gateway: `python -m penstock.serving.gateway --port P --admin SOCKET`.

SIGTERM and SIGINT drain: no new connections, what was asked is answered, the log is written, exit code 0. A wrong
argument, or a port that is taken, ends it with one line on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from penstock.serving.gateway.admin import Admin
from penstock.serving.gateway.forwarding import Forwarder, Patience, State
from penstock.serving.gateway.http_server import Connection, Handler, Serving
from penstock.serving.gateway.messages import Answer, Request, json_answer, say
from penstock.serving.gateway.metrics import Metrics
from penstock.serving.gateway.recorder import Recorder, RecorderLimits
from penstock.serving.parent import end_with_stdin
from penstock.serving.unix_sockets import with_short_path

if TYPE_CHECKING:
    from penstock.serving.gateway.grpc_proxy import GrpcProxy

_BACKLOG = 2048
_SWEEP_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005
"""How long the log's thread may keep the event loop waiting between two of its steps [s]."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Serve until SIGTERM or SIGINT."""
    options = _parse(sys.argv[1:] if argv is None else argv)
    sys.setswitchinterval(_SWITCH_SECONDS)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two connections for each request that is being answered
    if options.end_with_stdin:
        end_with_stdin()
    listening = _listen(options)
    admin = _listen_for_admin(options.admin)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(options, listening, admin))
        except OSError as error:
            _fail(str(error))
    sys.exit(0)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="penstock.serving.gateway", description="Keep the weights between two model servers."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on")
    parser.add_argument("--fd", type=int, help="a listening socket's file descriptor, instead of host and port")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="the address to answer gRPC on; none without")
    parser.add_argument("--admin", type=Path, required=True, help="the Unix socket on which the route is set")
    parser.add_argument("--log", type=Path, help="the folder of the prediction log; none without")
    parser.add_argument("--log-file-seconds", type=float, default=2.0, help="how long a file of the log is open")
    parser.add_argument("--log-folder-bytes", type=int, default=2 * 1024**3, help="the log's share of the disk")
    parser.add_argument("--answer-seconds", type=float, default=30.0, help="how long a model server may take")
    parser.add_argument("--waiting-seconds", type=float, default=30.0, help="how long a request waits for one")
    parser.add_argument("--end-with-stdin", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(argv)
    if min(options.log_file_seconds, options.answer_seconds) <= 0 or options.waiting_seconds < 0:
        parser.error("times must be greater than 0")
    return options


def _listen(options: argparse.Namespace) -> socket.socket:
    try:
        if options.fd is not None:
            return socket.socket(fileno=options.fd)
        return socket.create_server((options.host, options.port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        _fail(f"cannot listen on {options.host}:{options.port}: {error}")


def _listen_for_admin(path: Path) -> socket.socket:
    """A Unix socket that only this user can open; what a killed gateway left is taken away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        with_short_path(path, listening.bind)
    except OSError as error:
        _fail(f"cannot listen on {path}: {error}")
    finally:
        os.umask(before)
    return listening


async def _serve(options: argparse.Namespace, listening: socket.socket, admin_socket: socket.socket) -> None:
    inode = options.admin.stat().st_ino
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    recorder = None
    if options.log is not None:
        limits = RecorderLimits(file_seconds=options.log_file_seconds, folder_bytes=options.log_folder_bytes)
        recorder = Recorder(options.log, limits)
    patience = Patience(answer_seconds=options.answer_seconds, waiting_seconds=options.waiting_seconds)
    forwarder = Forwarder(State(), recorder, metrics, patience)
    counts = recorder.counts if recorder else None
    metrics.watch(lambda: forwarder.in_flight, lambda: forwarder.waiting, counts)
    public, private = Serving(_public(forwarder, metrics)), Serving(Admin(forwarder, counts).handle)
    servers = [
        await loop.create_server(lambda: Connection(public), sock=listening, backlog=_BACKLOG),
        await loop.create_unix_server(lambda: Connection(private), sock=admin_socket),
    ]
    grpc_server = proxy = None
    if options.grpc is not None:
        from penstock.serving.gateway.grpc_proxy import start_proxy

        grpc_server, proxy = await start_proxy(options.grpc, forwarder, options.answer_seconds)
    gc.collect()
    gc.freeze()  # what is imported stays: the collector need not look at it in the middle of a request
    sweeping = loop.create_task(_sweep(public, forwarder, proxy))
    await stop.wait()
    public.stopping = True
    servers[0].close()
    if grpc_server is not None:
        await grpc_server.stop(options.answer_seconds)
    while public.connections:
        public.sweep()
        await asyncio.sleep(0.02)
    sweeping.cancel()
    servers[1].close()
    if recorder is not None:
        await asyncio.to_thread(recorder.close)
    with suppress(FileNotFoundError):
        if options.admin.stat().st_ino == inode:  # else another gateway listens there by now
            options.admin.unlink()


def _public(forwarder: Forwarder, metrics: Metrics) -> Handler:
    """The gateway's own three pages, and everything else to the model servers."""

    async def handle(request: Request) -> Answer:
        if request.target == b"/metrics":
            return Answer(200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], metrics.text())
        if request.target == b"/healthz":
            return json_answer(200, {"alive": True})
        if request.target == b"/readyz":
            route, backends = forwarder.state.route, forwarder.state.backends
            ready = route is not None and any(e.up for e in backends[route.stable].endpoints)
            return json_answer(200, {"ready": True}) if ready else say(503, "no stable model server is up")
        return await forwarder.handle(request)

    return handle


async def _sweep(public: Serving, forwarder: Forwarder, proxy: GrpcProxy | None) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        public.sweep()
        for backend in forwarder.state.backends.values():
            for endpoint in backend.endpoints:
                endpoint.sweep()
        if proxy is not None:
            await proxy.forget()


def _fail(message: str) -> NoReturn:
    print(f"penstock.serving.gateway: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


if __name__ == "__main__":
    main()
