"""What KFP makes of a component."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from penstock import __version__
from penstock.artifacts import Examples, Model, ModelBlessing
from penstock.authoring.kfp_component import kfp_component
from penstock.sdk import ComponentSpec, In, Out, Params

AWKWARD = "Share of rows: in (0, 1). Args: none (really); `a: b` | Returns: nothing. Defaults to 3."


class JudgeParams(Params):
    limit: int | None = None
    """Most steps."""
    min_auc: float
    # The description is a constant of this test: see below.
    units: list[int] = [64, 32]
    """Width of each layer."""


JudgeParams.model_fields["min_auc"].description = AWKWARD
JudgeParams.model_rebuild(force=True)

SPEC = ComponentSpec(
    name="judge",
    stage="analyse",
    image="serving",
    summary="Judge a model.",
    params=JudgeParams,
    inputs={"examples": In(Examples, optional=True), "model": In(Model)},
    outputs={"blessing": Out(ModelBlessing)},
    gate=True,
)


def compiled(**more: Any) -> dict[str, Any]:
    return json_format.MessageToDict(kfp_component(SPEC, **more).pipeline_spec)


def test_the_container_is_told_everything_in_one_argument() -> None:
    executors = compiled()["deploymentSpec"]["executors"]
    assert executors == {
        "exec-judge": {
            "container": {
                "image": f"penstock/serving:{__version__}",
                "command": ["python", "-m", "components.judge.main"],
                "args": ["{{$}}"],
            }
        }
    }


def test_a_profile_may_name_the_image() -> None:
    executors = compiled(image="example.com/serving@sha256:0")["deploymentSpec"]["executors"]
    assert executors["exec-judge"]["container"]["image"] == "example.com/serving@sha256:0"


def test_inputs_have_type_default_and_description() -> None:
    inputs = compiled()["components"]["comp-judge"]["inputDefinitions"]
    assert inputs["parameters"] == {
        "limit": {"parameterType": "NUMBER_INTEGER", "isOptional": True, "description": "Most steps."},
        "min_auc": {"parameterType": "NUMBER_DOUBLE", "description": AWKWARD},
        "units": {
            "parameterType": "LIST",
            "isOptional": True,
            "defaultValue": [64.0, 32.0],
            "description": "Width of each layer.",
        },
    }
    assert inputs["artifacts"]["model"]["artifactType"]["schemaTitle"] == "system.Model"
    assert "isOptional" not in inputs["artifacts"]["model"]
    assert inputs["artifacts"]["examples"]["isOptional"] is True


def test_outputs_have_their_kfp_type_and_a_gate_has_one_more() -> None:
    outputs = compiled()["components"]["comp-judge"]["outputDefinitions"]
    assert outputs["artifacts"]["blessing"]["artifactType"]["schemaTitle"] == "system.Artifact"
    assert outputs["artifacts"]["blessing"]["description"] == "The evaluator's verdict about one model."
    assert outputs["parameters"]["gate"]["parameterType"] == "STRING"


def test_keys_come_from_the_task() -> None:
    assert list(compiled(task="judge_all")["components"]) == ["comp-judge-all"]
