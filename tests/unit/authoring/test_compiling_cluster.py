"""A pipeline compiled for a cluster: what KFP and Kubernetes are given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from penstock.authoring.compiling import Compiled, compile_for, compile_whole
from penstock.authoring.freshness import check_seal
from penstock.profiles.cluster import ClusterProfile
from penstock.running.spec_reader import parse_pipeline
from tests.unit.authoring.clusters import CUDA, RUNTIME, SERVING, profile

GOLDEN = Path(__file__).parents[2] / "golden" / "small_pipeline_cluster.yaml"

VALUES = """
name: small
display_name: A small one
version: 1.4.0
description: A small pipeline.
run_may_set:
  - train.epochs
tasks:
  train: {rate: 1e-2, epochs: 7}
  judge: {min_auc: 0.6}
execution:
  read:
    volumes: [{claim: raw-data, path: /data}]
  train:
    node_pool: gke-l4
    accelerator_count: 2
    timeout_seconds: 7200
    retries: 2
    cpu_request: 2
    memory_request: 8Gi
    memory_limit: 16Gi
  judge: {caching: false, node_pool: karpenter}
"""


@pytest.fixture
def folder(write_pipeline: Any) -> Path:
    return write_pipeline(values=VALUES)  # type: ignore[no-any-return]


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterProfile:
    return profile(tmp_path)


@pytest.fixture
def compiled(folder: Path, cluster: ClusterProfile) -> Compiled:
    return compile_for(folder, cluster)


def test_it_compiles_to_the_golden_text(compiled: Compiled) -> None:
    assert compiled.text == GOLDEN.read_text()


def test_the_messages_are_kfps_own(compiled: Compiled, tmp_path: Path) -> None:
    spec, platform = compiled.documents
    message = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert message.pipeline_info.display_name == "A small one"
    assert message.default_pipeline_root == "s3://ml-artifacts/penstock"
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    path = tmp_path / "compiled.yaml"
    path.write_text(compiled.text)
    loaded = components.load_component_from_file(str(path))
    assert json_format.MessageToDict(loaded.platform_spec) == platform
    check_seal(path)


def test_a_gpu_task_gets_accelerators_images_and_the_machines_of_its_pool(compiled: Compiled) -> None:
    train = container(compiled, "train")
    assert train["image"] == CUDA
    assert train["resources"]["accelerator"] == {
        "count": "2", "resourceCount": "2", "resourceType": "nvidia.com/gpu", "type": "nvidia.com/gpu"
    }  # fmt: skip
    assert train["resources"]["resourceMemoryLimit"] == "16Gi"
    config = settings(compiled, "train")
    assert dict(config.node_selector.labels) == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert [(t.key, t.operator, t.effect) for t in config.tolerations] == [("nvidia.com/gpu", "Exists", "NoSchedule")]
    (shm,) = config.empty_dir_mounts
    assert (shm.volume_name, shm.mount_path, shm.medium, shm.size_limit) == ("shm", "/dev/shm", "Memory", "8Gi")
    assert config.active_deadline_seconds == 7200
    retry = compiled.documents[0]["root"]["dag"]["tasks"]["train"]["retryPolicy"]
    assert retry["maxRetryCount"] == 2


def test_other_tasks_get_what_every_task_gets_and_no_more(compiled: Compiled) -> None:
    assert container(compiled, "read")["image"] == RUNTIME
    assert container(compiled, "judge")["image"] == SERVING
    read = settings(compiled, "read")
    assert not read.node_selector.labels
    assert not read.tolerations
    assert not read.empty_dir_mounts
    assert [(mount.constant, mount.mount_path) for mount in read.pvc_mount] == [("raw-data", "/data")]
    assert read.image_pull_policy == "IfNotPresent"
    assert [secret.secret_name for secret in read.image_pull_secret] == ["registry"]
    (files,) = read.secret_as_volume
    assert (files.secret_name, files.mount_path) == ("ca-certificates", "/etc/penstock/ca")
    (variable,) = read.secret_as_env
    assert variable.secret_name == "s3.keys"  # noqa: S105
    assert [(pair.secret_key, pair.env_var) for pair in variable.key_to_env] == [("id", "AWS_ACCESS_KEY_ID")]
    (field,) = read.field_path_as_env
    assert (field.name, field.field_path) == ("PENSTOCK_RUN_ID", "metadata.labels['pipeline/runid']")


def test_every_task_tells_the_launcher_where_it_is(folder: Path, compiled: Compiled) -> None:
    laptop = compile_whole(folder).digest
    for executor, task in (("read", "read"), ("train", "train"), ("judge", "judge"), ("train-again", "train_again")):
        variables = {v["name"]: v["value"] for v in container(compiled, executor)["env"]}
        assert variables["PENSTOCK_TASK"] == task
        assert variables["PENSTOCK_PIPELINE_DIGEST"] == laptop
        assert variables["PENSTOCK_IMAGE"] == container(compiled, executor)["image"]
        assert ("PENSTOCK_CACHE" in variables) is (task == "judge")


def test_values_and_wiring_are_those_of_the_laptop(folder: Path, cluster: ClusterProfile) -> None:
    here, there = compile_whole(folder).documents[0], compile_for(folder, cluster).documents[0]
    assert not without_surroundings(here) ^ without_surroundings(there)
    assert (
        parse_pipeline(compile_for(folder, cluster).text).parameters
        == parse_pipeline(compile_whole(folder).text).parameters
    )


def test_what_runs_on_the_laptop_has_nothing_of_a_cluster(folder: Path) -> None:
    compiled = compile_whole(folder)
    assert len(compiled.documents) == 1
    assert "node" not in re.sub(r"#.*", "", compiled.text)
    assert parse_pipeline(compiled.text).name == "small"


def test_the_digest_is_of_what_runs_and_of_nothing_else(folder: Path, cluster: ClusterProfile, tmp_path: Path) -> None:
    before = compile_for(folder, cluster)
    path = folder / "pipeline.yaml"
    path.write_text(VALUES + "# a comment\n")
    after = compile_for(folder, cluster)
    assert after.text != before.text
    assert after.digest == before.digest
    assert compile_for(folder, profile(tmp_path, variables={})).digest != before.digest


def container(compiled: Compiled, task: str) -> dict[str, Any]:
    found: dict[str, Any] = compiled.documents[0]["deploymentSpec"]["executors"][f"exec-{task}"]
    return found["container"]  # type: ignore[no-any-return]


def settings(compiled: Compiled, task: str) -> Any:
    """The message that KFP's driver reads."""
    platform = compiled.documents[1]["platforms"]["kubernetes"]
    written = platform["deploymentSpec"]["executors"][f"exec-{task}"]
    return json_format.ParseDict(written, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def without_surroundings(spec: dict[str, Any]) -> set[str]:
    """Every part of a PipelineSpec that says what is computed, as text."""
    parts = {key: value for key, value in spec.items() if key not in ("deploymentSpec", "defaultPipelineRoot")}
    lines = yaml.safe_dump(parts).splitlines()
    return {line.strip() for line in lines} - {"cachingOptions:", "cachingOptions: {}", "enableCache: true"}
