"""Serve the model in the serving environment, compare its answers, and measure it."""

from __future__ import annotations

import socket
import time
from contextlib import closing

from components.infra_validator import logic, measure
from components.infra_validator.client import NAME, Client
from components.infra_validator.logic import Golden
from components.infra_validator.process import Child
from components.infra_validator.spec import SPEC, InfraValidatorParams
from penstock.artifacts import InfraBlessing, Model, Reason, digest_tree
from penstock.artifacts.base import Scalar
from penstock.artifacts.bundle import RULES_FILE
from penstock.sdk import Context, PenstockError, main


def run(context: Context[InfraValidatorParams]) -> None:
    """Serve, ask, measure, decide."""
    model = context.input("model", Model)
    figures: dict[str, Scalar] = {"model_digest": model.digest or digest_tree(model.path)}
    golden, objection = _golden(model)
    reasons = [objection] if objection else _serve(context, model, golden, figures)
    if context.params.rules.strip():
        reasons += measure.check_rules(context.params.rules, model, context.scratch)
    blessing = context.output("blessing", InfraBlessing)
    if context.params.rules.strip():
        blessing.write_text(RULES_FILE, context.params.rules)  # a pusher takes them from here: none but the proven
    context.decide(logic.decide(reasons), blessing, **figures)


def _golden(model: Model) -> tuple[Golden, Reason | None]:
    nothing = Golden((), ())
    try:
        golden = logic.read_golden(model.read_json("golden.json"))
    except FileNotFoundError:
        return nothing, logic.no_golden_rows()
    except ValueError as error:
        return nothing, logic.failed("same_answers", "golden.json", f"golden.json is damaged: {error}")
    return golden, None if golden.rows else logic.no_golden_rows()


def _serve(
    context: Context[InfraValidatorParams], model: Model, golden: Golden, figures: dict[str, Scalar]
) -> list[Reason]:
    params = context.params
    try:
        listening = socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        raise PenstockError(f"could not measure: no port to serve on: {error}") from error
    port = listening.getsockname()[1]
    started = time.monotonic()
    arguments = ["--model-dir", str(model.path), "--model-name", NAME, "--fd", str(listening.fileno())]
    with (
        Child("penstock.serving.server", arguments, context.scratch / "server.log", keep=listening) as server,
        closing(Client(port, params.timeout_seconds)) as client,
    ):
        listening.close()  # the server's alone from now on: when it dies, the kernel refuses whoever waits
        reasons = [measure.wait_until_ready(client, server, params)]
        if measure.all_good(reasons):
            figures["load_seconds"] = round(time.monotonic() - started, 2)
            reasons += measure.compare_answers(client, server, golden, params)
            figures["golden_rows"] = len(golden.rows)
        if measure.all_good(reasons):
            best = measure.load_test(port, server, golden.rows, params, context.scratch)
            peak = server.peak_memory_bytes()
            figures |= {"p50_ms": best.p50_ms, "p99_ms": best.p99_ms, "qps": best.qps, "peak_memory_bytes": peak}
            reasons += [logic.load_reason(best, params), logic.memory_reason(peak, params)]
        return reasons


if __name__ == "__main__":
    main(SPEC, run)
