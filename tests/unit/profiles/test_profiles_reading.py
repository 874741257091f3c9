from pathlib import Path

import pytest

from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.local import LocalProfile
from penstock.profiles.reading import find_profile, read_profile
from penstock.sdk import BadInput

IMAGE = f"registry.example.com/penstock/runtime@sha256:{'a' * 64}"
GOOD = f"""\
kind: cluster
images: {{runtime: "{IMAGE}"}}
node_pools:
  gpu:
    accelerator_type: nvidia.com/gpu
    node_selector: {{cloud.google.com/gke-accelerator: nvidia-l4}}
    tolerations: [{{key: nvidia.com/gpu}}]
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "profile.yaml"
    path.write_text(text)
    return path


def test_a_profile_is_found_by_the_name_of_its_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "kustomize" / "overlays" / "production", GOOD)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    profile = find_profile("production")
    assert isinstance(profile, ClusterProfile)
    assert profile.node_pools["gpu"].tolerations[0].operator == "Exists"
    assert isinstance(find_profile("local"), LocalProfile)
    with pytest.raises(BadInput, match=r"no profile 'prodution'.*There are: local, containers, production"):
        find_profile("prodution")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: clutser\n", r"profile.yaml:1: a profile is a mapping with `kind: local \| containers \| cluster`"),
        ("- 1\n", r"profile.yaml:1: a profile is a mapping"),
        ("kind: cluster\nnode_pool: {}\n", r"profile.yaml:2: node_pool: unknown key; did you mean 'node_pools'\?"),
        ("kind: cluster\nkubeflow:\n  auth: magic\n", r"profile.yaml:3: kubeflow.auth: input should be 'none'"),
        (
            "kind: cluster\nimages: {runtime: example.com/runtime:1.0}\n",
            r":2: images: runtime: .*not named by digest",
        ),
        (
            "kind: cluster\nimages: {runtime: 'a b@sha256:0'}\n",
            r":2: images: runtime: 'a b.*is not an image",
        ),
        ("kind: cluster\nimages: {runtmie: x}\n", r"profile.yaml:2: images.runtmie.*'runtime', 'serving' or 'control'"),
        ("kind: cluster\nlineage: mysql://me:secret@db/x\n", r"profile.yaml:2: lineage: holds a password. Keep it in"),
        (
            "kind: cluster\nvariables: {A: x}\nsecret_variables: [{secret: s, key: k, name: A}]\n",
            r"profile.yaml:3: secret_variables: the variable 'A' is there twice",
        ),
        (
            "kind: cluster\nsecret_files: [{secret: s, path: /a}, {secret: s, path: /b}]\n",
            r"profile.yaml:2: secret_files: the Secret 's' is there twice",
        ),
        ("kind: cluster\nsecret_files: [{secret: s.t, path: /a}]\n", r"secret_files.0.secret: string should match"),
        ("kind: cluster\nnode_pools: {a: {}}\ndefault_node_pool: b\n", r":3: default_node_pool: there is no such.*a"),
        (
            "kind: cluster\nnode_pools:\n  a:\n    tolerations:\n      - {key: k, value: v}\n",
            r"profile.yaml:5: node_pools.a.tolerations.0: `Exists` compares no value",
        ),
        ("kind: cluster\nnode_pools: {a: {accelerator_type: gpu}}\n", r"node_pools.a.accelerator_type: string should"),
        ("kind: cluster\nnode_pools: {a: {accelerator_count: 3}}\n", r"accelerator_count: input should be 1, 2, 4, 8"),
        (
            "kind: cluster\nnode_pools: {a: {node_selector: {a/b/c: x}}}\n",
            r":2: node_pools.a.node_selector",
        ),
        ("kind: cluster\npipeline_root: /tmp\n", r"profile.yaml:2: pipeline_root: string should match"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        read_profile(write(tmp_path, text))
    assert "me:secret" not in str(caught.value), "a password is not shown again"


def test_images_on_the_nodes_may_have_tags(tmp_path: Path) -> None:
    text = "kind: cluster\nimage_pull_policy: Never\nimages: {runtime: penstock/runtime:dev}\n"
    profile = read_profile(write(tmp_path, text))
    assert isinstance(profile, ClusterProfile)
    assert profile.images == {"runtime": "penstock/runtime:dev"}
