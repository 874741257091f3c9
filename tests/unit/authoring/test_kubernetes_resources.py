"""A pipeline as resources: held against the schemas of KFP's own CustomResourceDefinitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.authoring.compiling import Compiled, compile_for, compile_whole
from penstock.authoring.kubernetes_resources import pipeline_resources, resources_text
from tests.servers.kubernetes import crds
from tests.unit.authoring.clusters import profile

GOLDEN = Path(__file__).parents[2] / "golden" / "small_pipeline_resources.yaml"


@pytest.fixture
def compiled(write_pipeline: Any, tmp_path: Path) -> Compiled:
    return compile_for(write_pipeline(), profile(tmp_path, variables={}, secret_variables=[], secret_files=[]))


def test_they_are_the_golden_text(compiled: Compiled, tmp_path: Path) -> None:
    assert resources_text(compiled, profile(tmp_path)) == GOLDEN.read_text()


@pytest.mark.parametrize("kfp", ["2.16.0", "2.17.0"])
def test_the_schemas_of_kfp_take_them_whole(compiled: Compiled, kfp: str) -> None:
    schemas = dict(schemas_of(*crds(f"kubeflow-pipelines/{kfp}")))
    for resource in pipeline_resources(compiled):
        assert not list(problems(resource["spec"], schemas[resource["kind"]]["properties"]["spec"], "spec"))


def test_a_schema_that_is_broken_is_seen() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "pattern": "^x"}}}
    assert list(problems({"b": 1}, schema, "spec")) == ["spec.a: is missing", "spec.b: is not known"]
    assert list(problems({"a": "y"}, schema, "spec")) == ["spec.a: 'y' is not ^x"]
    assert list(problems({"a": 1}, schema, "spec")) == ["spec.a: is no string"]


def test_the_pipeline_is_applied_before_its_version(compiled: Compiled) -> None:
    first, second = pipeline_resources(compiled)
    wave = "argocd.argoproj.io/sync-wave"
    assert [first["kind"], second["kind"]] == ["Pipeline", "PipelineVersion"]
    assert int(first["metadata"]["annotations"][wave]) < int(second["metadata"]["annotations"][wave])
    assert second["spec"]["pipelineName"] == first["metadata"]["name"] == "small"


def test_a_version_that_is_replaced_in_git_stays(compiled: Compiled) -> None:
    annotations = pipeline_resources(compiled)[1]["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false"
    assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_names_are_dns_names_that_hold_the_digest(write_pipeline: Any) -> None:
    compiled = compile_whole(write_pipeline())
    name = pipeline_resources(compiled)[1]["metadata"]["name"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63
    assert name.endswith(compiled.digest.removeprefix("sha256:")[:12])


def test_they_hold_what_is_compiled(compiled: Compiled) -> None:
    version = pipeline_resources(compiled)[1]["spec"]
    assert [version["pipelineSpec"], version["platformSpec"]] == list(compiled.documents)
    read_again = list(yaml.safe_load_all(resources_text(compiled)))
    assert read_again == pipeline_resources(compiled)


def test_they_are_where_kfp_looks_for_them(compiled: Compiled, tmp_path: Path) -> None:
    alone = profile(tmp_path, kubeflow={"namespace": "kubeflow-system"})
    shared = profile(tmp_path, kubeflow={"multi_user": True})
    assert {r["metadata"]["namespace"] for r in pipeline_resources(compiled, alone)} == {"kubeflow-system"}
    assert {r["metadata"]["namespace"] for r in pipeline_resources(compiled, shared)} == {"ml-team"}
    assert all("namespace" not in r["metadata"] for r in pipeline_resources(compiled))


def schemas_of(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("pipelines.kubeflow.org_*.yaml")):
        definition = yaml.safe_load(path.read_text())["spec"]
        yield definition["names"]["kind"], definition["versions"][0]["schema"]["openAPIV3Schema"]


def problems(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    """What an API server with strict field validation would refuse, for the few words that these schemas use."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if schema["type"] == "string":
        if not isinstance(value, str):
            yield f"{at}: is no string"
        elif not re.search(schema.get("pattern", ""), value) or len(value) > schema.get("maxLength", len(value)):
            yield f"{at}: {value!r} is not {schema.get('pattern', '')}"
        return
    assert schema["type"] == "object", schema
    yield from (f"{at}.{key}: is missing" for key in schema.get("required", []) if key not in value)
    for key, item in value.items():
        known = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
        if known is None:
            yield f"{at}.{key}: is not known"
        else:
            yield from problems(item, known, f"{at}.{key}")
