"""`penstock release propose` on a real Git repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.artifacts.digest import digest_json
from penstock.cli.main import command
from penstock.releasing.resource.document import read_release
from penstock.sdk import BadInput
from tests.unit.releasing.releases import bundle

OLD, NEW = bundle("one"), bundle("two")
TEXT = f"""\
# Flights, in production.
apiVersion: penstock.io/v1alpha1
kind: ModelRelease
metadata: {{name: flights, namespace: ml}}
spec:
  model:
    digest: {OLD["digest"]}  # by the pusher
    storageUri: "{OLD["storageUri"]}"
  serving: {{runtime: penstock}}
  route: {{host: flights.example.com, gateway: {{name: public, namespace: gateways}}}}
"""
FLOW = "{serving: {runtime: penstock}, route: {host: a.example.com, gateway: {name: p, namespace: g}}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flights.yaml"
    path.write_text(TEXT)
    return path


def propose(file: Path, *arguments: str) -> Result:
    given = ["release", "propose", "-f", str(file), "--storage-uri", NEW["storageUri"], *arguments]
    return CliRunner().invoke(command, given)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_only_the_bundle_changes(file: Path) -> None:
    assert propose(file, "--digest", NEW["digest"]).exit_code == 0
    wanted = TEXT.replace(OLD["digest"], NEW["digest"]).replace(f'"{OLD["storageUri"]}"', NEW["storageUri"])
    assert file.read_text() == wanted
    assert read_release(file).release.spec.model.digest == NEW["digest"]
    again = propose(file, "--digest", NEW["digest"], "--json")
    assert json.loads(again.output)["changed"] is False


def test_the_first_bundle_is_put_in_and_nothing_else_changes(file: Path) -> None:
    model = f'  model:\n    digest: {OLD["digest"]}  # by the pusher\n    storageUri: "{OLD["storageUri"]}"\n'
    assert model in TEXT
    file.write_text(TEXT.replace(model, "  # Its server.\n"))
    assert propose(file, "--digest", NEW["digest"]).exit_code == 0
    said = f"  model:\n    digest: {NEW['digest']}\n    storageUri: {NEW['storageUri']}\n"
    assert file.read_text() == TEXT.replace(model, f"{said}  # Its server.\n")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (TEXT[TEXT.index("spec:") :], "spec: " + FLOW,
         "flights.yaml:5: what is in spec must be on lines of its own"),
        ("runtime: penstock", "runtime: [penstock]", "flights.yaml:9: spec.serving.runtime"),
        ("kind: ModelRelease", "kind: Pod", "flights.yaml is no ModelRelease"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_changed_stays_as_it_is(file: Path, before: str, after: str, says: str) -> None:
    file.write_text(text := TEXT.replace(before, after))
    refused = propose(file, "--digest", NEW["digest"])
    assert isinstance(refused.exception, BadInput)
    assert says in str(refused.exception)
    assert file.read_text() == text


def test_a_patch_is_what_git_applies(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    made = propose(Path("flights.yaml"), "--digest", NEW["digest"], "--patch", "new.patch")
    assert made.exit_code == 0
    assert file.read_text() == TEXT
    git(tmp_path, "apply", "new.patch")
    assert read_release(file).release.spec.model.digest == NEW["digest"]


def test_a_commit_holds_the_file_and_nothing_else(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Tests")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tests@example.com")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "flights.yaml")
    git(tmp_path, "commit", "--quiet", "-m", "begin")
    (tmp_path / "else.txt").write_text("not mine")
    git(tmp_path, "add", "else.txt")
    manifest = {"name": "flights", "files": {}}
    pushed = tmp_path / "pushed"
    pushed.mkdir()
    (pushed / "manifest.json").write_text(json.dumps({"digest": digest_json(manifest), **manifest}))
    made = propose(file, "--bundle", str(pushed), "--commit", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.output)
    assert git(tmp_path, "rev-parse", "HEAD").strip() == told["commit"]
    assert git(tmp_path, "show", "--name-only", "--format=%s").split("\n")[2:] == ["flights.yaml", ""]
    assert told["digest"] == digest_json(manifest) == read_release(file).release.spec.model.digest


def test_what_the_api_server_would_refuse_is_refused_here_with_its_line(file: Path) -> None:
    made = propose(file, "--digest", "sha256:short")
    assert isinstance(made.exception, BadInput)
    assert f"{file}:7: " in str(made.exception)
    assert file.read_text() == TEXT
    file.write_text(TEXT.replace("runtime: penstock", "runtim: penstock"))
    made = propose(file, "--digest", NEW["digest"])
    assert "did you mean 'runtime'" in str(made.exception)


def test_a_manifest_that_was_changed_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"digest": NEW["digest"], "name": "flights"}))
    assert "its digest is not over what it says" in str(propose(file, "--bundle", str(tmp_path)).exception)
    assert file.read_text() == TEXT
