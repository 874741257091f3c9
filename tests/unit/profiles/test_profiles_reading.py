from pathlib import Path

import pytest

from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.local import LocalProfile
from penstock.profiles.reading import find_profile, read_profile
from penstock.sdk import BadInput

GOOD = """\
kind: cluster
images: {runtime: "registry.example.com/penstock/runtime@sha256:aa"}
node_pools:
  gpu:
    accelerator_type: nvidia.com/gpu
    node_selector: {cloud.google.com/gke-accelerator: nvidia-l4}
    tolerations: [{key: nvidia.com/gpu}]
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
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_profile(write(tmp_path, text))
