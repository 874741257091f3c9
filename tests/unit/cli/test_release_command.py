"""Releases by the command line, as far as nothing has to be served for it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from rich.console import Console

from penstock.artifacts.verdict import Verdict
from penstock.cli.main import command
from penstock.cli.release_following import line, render
from penstock.releasing.local.progress import Progress, progress
from penstock.releasing.local.store import ReleaseStore, Stored
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, RouteStatus, Split, Trial, Twin
from penstock.sdk import BadInput
from tests.unit.releasing.local.bundles import write_bundle
from tests.unit.releasing.local.kept import deployed, readings
from tests.unit.releasing.local.kept import stored as kept
from tests.unit.releasing.releases import at, spec_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def ask(home: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(command, ["--home", str(home), "release", *arguments])
    if isinstance(done.exception, BadInput):
        raise done.exception
    return done


def release(folder: Path, **model: str) -> str:
    spec = spec_of("one").model_dump(mode="json", by_alias=True, exclude_none=True)
    whole = {**spec, "model": model or write_bundle(folder / "bundle", "one")}
    document = {"apiVersion": "penstock.io/v1alpha1", "kind": "ModelRelease", "metadata": {"name": "flights"}}
    (folder / "release.yaml").write_text(yaml.safe_dump({**document, "spec": whole}))
    return str(folder / "release.yaml")


def test_a_release_is_kept_and_said_to_wait_for_a_server(home: Path, tmp_path: Path) -> None:
    file = release(tmp_path)
    assert "release flights created" in ask(home, "apply", "-f", file).output
    assert "release flights unchanged" in ask(home, "apply", "-f", file).output
    again = json.loads(ask(home, "apply", "-f", file, "--json").output)
    assert again == {"release": "flights", "generation": 1, "served": False}
    with pytest.raises(BadInput, match="not served here"):
        ask(home, "apply", "-f", file, "--wait")


def test_what_cannot_be_tried_here_changes_nothing(home: Path, tmp_path: Path) -> None:
    good = release(tmp_path)
    ask(home, "apply", "-f", good)
    before = ReleaseStore(home / "releases").get("flights")
    digest = before.spec.model.digest
    for model, why in (
        ({"digest": digest, "storageUri": "s3://models/one"}, "not on this machine"),
        ({"digest": digest, "storageUri": "file:///nowhere"}, "no release bundle"),
        ({"digest": "sha256:" + 64 * "0", "storageUri": before.spec.model.storage_uri}, "and the release names"),
    ):
        with pytest.raises(BadInput, match=why):
            ask(home, "apply", "-f", release(tmp_path, **model))
    assert ReleaseStore(home / "releases").get("flights") == before


def test_a_bundle_may_be_named_by_its_folder(home: Path, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other", "other")
    ask(home, "apply", "-f", release(tmp_path), "--bundle", str(tmp_path / "other"))
    assert ReleaseStore(home / "releases").get("flights").spec.model.digest == other["digest"]


def test_labels_are_found_from_any_working_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path(release(tmp_path))
    document = yaml.safe_load(file.read_text())
    gate = {"name": "q", "metric": "quality", "source": {"kind": "labels", "labels": "later"}}
    document["spec"]["analysis"] = {"gates": [gate]}
    file.write_text(yaml.safe_dump(document))
    ask(home, "apply", "-f", str(file))
    spec = ReleaseStore(home / "releases").get("flights").spec
    assert spec.analysis.gates[0].source.labels == str(tmp_path / "later")


def test_a_persons_word_changes_the_specification_alone(home: Path, tmp_path: Path) -> None:
    ask(home, "apply", "-f", release(tmp_path))
    store = ReleaseStore(home / "releases")
    ask(home, "pause", "flights")
    assert store.get("flights").spec.paused
    assert "goes on" in ask(home, "resume", "flights").output
    assert not store.get("flights").spec.paused
    assert "was not paused by anyone: it is New" in ask(home, "resume", "flights").output
    ask(home, "approve", "flights", "--step", "canary-100")
    (approval,) = store.get("flights").spec.promotion.approvals
    assert (approval.step, approval.digest) == ("canary-100", store.get("flights").spec.model.digest)
    with pytest.raises(BadInput, match="neither rolled back nor undecided: it is New"):
        ask(home, "retry", "flights")
    assert store.get("flights").generation == 4
    store.save("flights", 4, 0, ModelReleaseStatus(phase=Phase.ROLLED_BACK, observed_generation=4))
    ask(home, "retry", "flights")
    assert store.get("flights").spec.retry_token
    assert store.get("flights").generation == 5
    with pytest.raises(BadInput, match="no step 'canary-7'"):
        ask(home, "approve", "flights", "--step", "canary-7")
    with pytest.raises(BadInput, match="waits for no approval"):
        ask(home, "approve", "flights")


def test_the_step_that_a_release_waits_before_is_approved_without_naming_it(home: Path, tmp_path: Path) -> None:
    ask(home, "apply", "-f", release(tmp_path))
    store = ReleaseStore(home / "releases")
    trial = Trial(number=1, started=at(0), step="canary-5", weight_percent=5)
    store.save("flights", 1, 0, ModelReleaseStatus(phase=Phase.AWAITING_APPROVAL, trial=trial))
    assert "step canary-50 is approved" in ask(home, "approve", "flights").output
    (approval,) = store.get("flights").spec.promotion.approvals
    assert approval.step == "canary-50"
    assert "step canary-50 is approved" in ask(home, "approve", "flights").output
    assert store.get("flights").generation == 2


def test_an_unknown_release_is_said_to_be_none(home: Path) -> None:
    for words in (["show"], ["watch"], ["report"], ["pause"], ["retry"]):
        with pytest.raises(BadInput, match="there is no release 'x'"):
            ask(home, *words, "x")
    assert "there is none yet" in ask(home, "list").output
    assert not home.exists()


def underway() -> Progress:
    candidate = deployed("three", Twin.A)
    split = Split.of(Twin.B, 50)
    fields = {
        "phase": Phase.RELEASING,
        "message": "step canary-50: not enough is known yet",
        "candidate": candidate,
        "trial": Trial(number=2, started=at(2000), step="canary-50", weight_percent=50, step_since=at(2990)),
        "route": RouteStatus(wanted=split, seen=split),
        "gates": readings(400, 3.0, Verdict.INCONCLUSIVE),
    }
    release_ = kept()
    changed: ModelReleaseStatus = release_.status.model_copy(update=fields)
    return progress(Stored("flights", 2, release_.spec, 9, changed), at(3000))


def test_a_release_in_one_line() -> None:
    assert line(underway()) == "00:50:00  Releasing           50%  step canary-50: not enough is known yet"


@pytest.mark.parametrize("width", [60, 160])
def test_a_release_on_a_terminal_of_any_width(width: int) -> None:
    shown = io.StringIO()
    Console(file=shown, width=width, force_terminal=False).print(render(underway()))
    text = shown.getvalue()
    assert "candidate 50%" in text
    assert max(map(len, text.splitlines())) <= width
    if width > 100:
        assert "step canary-50 (3 of 5): 10.0 s on it, deadline in" in text
        assert "400/10" in text
        assert "3/50" in text
