"""What surrounds a task on a cluster: decided from its profile and the task's `execution`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.artifacts import Examples, Model
from penstock.authoring.config import read_config
from penstock.authoring.placing import Placement, on_cluster, on_laptop
from penstock.sdk import BadInput, ComponentSpec, In, Lookup, Out, Params
from tests.unit.authoring.clusters import CUDA, RUNTIME, profile


class NoParams(Params):
    """None."""


def spec(**more: Any) -> ComponentSpec:
    given = {"name": "fit", "stage": "train", "image": "runtime", "summary": "Fit.", "params": NoParams, **more}
    return ComponentSpec(**given)


def placed(tmp_path: Path, execution: dict[str, Any], component: ComponentSpec | None = None, **more: Any) -> Placement:
    folder = tmp_path / "small"
    folder.mkdir(exist_ok=True)
    value = {"name": "small", "description": "Small.", "execution": {"train": execution}}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    place = on_cluster(read_config(folder), profile(tmp_path, **more), "sha256:00")
    return place("train", component or spec())


@pytest.mark.parametrize(
    ("pool", "selector", "accelerator", "taint"),
    [
        ("gke-l4", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, ("nvidia.com/gpu", 1), "nvidia.com/gpu"),
        ("eks-a10g", {"k8s.amazonaws.com/accelerator": "nvidia-tesla-a10g"}, ("nvidia.com/gpu", 4), "nvidia.com/gpu"),
        ("mig", {"nvidia.com/mig.config": "all-1g.10gb"}, ("nvidia.com/mig-1g.10gb", 1), None),
        ("cpu", {"node.example.com/pool": "cpu"}, None, None),
    ],
)
def test_a_node_pool_says_where_and_with_what(
    tmp_path: Path, pool: str, selector: dict[str, str], accelerator: Any, taint: str | None
) -> None:
    found = placed(tmp_path, {"node_pool": pool})
    assert found.node_selector == selector
    assert found.accelerator == accelerator
    assert [toleration.key for toleration in found.tolerations] == ([taint] if taint else [])


def test_a_task_says_how_many_and_how_much_shared_memory(tmp_path: Path) -> None:
    assert placed(tmp_path, {"node_pool": "gke-l4"}).shared_memory == "8Gi"
    found = placed(tmp_path, {"node_pool": "gke-l4", "accelerator_count": 8, "shared_memory": "64Gi"})
    assert found.accelerator == ("nvidia.com/gpu", 8)
    assert found.shared_memory == "64Gi"


def test_a_pool_may_have_images_of_its_own(tmp_path: Path) -> None:
    assert placed(tmp_path, {"node_pool": "gke-l4"}).image == CUDA
    assert placed(tmp_path, {"node_pool": "cpu"}).image == RUNTIME


def test_a_task_without_a_pool_goes_to_the_profiles_own(tmp_path: Path) -> None:
    assert placed(tmp_path, {}).node_selector == {}
    assert placed(tmp_path, {}, default_node_pool="cpu").node_selector == {"node.example.com/pool": "cpu"}
    assert placed(tmp_path, {"node_pool": "mig"}, default_node_pool="cpu").accelerator == ("nvidia.com/mig-1g.10gb", 1)


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"node_pool": "gke-14"}, r"small/pipeline.yaml:5: execution.train.node_pool: .*profile.yaml has no node pool "
         r"'gke-14'; did you mean 'gke-l4'\?"),
        ({"node_pool": "cpu", "accelerator_count": 2}, r"pipeline.yaml:6: execution.train.accelerator_count: the node "
         r"pool 'cpu' has no accelerators. Name a pool that has some"),
        ({"node_pool": "cpu", "accelerator_type": "nvidia.com/gpu"}, r":6: .*_type: the node pool 'cpu' has"),
        ({"node_pool": "mig", "accelerator_type": "nvidia.com/gpu"}, r":6: .*has 'nvidia.com/mig-1g.10gb', not "
         r"'nvidia.com/gpu'"),
        ({"accelerator_count": 2}, r":5: execution.train.accelerator_count: of no accelerator. Name a node pool"),
        ({"volumes": [{"claim": "data", "path": "/a"}, {"claim": "data", "path": "/b"}]},
         r":8: execution.train.volumes.1.claim: 'data' is the name of another volume of the task as well"),
        ({"volumes": [{"claim": "data", "path": "/etc/penstock/ca"}]},
         r"volumes.0.path: the Secret 'ca-certificates' is mounted at /etc/penstock/ca as well"),
        ({"volumes": [{"claim": "shm", "path": "/a"}]}, r"'shm' is the name of a volume that every task has as well"),
    ],
)  # fmt: skip
def test_what_the_cluster_does_not_have_is_told_with_its_line(
    tmp_path: Path, execution: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        placed(tmp_path, execution)


def test_a_missing_image_is_told_in_the_profiles_own_file(tmp_path: Path) -> None:
    message = r"profile.yaml:3: images.control: is missing, and task 'train' runs in it. Name it by digest"
    with pytest.raises(BadInput, match=message):
        placed(tmp_path, {}, spec(image="control"))


def test_the_default_pool_without_accelerators_gives_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the node pool 'cpu' has no accelerators"):
        placed(tmp_path, {"accelerator_type": "nvidia.com/gpu"}, default_node_pool="cpu")


def test_a_secret_may_not_be_called_as_a_volume_of_kfps(tmp_path: Path) -> None:
    files = [{"secret": "s3-scratch", "path": "/etc/keys"}]
    with pytest.raises(
        BadInput, match=r"profile.yaml:\d+: secret_files.0.secret: 's3-scratch' is the name of a volume"
    ):
        placed(tmp_path, {}, secret_files=files)


def test_a_profile_sets_nothing_that_the_compiler_sets(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"profile.yaml:\d+: variables.PENSTOCK_TASK: is set by the compiler"):
        placed(tmp_path, {}, variables={"PENSTOCK_TASK": "x"})
    secret = {"secret": "s", "key": "k", "name": "PENSTOCK_LINEAGE"}
    with pytest.raises(BadInput, match=r"secret_variables.0.name: PENSTOCK_LINEAGE is set by the compiler"):
        placed(tmp_path, {}, secret_variables=[secret])
    password = {**secret, "name": "PENSTOCK_LINEAGE_PASSWORD"}
    patient = placed(tmp_path, {}, secret_variables=[password], variables={"PENSTOCK_LINEAGE_PATIENCE_SECONDS": "60"})
    assert patient.variables["PENSTOCK_LINEAGE_PATIENCE_SECONDS"] == "60"


def test_the_launcher_is_told_where_it_is(tmp_path: Path) -> None:
    found = placed(tmp_path, {})
    assert found.variables == {
        "AWS_REGION": "eu-west-1",
        "PENSTOCK_LAUNCHER": "penstock.launching",
        "PENSTOCK_LINEAGE": "grpc://lineage.penstock.svc:8080",
        "PENSTOCK_PIPELINE": "small",
        "PENSTOCK_PIPELINE_DIGEST": "sha256:00",
        "PENSTOCK_TASK": "train",
        "PENSTOCK_IMAGE": RUNTIME,
    }
    assert found.field_paths == {"PENSTOCK_RUN_ID": "metadata.labels['pipeline/runid']"}
    assert placed(tmp_path, {"caching": False}).variables["PENSTOCK_CACHE"] == "off"


def test_without_a_lineage_nobody_is_told_anything(tmp_path: Path) -> None:
    found = placed(tmp_path, {"caching": False}, lineage="")
    assert found.variables == {"AWS_REGION": "eu-west-1"}
    assert found.field_paths == {}


def test_kfps_own_cache_is_asked_only_where_it_knows_all_that_counts(tmp_path: Path) -> None:
    looks = spec(
        inputs={
            "examples": In(Examples),
            "baseline": In(Model, optional=True, lookup=Lookup("last_blessed", other_than="examples")),
        },
        outputs={"model": Out(Model)},
    )
    assert placed(tmp_path, {}, lineage="").caching
    assert not placed(tmp_path, {"caching": False}, lineage="").caching
    assert not placed(tmp_path, {}, spec(observes=True), lineage="").caching
    assert not placed(tmp_path, {}, looks, lineage="").caching
    assert not placed(tmp_path, {}).caching, "the launcher's own cache compares contents"


def test_a_laptop_has_its_own_of_everything(tmp_path: Path) -> None:
    placed(tmp_path, {"node_pool": "cpu", "timeout_seconds": 5, "volumes": [{"claim": "data", "path": "/data"}]})
    found = on_laptop(read_config(tmp_path / "small"), {"runtime": "example.com/runtime:1"})("train", spec())
    assert found == Placement(image="example.com/runtime:1", execution=found.execution)
