"""A release bundle is written on two blessings of this very model, and on nothing less."""

import hashlib
import json
import shutil

import pytest

from components.pusher.main import observe, run
from components.pusher.spec import SPEC, PusherParams
from penstock.artifacts import InfraBlessing, ModelBlessing, Verdict, digest_tree
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.testkit import run_component
from tests.components.pusher.conftest import EVAL_CONFIG, bless, make_inputs


def push(inputs, folder, **params):
    return run_component(SPEC, run, folder, params=params, inputs=inputs).outputs["pushed_model"]


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_bundle_holds_what_a_release_needs(inputs, tmp_path):
    pushed = push(inputs, tmp_path / "out", name="flights")
    assert files_of(pushed.path) == [
        "manifest.json",
        "model/1/saved_model.pb",
        "model/1/variables/variables.index",
        "model/features.json",
        "model/golden.json",
        "model/history.json",
        "schema.pbtxt",
        "thresholds.json",
        "transform_graph/transform_fn/saved_model.pb",
        "transform_graph/transformed_metadata/schema.pbtxt",
    ]
    assert (pushed.path / "model/1/saved_model.pb").read_bytes() == b"\x08\x01graph"
    assert pushed.metadata["model_digest"] == inputs["model"].digest
    assert pushed.metadata["release_digest"] == pushed.read_json("manifest.json")["digest"]
    assert "published" not in pushed.metadata


def test_the_manifest_digests_every_file_and_itself(inputs, tmp_path):
    pushed = push(inputs, tmp_path / "out", name="flights")
    manifest = pushed.read_json("manifest.json")
    for entry in manifest["files"]:
        content = (pushed.path / entry["path"]).read_bytes()
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert [entry["path"] for entry in manifest["files"]] == [f for f in files_of(pushed.path) if f != "manifest.json"]
    digest = manifest.pop("digest")
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    assert digest == "sha256:" + hashlib.sha256(canonical).hexdigest()
    del manifest["files"]
    assert manifest == {
        "format": 1,
        "name": "flights",
        "model_digest": inputs["model"].digest,
        "baseline_digest": "sha256:before",
        "schema_digest": inputs["schema"].digest,
        "transform_graph_digest": inputs["transform_graph"].digest,
        "verdicts": {"model": "Successful", "infra": "Successful"},
    }


def test_what_the_model_answers_comes_along_and_is_in_the_manifest(tmp_path):
    task = {"kind": "multiclass", "classes": ["a", "b", "größer"]}
    files = {"saved_model/saved_model.pb": b"graph", "features.json": "{}", "task.json": json.dumps(task)}
    (tmp_path / "inputs").mkdir()
    pushed = push(make_inputs(tmp_path / "inputs", files), tmp_path / "out")
    assert pushed.read_json("manifest.json")["task"] == pushed.read_json("model/task.json") == task


def test_a_damaged_task_pushes_nothing(tmp_path):
    files = {"saved_model/saved_model.pb": b"graph", "features.json": "{}", "task.json": '{"kind": "ranking"}'}
    (tmp_path / "inputs").mkdir()
    with pytest.raises(BadInput, match=r"not pushed: task.json of the model at .* cannot be read: Input should be"):
        push(make_inputs(tmp_path / "inputs", files), tmp_path / "out")


def test_thresholds_hold_the_bounds_and_the_metrics_at_release(inputs, tmp_path):
    thresholds = push(inputs, tmp_path / "out").read_json("thresholds.json")
    assert thresholds["eval_config"] == EVAL_CONFIG
    assert (thresholds["judged_split"], thresholds["confidence"]) == ("eval", 0.95)
    assert thresholds["slices"] == {
        "overall": {"rows": 200, "metrics": {"auc": {"value": 0.7, "lower": 0.69, "upper": 0.71}}},
        "origin=JFK": {"rows": 70, "metrics": {"auc": {"value": 0.66, "lower": 0.6, "upper": 0.72}}},
    }
    (rule,) = thresholds["rules"]
    assert (rule["rule"], rule["evidence"]["least"]) == ("auc.value_threshold", 0.6)


def test_rules_come_from_the_blessing_that_proved_them(inputs, tmp_path):
    infra = inputs["infra_blessing"]
    infra.write_text("rules.yaml", "version: 1\n")
    infra.metadata["digest"] = digest_tree(infra.path)
    pushed = push(inputs, tmp_path / "out")
    assert pushed.read_text("rules.yaml") == "version: 1\n"
    assert "rules.yaml" in [entry["path"] for entry in pushed.read_json("manifest.json")["files"]]


