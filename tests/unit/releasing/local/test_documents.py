"""A release read from YAML: what a cluster takes is taken, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.releasing.local.documents import read_release
from penstock.releasing.resource.bundle import Bundle
from penstock.sdk import BadInput
from tests.unit.releasing.releases import bundle

TEXT = f"""\
apiVersion: penstock.io/v1alpha1
kind: ModelRelease
metadata:
  name: flights
  labels: {{team: delays}}
spec:
  model: {{digest: "{bundle("one")["digest"]}", storageUri: "file:///models/one"}}
  serving:
    runtime: penstock
    environment: {{OMP_NUM_THREADS: "1"}}
  route:
    host: flights.example.com
    gateway: {{name: gateway, namespace: default}}
  bake: {{seconds: 60}}
"""


def read(folder: Path, text: str, model: Bundle | None = None) -> object:
    (folder / "release.yaml").write_text(text)
    return read_release(folder / "release.yaml", model)


def test_a_release_is_read_with_its_defaults(tmp_path: Path) -> None:
    found = read(tmp_path, TEXT)
    assert (found.name, found.spec.bake.seconds, len(found.spec.ladder)) == ("flights", 60, 7)


def test_another_bundle_may_take_the_place_of_the_files(tmp_path: Path) -> None:
    other = Bundle.model_validate(bundle("two"))
    assert read(tmp_path, TEXT, other).spec.model == other
    without = "".join(line for line in TEXT.splitlines(keepends=True) if "digest" not in line)
    assert read(tmp_path, without, other).spec.model == other


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bake:", "bakes:", r"release\.yaml:14: spec\.bakes: unknown key; did you mean 'bake'\?"),
        ("storageUri", "storage_uri", r"release\.yaml:7: spec\.model\.storage_uri: unknown key; .* 'storageUri'\?"),
        ("seconds: 60", "seconds: soon", r"release\.yaml:14: spec\.bake\.seconds: .*integer.*got 'soon'"),
        ("  host: flights.example.com\n", "", r"release\.yaml:11: spec\.route: route needs host and gateway"),
        ("kind: ModelRelease", "kind: Deployment", r"release\.yaml:2: kind: .*'ModelRelease'"),
        ("name: flights\n", "name: Flights!\n", r"release\.yaml:4: metadata\.name"),
        ("bake: {seconds: 60}", "bake: {seconds: 60}\n  bake: {}", r"release\.yaml:15: bake: this key is there twice"),
        ("bake: {seconds: 60}", "bake: {seconds: 9, deadlineSeconds: 9}", r"bake\.seconds must be less than"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(BadInput, match=message):
        read(tmp_path, TEXT.replace(old, new))


def test_a_list_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"release\.yaml:1: a release is a mapping"):
        read(tmp_path, "- 1\n")
