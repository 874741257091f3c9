"""Everything that `infra_validator` does to a running server: wait for it, question it, load it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from components.infra_validator import logic
from components.infra_validator.client import V1_PATH, Client, Refused, Silent, in_batches, one_by_one
from components.infra_validator.logic import Golden, Measured, Row, Score
from components.infra_validator.process import Child
from components.infra_validator.spec import InfraValidatorParams
from penstock.artifacts import Model, Reason, Verdict
from penstock.artifacts.bundle import RULES_FILE
from penstock.sdk import PenstockError

_LOAD_TEST = "penstock.serving.load_test"
_RULES = "penstock.serving.rules"
_RULES_SECONDS = 120.0
_SAYS = "penstock.serving: "
_MODEL_REFUSED = 3
"""The server's exit code when it is the model that cannot be served."""
_LAST_BREATH_SECONDS = 2.0
"""How long a process whose connection broke may take to be gone [s]."""
_LAST_ANSWER_SECONDS = 60.0
"""How long the load test may take beyond its time [s]: it waits 30 s for an answer."""
_LOAD_BODIES = 32
"""Different requests in the load test."""


def wait_until_ready(client: Client, server: Child, params: InfraValidatorParams) -> Reason:
    """Wait for the first prediction.

    Raises:
        PenstockError: The server did not start, and not by the model's doing: nothing can be said (operator).
    """
    try:
        client.wait_until_ready()
    except Refused as error:
        return logic.failed("loads", "start", f"the server says that the model is not ready: {error}")
    except Silent as error:
        code = server.wait(_LAST_BREATH_SECONDS)
        if code is None and error.in_time:
            raise PenstockError(f"could not measure: the server cannot be reached: {error}") from None
        if code is None:
            text = f"the model was not ready within {params.timeout_seconds:g} s"
            return logic.failed("timeout_seconds", "start", text)
        if code == _MODEL_REFUSED:
            return logic.failed("loads", "start", server.last_words(_SAYS).removeprefix(_SAYS))
        if code < 0:
            return logic.failed("loads", "start", _death(server))
        raise PenstockError(f"could not measure: the server did not start: {server.last_words()}") from None
    return logic.loads_in_time(params.timeout_seconds)


def compare_answers(client: Client, server: Child, golden: Golden, params: InfraValidatorParams) -> list[Reason]:
    """Send the golden rows over both protocols, alone and together; one finding each, until the server is gone."""
    rows, scores = golden.rows, golden.scores
    few, few_scores = rows[: logic.SINGLE_ROWS], scores[: logic.SINGLE_ROWS]
    asked: dict[str, tuple[Callable[[], list[Score]], Sequence[Score]]] = {
        "V1, one row a request": (lambda: one_by_one(client.scores_v1, few), few_scores),
        "V1, many rows": (lambda: in_batches(client.scores_v1, rows), scores),
        "V2, one row a request": (lambda: one_by_one(client.scores_v2, few), few_scores),
        "V2, many rows": (lambda: in_batches(client.scores_v2, rows), scores),
    }
    reasons: list[Reason] = []
    for subject, (ask, expected) in asked.items():
        try:
            reasons.append(logic.compare(subject, expected, ask(), params.tolerance))
        except Refused as error:
            reasons.append(logic.failed("same_answers", subject, f"{subject}: the server refuses golden rows: {error}"))
        except Silent as error:
            why = _death(server) or f"no answer within {params.timeout_seconds:g} s ({error})"
            reasons.append(logic.failed("same_answers", subject, f"{subject}: {why}"))
            break
    return reasons


def load_test(port: int, server: Child, rows: Sequence[Row], params: InfraValidatorParams, scratch: Path) -> Measured:
    """Load the server; again when a budget was broken, because a busy machine is not a slow model.

    Returns:
        The first round that kept its budget or had an error, else the one with the smallest 99th percentile.

    Raises:
        PenstockError: The load test itself failed (operator).
    """
    bodies = scratch / "bodies.jsonl"
    bodies.write_text("".join(json.dumps(logic.v1_body([row])) + "\n" for row in rows[:_LOAD_BODIES]), "utf-8")
    rounds: list[Measured] = []
    for _ in range(logic.ROUNDS):
        measured = _one_round(port, bodies, params, scratch / f"load-{len(rounds)}")
        if measured.errors and (death := _death(server)):
            return replace(measured, why=f"{measured.why}: {death}")
        if measured.errors or measured.verdict is Verdict.SUCCESSFUL:
            return measured
        rounds.append(measured)
    return min(rounds, key=lambda measured: measured.p99_ms)


def _one_round(port: int, bodies: Path, params: InfraValidatorParams, output: Path) -> Measured:
    url = f"http://127.0.0.1:{port}{V1_PATH}"
    asked = {"--rate": params.min_qps, "--seconds": params.load_seconds, "--max-p99-ms": params.max_p99_ms}
    arguments = [url, "--bodies", str(bodies), *(str(part) for pair in asked.items() for part in pair)]
    report = output.with_suffix(".json")
    with Child(_LOAD_TEST, arguments, output.with_suffix(".log"), stdout=report) as child:
        if child.wait(params.load_seconds + _LAST_ANSWER_SECONDS) != 0:
            raise PenstockError(f"could not measure: the load test failed: {child.last_words()}")
    said = json.loads(report.read_text("utf-8"))
    figures = {name: said[name] for name in ("p50_ms", "p99_ms", "errors", "why")}
    return Measured(**figures, qps=said["answered_per_second"], verdict=Verdict(said["verdict"]))


def check_rules(text: str, model: Model, scratch: Path) -> list[Reason]:
    """Hold rules against the model, and work out their examples.

    Raises:
        PenstockError: The check itself failed (operator).
    """
    rules, found = scratch / RULES_FILE, scratch / "rules.txt"
    rules.write_text(text, "utf-8")
    arguments = [str(rules), "--model-dir", str(model.path)]
    with Child(_RULES, arguments, scratch / "rules.log", stdout=found) as child:
        code = child.wait(_RULES_SECONDS)
        if code not in (0, _MODEL_REFUSED):
            raise PenstockError(f"could not measure: the check of the rules failed: {child.last_words()}")
    return logic.rules_reasons([line.replace(str(rules), RULES_FILE) for line in found.read_text("utf-8").splitlines()])


def _death(server: Child) -> str:
    """How the server died; empty when it lives."""
    code = server.wait(_LAST_BREATH_SECONDS)
    if code is None:
        return ""
    how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"the server died {how}: {server.last_words()}"


def all_good(reasons: Sequence[Reason]) -> bool:
    """Whether there is anything left to measure."""
    return all(reason.verdict is Verdict.SUCCESSFUL for reason in reasons)