def test_equal_inputs_make_an_equal_bundle_elsewhere(inputs, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert push(inputs, tmp_path / "one").digest == push(make_inputs(other), other / "out").digest


def test_files_are_linked_not_copied(inputs, tmp_path):
    pushed = push(inputs, tmp_path / "out")
    original = inputs["model"].path / "saved_model/saved_model.pb"
    assert (pushed.path / "model/1/saved_model.pb").samefile(original)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR])
@pytest.mark.parametrize(("noun", "who"), [(ModelBlessing, "the evaluator"), (InfraBlessing, "the infra validator")])
def test_a_verdict_that_is_not_successful_pushes_nothing(inputs, tmp_path, verdict, noun, who):
    name = "blessing" if noun is ModelBlessing else "infra_blessing"
    inputs[name] = bless(noun, tmp_path / "no", verdict, model_digest=inputs["model"].digest)
    with pytest.raises(BadInput, match=f"not pushed: the verdict of {who} is {verdict}"):
        push(inputs, tmp_path / "out", destination=str(tmp_path / "releases"))
    assert not (tmp_path / "out/pushed_model").exists()
    assert not (tmp_path / "releases").exists()


def test_what_the_metadata_claims_does_not_count_against_the_decision(inputs, tmp_path):
    refused = bless(ModelBlessing, tmp_path / "no", Verdict.FAILED, model_digest=inputs["model"].digest)
    refused.metadata["verdict"] = "Successful"
    inputs["blessing"] = refused
    with pytest.raises(BadInput, match="the verdict of the evaluator is Failed"):
        push(inputs, tmp_path / "out")


@pytest.mark.parametrize(
    ("digest", "said"),
    [("sha256:0123456789abcdef", "blessed sha256:0123456789ab"), ("", "the infra validator blessed no model")],
)
def test_a_blessing_of_another_model_pushes_nothing(inputs, tmp_path, digest, said):
    inputs["infra_blessing"] = bless(InfraBlessing, tmp_path / "other", model_digest=digest)
    with pytest.raises(BadInput, match=said):
        push(inputs, tmp_path / "out")


@pytest.mark.parametrize("name", ["model", "schema", "transform_graph", "evaluation", "blessing", "infra_blessing"])
def test_a_damaged_input_is_never_pushed(inputs, tmp_path, name):
    path = next(path for path in sorted(inputs[name].path.rglob("*")) if path.is_file())
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(
        PenstockError, match=rf"{name.replace('blessing', '.*blessing')} at .* is damaged: its digest is"
    ):
        push(inputs, tmp_path / "out", destination=str(tmp_path / "releases"))
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("blessing", "decision.json", "{}"),
        ("infra_blessing", "decision.json", None),
        ("evaluation", "evaluation.json", "[]"),
        ("evaluation", "evaluation.json", '{"judged_split": "eval", "splits": {}}'),
        ("evaluation", "evaluation.json", '{"judged_split": "eval", "splits": {"eval": {"slices": [{"slice": "x"}]}}}'),
        ("evaluation", "eval_config.json", None),
        ("evaluation", "eval_config.json", "[1]"),
    ],
)
def test_what_cannot_be_read_pushes_nothing(inputs, tmp_path, name, file, content):
    path = inputs[name].path / file
    path.unlink()
    (inputs[name].path / "other").write_text("")
    if content is not None:
        path.write_text(content)
    inputs[name].metadata["digest"] = digest_tree(inputs[name].path)
    with pytest.raises(BadInput, match=r"not pushed: .*(no readable decision.json|cannot be read)"):
        push(inputs, tmp_path / "out")


def test_a_schema_artifact_without_a_schema_is_one_line(inputs, tmp_path):
    shutil.move(inputs["schema"].path / "schema.pbtxt", inputs["schema"].path / "other.pbtxt")
    inputs["schema"].metadata["digest"] = digest_tree(inputs["schema"].path)
    with pytest.raises(PenstockError, match="cannot write the bundle: No such file"):
        push(inputs, tmp_path / "out")


@pytest.mark.parametrize("name", ["Flights", "a b", "-a", "a-", "", "../x", "x" * 51])
def test_a_name_that_kubernetes_would_not_take_is_refused(inputs, tmp_path, name):
    with pytest.raises(BadInput, match="name: "):
        push(inputs, tmp_path / "out", name=name)


def test_only_a_published_release_must_be_looked_after_on_each_run():
    assert observe(PusherParams()) == observe(PusherParams()) == ""
    with_destination = PusherParams(destination="/releases")
    assert observe(with_destination) != observe(with_destination)
