"""The command that serves a model: `python -m penstock.serving.server --model-dir DIR --model-name NAME --port P`.

Serves KServe's V1 and V2 REST protocols, with KServe's health and metrics endpoints. It accepts connections only when
the model has predicted once, so a client that connects early waits and is answered as soon as there is something to
say. A model that cannot be served ends it with one line on standard error and exit code 3; a wrong argument with 2.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from penstock.serving.parent import end_with_stdin
from penstock.serving.requests import MAX_ROWS

if TYPE_CHECKING:
    import uvicorn
    from kserve import ModelServer

    from penstock.serving.kserve_model import Serves

DEFAULT_HOST = "0.0.0.0"  # noqa: S104  # in a pod, KServe's proxies come from outside
_APP = "kserve.model_server:app"
_BACKLOG = 2048
_GRPC_ENDING_SECONDS = 10.0
_MODEL_REFUSED = 3
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Serve until SIGTERM or SIGINT."""
    options = _parse(sys.argv[1:] if argv is None else argv)
    sys.argv = sys.argv[:1]  # KServe parses it as its own, at import
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    listening = None
    if options.workers == 1:
        listening = _inherited(options.fd) if options.fd is not None else _listen(options.host, options.port)
    from penstock.serving.predictor import BadModel

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # being asked to stop is no failure
    if options.end_with_stdin:
        end_with_stdin()
    try:
        _serve(options, listening)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BadModel as error:
        _fail(_MODEL_REFUSED, str(error))
    sys.exit(0)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="penstock.serving.server", description="Serve one model by KServe's V1 and V2 REST protocols."
    )
    parser.add_argument(
        "--model-dir", type=Path, required=True, help="a Model artifact, or the model folder of a release bundle"
    )
    parser.add_argument("--model-name", default="model", help="the name in the URL; letters, digits, '.', '_', '-'")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="the address to answer gRPC on (V2); none without")
    parser.add_argument(
        "--host", default=DEFAULT_HOST, help="the address to listen on; 127.0.0.1 for this machine only"
    )
    parser.add_argument("--fd", type=int, help="a listening socket's file descriptor, instead of host and port")
    parser.add_argument("--workers", type=int, default=1, help="processes that answer, each with its own copy")
    parser.add_argument("--max-rows", type=int, default=MAX_ROWS, help="the most rows that one request may hold")
    parser.add_argument("--rules", type=Path, help="rules between its scores and its answers, instead of the bundle's")
    parser.add_argument("--fallback-dir", type=Path, help="the folder of a model that answers when this one fails")
    parser.add_argument("--end-with-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--access-log", action="store_true", help="write a line for each request")
    options = parser.parse_args(argv)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", options.model_name):
        parser.error("--model-name must be letters, digits, '.', '_' and '-'")
    if options.workers < 1 or options.max_rows < 1:
        parser.error("--workers and --max-rows must be at least 1")
    if options.workers > 1 and options.grpc is not None:
        parser.error("--grpc is for one worker")
    if options.workers > 1 and (options.host != DEFAULT_HOST or options.fd is not None):
        parser.error("several workers listen on every address: --host and --fd are for one worker")
    for option, folder in (("--model-dir", options.model_dir), ("--fallback-dir", options.fallback_dir)):
        if folder is not None and not folder.is_dir():
            _fail(2, f"{option}: {folder} is not a folder")
    return options


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before the model is loaded: a taken one should be known at once."""
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        _fail(2, f"cannot listen on {host}:{port}: {error}")


def _inherited(fd: int) -> socket.socket:
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        _fail(2, f"--fd {fd} is not a socket: {error}")


def _serve(options: argparse.Namespace, listening: socket.socket | None) -> None:
    import uvicorn
    from kserve import ModelServer
    from kserve.protocol.rest.server import RESTServer

    from penstock.serving.bundle import digest_of
    from penstock.serving.kserve_app import harden
    from penstock.serving.kserve_model import FixedModels, ScoringModel, StrictDataPlane

    server = ModelServer(
        http_port=options.port, workers=options.workers, enable_grpc=False, enable_latency_logging=options.access_log
    )
    _quiet(options.access_log)
    server.dataplane = StrictDataPlane(server.registered_models)
    server.model_repository_extension = FixedModels(server.registered_models)
    model = ScoringModel(options.model_name, _serves(options), options.max_rows)
    model.load()
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not look at it in the middle of a request
    harden(digest_of(options.model_dir.resolve()), timings=options.access_log)
    if listening is None:
        from penstock.serving.kserve_workers import be_patient

        be_patient()
        server.start([model])
        return
    server.register_model(model)
    rest = RESTServer(_APP, server.dataplane, server.model_repository_extension, options.port)
    rest.create_application()
    answering = uvicorn.Server(rest.config)
    if options.grpc is None:
        answering.run(sockets=[listening])
        return
    with asyncio.Runner(loop_factory=rest.config.get_loop_factory()) as runner:
        try:
            runner.run(_serve_both(answering, listening, server, options))
        except OSError as error:
            _fail(1, str(error))  # the port for gRPC, which another process was quicker to take


async def _serve_both(
    answering: uvicorn.Server, listening: socket.socket, server: ModelServer, options: argparse.Namespace
) -> None:
    """REST and gRPC in one event loop: both end when REST is told to."""
    from penstock.serving.bundle import digest_of
    from penstock.serving.kserve_grpc import start_grpc

    digest = digest_of(options.model_dir.resolve())
    grpc = await start_grpc(options.grpc, server.dataplane, server.model_repository_extension, digest)
    await answering.serve(sockets=[listening])
    await grpc.stop(_GRPC_ENDING_SECONDS)


def _serves(options: argparse.Namespace) -> Serves:
    """The model with its rules: those that are named, else those of the bundle that it is in."""
    from penstock.artifacts.bundle import RULES_FILE
    from penstock.serving.bundle import digest_of
    from penstock.serving.kserve_model import Serves

    folder = options.model_dir.resolve()
    rules = options.rules
    if rules is None and digest_of(folder) and (folder.parent / RULES_FILE).is_file():
        rules = folder.parent / RULES_FILE
    return Serves(folder, rules, options.fallback_dir)


def _quiet(access_log: bool) -> None:
    """Two log lines for each request cost more than a small model's prediction."""
    logging.getLogger("kserve").setLevel(logging.WARNING)
    if not access_log:
        logging.getLogger("kserve.trace").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


def _fail(code: int, message: str) -> NoReturn:
    print(f"penstock.serving: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
