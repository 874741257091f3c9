"""The gate opens for a model that serves and closes for each way in which one does not: real servers, real models."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from penstock.artifacts import digest_tree
from tests.components.infra_validator.conftest import ENVIRONMENT, PYTHON, REPOSITORY, Judged, executor_input
from tests.unit.serving.small_model import ROWS

pytestmark = pytest.mark.slow
QUICK = {"min_qps": 50.0, "load_seconds": 0.5}


def change_golden(model, change):
    path = model / "golden.json"
    golden = json.loads(path.read_text())
    change(golden)
    path.write_text(json.dumps(golden))


def test_a_good_model_is_blessed_with_its_figures(worker, model, tmp_path):
    judged = worker.judge(model, tmp_path / "out")
    assert (judged.code, judged.error) == (0, "")
    assert {reason.rule for reason in judged.decision.reasons} == {
        "timeout_seconds",
        "same_answers",
        "max_p99_ms",
        "max_memory_bytes",
    }
    assert [r.subject for r in judged.decision.reasons if r.rule == "same_answers"] == [
        "V1, one row a request",
        "V1, many rows",
        "V2, one row a request",
        "V2, many rows",
    ]
    facts = judged.metadata
    assert (facts["verdict"], facts["model_digest"], facts["golden_rows"]) == (
        "Successful",
        "sha256:the-model",
        len(ROWS),
    )
    assert 0 < facts["p50_ms"] <= facts["p99_ms"] < 250
    assert 0 < facts["qps"] <= 12  # ten, the last of them after 0.9 s
    assert 50e6 < facts["peak_memory_bytes"] < 4e9
    assert 0 < facts["load_seconds"] < 60


RULES = """
version: 1
rules: [{name: cap, when: 'carrier == "AA"', clamp: {max: 0.5}}]
examples: [{row: {carrier: AA}, score: 0.9, expect: {score: 0.5, rules: [cap]}}]
"""


def test_rules_that_come_out_as_they_say_go_with_the_blessing(worker, model, tmp_path):
    judged = worker.judge(model, tmp_path / "out", rules=RULES, **QUICK)
    assert (judged.code, judged.metadata["verdict"]) == (0, "Successful")
    assert [r.verdict for r in judged.decision.reasons if r.rule == "rules"] == ["Successful"]
    assert (tmp_path / "out/blessing/rules.yaml").read_text() == RULES


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("score: 0.5", "score: 0.6"), "examples[0]: the answer is 0.5, not 0.6"),
        (("carrier ==", "carier =="), "rule 'cap': when: at 1:1: undeclared reference to 'carier'"),
        (("clamp: {max", "clamp: {mx"), "rules.yaml:3: rules.0.clamp.mx: Extra inputs are not permitted"),
    ],
)
def test_rules_that_do_not_fit_close_the_gate(worker, model, tmp_path, change, says):
    judged = worker.judge(model, tmp_path / "out", rules=RULES.replace(*change), **QUICK)
    assert (judged.code, judged.metadata["verdict"]) == (0, "Failed")
    assert (judged.worst.rule, judged.worst.text) == ("rules", says)


def test_the_same_model_gets_the_same_blessing_again(worker, model, tmp_path):
    first, second = (worker.judge(model, tmp_path / name, **QUICK) for name in ("one", "two"))
    assert first.metadata["digest"] == second.metadata["digest"] == digest_tree(tmp_path / "two/blessing")
    assert first.metadata["p50_ms"] != second.metadata["p50_ms"]


def test_a_model_that_does_not_load(worker, model, tmp_path):
    pb = model / "saved_model/saved_model.pb"
    pb.write_bytes(pb.read_bytes()[:200])
    judged = worker.judge(model, tmp_path / "out")
    assert (judged.code, judged.decision.verdict, judged.worst.rule) == (0, "Failed", "loads")
    assert "saved_model does not load" in judged.worst.text


def test_a_model_without_its_variables(worker, model, tmp_path):
    next(model.glob("saved_model/variables/*.index")).write_bytes(b"nothing")
    judged = worker.judge(model, tmp_path / "out")
    assert (judged.decision.verdict, judged.worst.rule) == ("Failed", "loads")


def test_a_model_that_answers_nan(worker, small_models, tmp_path):
    judged = worker.judge(small_models / "nan", tmp_path / "out")
    assert (judged.decision.verdict, judged.worst.rule) == ("Failed", "loads")
    assert "score for row 0 is nan" in judged.worst.text


def test_answers_that_differ_from_the_trainers(worker, model, tmp_path):
    change_golden(model, lambda golden: golden["scores"].__setitem__(3, golden["scores"][3] - 0.002))
    judged = worker.judge(model, tmp_path / "out")
    failed = [reason for reason in judged.decision.reasons if reason.verdict == "Failed"]
    assert [reason.rule for reason in failed] == ["same_answers"] * 4
    assert {reason.evidence["row"] for reason in failed} == {3}
    assert "1 of 6 rows are scored otherwise than by the trainer" in judged.worst.text
    assert "qps" not in judged.metadata
    assert worker.judge(model, tmp_path / "wide", tolerance=0.003, **QUICK).decision.verdict == "Successful"


def test_a_model_of_several_classes(worker, small_models, tmp_path):
    judged = worker.judge(small_models / "classes", tmp_path / "good", **QUICK)
    assert (judged.code, judged.error, judged.decision.verdict) == (0, "", "Successful")
    spoilt = shutil.copytree(small_models / "classes", tmp_path / "model")
    change_golden(spoilt, lambda golden: golden["scores"][2].__setitem__(1, 2.0))
    judged = worker.judge(spoilt, tmp_path / "bad", **QUICK)
    failed = [reason for reason in judged.decision.reasons if reason.verdict == "Failed"]
    assert [reason.rule for reason in failed] == ["same_answers"] * 4
    assert {(reason.evidence["row"], reason.evidence["differing"]) for reason in failed} == {(2, 1)}
    assert "golden row 2, class 1: " in judged.worst.text


def test_a_model_with_fewer_classes_than_its_golden_rows(worker, small_models, tmp_path):
    """One number a row, as older models have, against golden rows of three."""
    model = shutil.copytree(small_models / "good", tmp_path / "model")
    shutil.copy(small_models / "classes/golden.json", model)
    judged = worker.judge(model, tmp_path / "out", **QUICK)
    assert (judged.decision.verdict, judged.worst.rule) == ("Failed", "same_answers")
    assert "golden row 0 is scored with 1 numbers, not 3" in judged.worst.text


def test_golden_rows_that_the_server_refuses(worker, model, tmp_path):
    change_golden(model, lambda golden: golden["rows"][1].__setitem__("distance", 2.5))
    judged = worker.judge(model, tmp_path / "out")
    assert judged.decision.verdict == "Failed"
    assert "HTTP 400" in judged.worst.text
    assert "must be an integer or null, not 2.5" in judged.worst.text


def test_nothing_to_compare_with_opens_nothing(worker, model, tmp_path):
    change_golden(model, lambda golden: golden.update(rows=[], scores=[]))
    assert worker.judge(model, tmp_path / "empty").decision.verdict == "Inconclusive"
    (model / "golden.json").write_text("{")
    damaged = worker.judge(model, tmp_path / "damaged")
    assert (damaged.decision.verdict, "golden.json is damaged" in damaged.worst.text) == ("Failed", True)
    (model / "golden.json").unlink()
    absent = worker.judge(model, tmp_path / "absent")
    assert (absent.code, absent.decision.gate) == (0, "closed")


def test_a_model_that_is_not_ready_in_time(worker, small_models, tmp_path):
    judged = worker.judge(small_models / "slow", tmp_path / "out", timeout_seconds=1)
    assert (judged.decision.verdict, judged.worst.rule) == ("Failed", "timeout_seconds")
    assert judged.worst.text == "the model was not ready within 1 s"


def test_a_model_that_is_too_slow(worker, small_models, tmp_path):
    """Whether it is the model or the machine, which may be too busy to tell: the gate is closed."""
    judged = worker.judge(small_models / "tardy", tmp_path / "out", max_p99_ms=100, min_qps=2)
    assert (judged.decision.gate, judged.worst.rule) == ("closed", "max_p99_ms")
    assert "ms at 2/s; asked: at most 100 ms" in judged.worst.text
    assert judged.metadata["p99_ms"] > 100


def test_a_model_that_takes_too_much_memory(worker, model, tmp_path):
    judged = worker.judge(model, tmp_path / "out", max_memory_bytes=1024**2, **QUICK)
    assert (judged.decision.verdict, judged.worst.rule) == ("Failed", "max_memory_bytes")
    assert "MiB, over 1 MiB" in judged.worst.text
    assert judged.metadata["qps"] > 0


def under_load(pid):
    """Wait until the load test runs; the server. Both are forks, told apart by the files that they hold open."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            children = psutil.Process(pid).children()
            loading = [
                c for c in children if any("load-" in str(f.readlink()) for f in Path(f"/proc/{c.pid}/fd").iterdir())
            ]
        except (OSError, psutil.Error):
            continue
        if loading and len(children) == 2:
            time.sleep(0.2)
            return next(child for child in children if child not in loading)
        time.sleep(0.005)
    raise AssertionError("the load test did not start")


