"""Write the release bundle of a model that both gates blessed, and publish it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from pydantic import ValidationError

from components.pusher import logic
from components.pusher.bundle import list_files, write_files
from components.pusher.publish import publish
from components.pusher.spec import SPEC, PusherParams
from penstock.artifacts import (
    Artifact,
    Decision,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    PushedModel,
    Schema,
    TransformGraph,
    digest_tree,
)
from penstock.artifacts.bundle import MANIFEST
from penstock.artifacts.task import TASK_FILE
from penstock.sdk import BadInput, Context, PenstockError, main


def observe(params: PusherParams) -> str:
    """Never the same twice where there is a destination: a published release can be gone, whatever the cache says."""
    return uuid.uuid4().hex if params.destination else ""


def run(context: Context[PusherParams]) -> None:
    """Check the blessings and the files, write the bundle, publish it."""
    model, schema = context.input("model", Model), context.input("schema", Schema)
    graph, evaluation = context.input("transform_graph", TransformGraph), context.input("evaluation", ModelEvaluation)
    blessing, infra = context.input("blessing", ModelBlessing), context.input("infra_blessing", InfraBlessing)
    words = [_word("the evaluator", blessing), _word("the infra validator", infra)]
    if reason := logic.refusal(model.digest, words):
        raise BadInput(reason)
    for artifact in (model, schema, graph, evaluation, blessing, infra):
        _check_intact(artifact)

    pushed = context.output("pushed_model", PushedModel)
    try:
        write_files(pushed.path, model, schema, graph, infra)
        pushed.write_json(logic.THRESHOLDS, _thresholds(evaluation, blessing))
        facts = {
            "model_digest": model.digest,
            "baseline_digest": str(blessing.metadata.get("baseline_digest", "")),
            "schema_digest": schema.digest,
            "transform_graph_digest": graph.digest,
            "verdicts": {"model": words[0].verdict, "infra": words[1].verdict},
            **_task(model),
        }
        document = logic.manifest(context.params.name, list_files(pushed.path), facts)
        pushed.write_json(MANIFEST, document)
    except OSError as error:
        raise PenstockError(f"cannot write the bundle: {error.strerror or error}") from error
    pushed.metadata.update(name=context.params.name, model_digest=model.digest, release_digest=document["digest"])
    if context.params.destination:
        folder = logic.folder_name(document["digest"])
        pushed.metadata["published"] = publish(pushed.path, context.params.destination, folder)


def _word(gate: str, blessing: ModelBlessing | InfraBlessing) -> logic.Blessing:
    try:
        decision = blessing.read_decision()
    except (OSError, ValidationError):
        raise BadInput(f"not pushed: {gate} left no readable decision.json in {blessing.uri}") from None
    return logic.Blessing(gate, decision.verdict, blessing.model_digest)


def _check_intact(artifact: Artifact) -> None:
    found = digest_tree(artifact.path)
    if found != artifact.digest:
        asked = logic.short(artifact.digest) or "none"
        text = (
            f"not pushed: {artifact.kind} at {artifact.uri} is damaged: its digest is {logic.short(found)}, not {asked}"
        )
        raise PenstockError(text, "Make it again")


def _task(model: Model) -> dict[str, Any]:
    """What the model answers, where it says so: older ones do not."""
    try:
        return {"task": model.read_task().model_dump(mode="json")}
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        raise BadInput(f"not pushed: {TASK_FILE} of the model at {model.uri} cannot be read: {why}") from None


def _thresholds(evaluation: ModelEvaluation, blessing: ModelBlessing) -> dict[str, Any]:
    decision: Decision = blessing.read_decision()
    try:
        config = json.loads(evaluation.read_text("eval_config.json")).get("evalConfig")
        return logic.thresholds(json.loads(evaluation.read_text("evaluation.json")), config, decision)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"not pushed: the evaluation at {evaluation.uri} cannot be read: {error}") from None


if __name__ == "__main__":
    main(SPEC, run)