LONG = {"min_qps": 50.0, "load_seconds": 6}


def test_a_server_that_dies_under_load(worker, model, tmp_path):
    pid = worker.start(model, tmp_path / "out", **LONG)
    under_load(pid).kill()
    judged = worker.end(tmp_path / "out")
    assert (judged.code, judged.decision.verdict, judged.worst.rule) == (0, "Failed", "no_errors")
    assert "the server died of SIGKILL" in judged.worst.text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_the_server_dies_with_the_component(worker, model, tmp_path, number, code):
    pid = worker.start(model, tmp_path / "out", **LONG)
    server = under_load(pid)
    os.kill(pid, number)
    judged = worker.end(tmp_path / "out")
    assert judged.code == code
    assert not (tmp_path / "out/blessing").exists()
    psutil.wait_procs([server], timeout=10)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_no_port_to_be_had_is_no_word_about_the_model(worker, model, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a machine without a loopback address can be made by root only")
    worker.start(model, tmp_path / "out", without_network=True)
    judged = worker.end(tmp_path / "out")
    assert judged.code == 1
    assert judged.error.startswith("infra_validator: could not measure: ")  # no port, or no way to it
    assert not (tmp_path / "out/blessing").exists()


def test_a_fresh_container(model, tmp_path):
    """As KFP starts it: nothing imported, one argument, the serving environment."""
    if not PYTHON.exists():
        pytest.skip("no serving environment (make setup)")
    document = json.dumps(executor_input(model, tmp_path, QUICK))
    command = [str(PYTHON), "-m", "components.infra_validator.main", document]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    judged = Judged(done.returncode, done.stderr, tmp_path)
    assert (judged.code, judged.error, judged.metadata["verdict"]) == (0, "", "Successful")


def test_a_process_whose_tensorflow_has_threads_is_not_forked_into_a_server(worker, model, tmp_path):
    """A fork of it would hang at its first operation; a fresh interpreter, which imports everything again, does not."""
    forked = worker.judge(model, tmp_path / "forked", **QUICK)
    fresh = worker.judge(model, tmp_path / "fresh", tensorflow_started=True, **QUICK)
    assert (fresh.code, fresh.decision.verdict) == (0, "Successful")
    # Importing TensorFlow has a peak that a fork of a process with TensorFlow in it does not have.
    assert fresh.metadata["peak_memory_bytes"] > 1.3 * forked.metadata["peak_memory_bytes"]
    assert fresh.metadata["digest"] == forked.metadata["digest"]


def test_an_environment_that_cannot_serve_is_no_word_about_the_model(model, tmp_path):
    """The training environment has no KServe."""
    document = json.dumps(executor_input(model, tmp_path, QUICK))
    command = [sys.executable, "-m", "components.infra_validator.main", document]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("infra_validator: could not measure: the server did not start")
    assert "No module named" in done.stderr
    assert not (tmp_path / "blessing").exists()
