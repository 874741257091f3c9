"""The commands for clusters from end to end, against the stand-in: what people type, what they read, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.kubeflow.api import open_kubeflow
from tests.contract.kubeflow.commands import COMPILED, ENVIRONMENT, REPOSITORY, command, penstock, write_profile
from tests.servers.kubeflow import KubeflowStandIn
from tests.servers.processes import free_port


def scripted(stand_in: KubeflowStandIn, last: str, *tasks: list[dict[str, Any]]) -> None:
    """Let the next run start its first task, and then end so."""
    first = [{**node, "state": "RUNNING"} for node in tasks[0]]
    every = [node for task in tasks for node in task]
    stand_in.script = [{"state": "RUNNING", "tasks": first}, {"state": last, "tasks": every}]


def with_images(path: Path, url: str) -> str:
    """A profile for which pipelines can be compiled."""
    write_profile(path, url)
    images = ", ".join(f"{name}: penstock/{name}:test" for name in ("runtime", "serving", "control"))
    path.write_text(path.read_text() + f"image_pull_policy: Never\nimages: {{{images}}}\n")
    return str(path)


def test_a_run_is_submitted_and_watched(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    stand_in, _ = server
    scripted(stand_in, "SUCCEEDED", stand_in.task("ingest", "SUCCEEDED"), stand_in.task("train", "SUCCEEDED"))
    done = penstock("submit", COMPILED, "--profile", staging, "--set", "train.epochs=2", "--name", "a trial")
    assert (done.returncode, done.stderr.splitlines()[1:]) == (
        0,
        ["ingest: started", "ingest: done in 1.0 s", "train: started", "train: done in 1.0 s"],
    ), done
    (run,) = stand_in.runs.values()
    assert run["runtime_config"] == {"parameters": {"train_epochs": 2}}
    assert (run["display_name"], run["service_account"]) == ("a trial", "pipeline-runner")
    assert [e["display_name"] for e in stand_in.experiments.values()] == ["trials"]
    assert next(iter(stand_in.contents.values())) == (REPOSITORY / COMPILED).read_bytes()
    assert f"run      {run['run_id']}  succeeded" in done.stdout


def test_a_pipeline_is_compiled_for_the_cluster_that_it_is_submitted_to(
    server: tuple[KubeflowStandIn, str], tmp_path: Path
) -> None:
    stand_in, url = server
    profile = with_images(tmp_path / "images.yaml", url)
    refused = penstock("submit", "flights", "--profile", profile, "--set", "train.epochs=0")
    assert (refused.returncode, stand_in.requests) == (2, [])
    assert "task train: epochs: input should be greater than or equal to 1" in refused.stderr
    done = penstock("submit", "flights", "--profile", profile, "--set", "train.epochs=3", "--no-wait", "--json")
    assert done.returncode == 0, done.stderr
    (version,) = stand_in.contents
    assert json.loads(done.stdout)["version"] == version
    assert version.startswith("flights-")
    assert b"penstock/runtime:test" in stand_in.contents[version]
    missing = penstock("submit", "flihgts", "--profile", profile)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "flights" in missing.stderr


def test_a_version_has_one_name_however_it_comes_to_the_cluster(
    server: tuple[KubeflowStandIn, str], tmp_path: Path
) -> None:
    """Compiled as it is submitted, beforehand, without its header, and as a resource that GitOps applies."""
    stand_in, url = server
    profile = with_images(tmp_path / "images.yaml", url)
    compile_ = ("compile", "flights", "--profile", profile, "--output")
    gitops = penstock(*compile_, str(tmp_path / "k8s.yaml"), "--target", "kubernetes")
    assert gitops.returncode == 0, gitops.stderr
    text = penstock(*compile_, str(tmp_path / "compiled.yaml"))
    assert text.returncode == 0, text.stderr
    compiled, bare = tmp_path / "compiled.yaml", tmp_path / "bare.yaml"
    lines = compiled.read_text().splitlines(keepends=True)
    assert lines[0].startswith("# ")
    bare.write_text("".join(line for line in lines if not line.startswith("#")))
    for given in ("flights", str(compiled), str(bare)):
        done = penstock("submit", given, "--profile", profile, "--no-wait", "--json")
        assert done.returncode == 0, done.stderr
    applied = list(yaml.safe_load_all((tmp_path / "k8s.yaml").read_text()))[1]
    assert [version["name"] for version in stand_in.versions.values()] == [applied["metadata"]["name"]]


def test_the_same_again_is_the_same_version(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    stand_in, _ = server
    stand_in.slow_seconds = 0.3
    line = command("submit", COMPILED, "--profile", staging, "--no-wait", "--json")
    started = [subprocess.Popen(line, stdout=subprocess.PIPE, cwd=REPOSITORY, env=ENVIRONMENT) for _ in range(3)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert {answer["version"] for answer in answers} == {next(iter(stand_in.versions.values()))["name"]}
    assert (len(stand_in.versions), len(stand_in.pipelines), len(stand_in.experiments)) == (1, 1, 1)
    assert len({answer["run_id"] for answer in answers}) == len(stand_in.runs) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "train.epochs=many"], "--set train.epochs: 'many' is not a whole number"),
        (["--set", "train.epochs=0"], "epochs"),
        (["--set", "train.epoch=1"], "did you mean 'epochs'"),
        (["--set", "train.epochs"], "--set wants TASK.PARAM=VALUE"),
    ],
)
def test_what_is_set_is_checked_before_anything_is_sent(
    server: tuple[KubeflowStandIn, str], staging: str, arguments: list[str], message: str
) -> None:
    done = penstock("submit", COMPILED, "--profile", staging, *arguments)
    assert (done.returncode, done.stdout, server[0].requests) == (2, "", [])
    assert message.lower() in done.stderr.lower()
    assert len(done.stderr.splitlines()) == 1


def test_a_failed_run_shows_why_and_the_end_of_the_log(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    stand_in, _ = server
    stand_in.logs["wf-impl-train1"] = "".join(f"line {i}\n" for i in range(100)) + "[no] tensor\n"
    failed = stand_in.task("train", "FAILED", why="OOMKilled (exit code 137)")
    scripted(stand_in, "FAILED", stand_in.task("ingest", "SUCCEEDED"), failed)
    done = penstock("submit", COMPILED, "--profile", staging)
    assert done.returncode == 1
    assert "train: failed" in done.stderr
    assert "OOMKilled (exit code 137)" in done.stdout
    assert done.stdout.count("line ") == 29
    assert "  [no] tensor\n" in done.stdout
    assert "again    penstock runs retry" in done.stdout
    stand_in.logs.clear()
    (run,) = stand_in.runs
    again = penstock("runs", "follow", run, "--profile", staging)
    assert again.returncode == 1
    assert "its log cannot be had: neither its pod nor the archive has it any more" in again.stdout


def test_a_gate_that_said_no_is_exit_3(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    stand_in, _ = server
    skipped = [{"task_id": "c", "display_name": "condition-2", "state": "SKIPPED"}]
    scripted(stand_in, "SUCCEEDED", stand_in.task("evaluate", "SUCCEEDED"), skipped)
    done = penstock("submit", COMPILED, "--profile", staging, "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert (answer["closed_gates"], answer["exit_code"], answer["state"]) == (["evaluate"], 3, "SUCCEEDED")


def test_ctrl_c_ends_the_waiting_and_not_the_run(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    stand_in, _ = server
    stand_in.script = [{"state": "RUNNING", "tasks": stand_in.task("ingest", "RUNNING")}]
    process = subprocess.Popen(
        command("submit", COMPILED, "--profile", staging),
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=ENVIRONMENT,
    )
    end = time.monotonic() + 60
    while stand_in.script and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    (run,) = stand_in.runs.values()
    assert (process.returncode, run["state"]) == (130, "RUNNING")
    assert f"the run goes on. Watch it: penstock runs follow {run['run_id']} --profile" in said
    assert "Traceback" not in said


def test_a_token_that_expires_while_one_watches_does_not_look_like_a_failed_run(
    server: tuple[KubeflowStandIn, str], tmp_path: Path
) -> None:
    stand_in, url = server
    stand_in.lets_in = "good"
    (tmp_path / "token").write_text("good")
    profile = write_profile(tmp_path / "token.yaml", url, auth="token", token_file=str(tmp_path / "token"))
    made = json.loads(penstock("submit", COMPILED, "--profile", profile, "--no-wait", "--json").stdout)
    stand_in.lets_in = "better"
    done = penstock("runs", "follow", made["run_id"], "--profile", profile)
    assert done.returncode == 1
    assert f"the run {made['run_id']} goes on, but cannot be watched: " in done.stderr.splitlines()[-1]
    refused = penstock("submit", COMPILED, "--profile", profile)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


def test_no_server_is_one_line_and_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = write_profile(tmp_path / "p.yaml", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setitem(open_kubeflow.__kwdefaults__, "patience_seconds", 0.5)
    monkeypatch.setattr("penstock.kubeflow.sending.PATIENCE_SECONDS", 0.5)
    done = penstock("submit", COMPILED, "--profile", profile)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "cannot be reached" in done.stderr


def test_runs_of_a_cluster_are_listed_shown_stopped_and_retried(
    server: tuple[KubeflowStandIn, str], staging: str
) -> None:
    stand_in, _ = server
    ids = [
        json.loads(penstock("submit", COMPILED, "--profile", staging, "--no-wait", "--json").stdout)["run_id"]
        for _ in range(2)
    ]
    stand_in.runs[ids[0]] |= {"state": "FAILED", "tasks": stand_in.task("train", "FAILED", why="no memory")}
    listed = penstock("runs", "list", "--profile", staging, "--json", "--pipeline", "flights")
    assert [run["run_id"] for run in json.loads(listed.stdout)] == ids[::-1]
    table = penstock("runs", "list", "--profile", staging, "--state", "failed").stdout
    assert ids[0] in table
    assert ids[1] not in table
    shown = penstock("runs", "show", ids[0], "--profile", staging)
    assert "no memory" in shown.stdout
    assert penstock("runs", "retry", ids[0], "--profile", staging, "--no-wait").stdout == f"{ids[0]}: goes on\n"
    assert stand_in.runs[ids[0]]["state"] == "RUNNING"
    assert penstock("runs", "terminate", ids[1], "--profile", staging).returncode == 0
    assert stand_in.runs[ids[1]]["state"] == "CANCELING"
    wrong = penstock("runs", "retry", ids[1], "--profile", staging)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert penstock("runs", "show", "none", "--profile", staging).returncode == 2
    assert (
        "there is no pipeline 'churn'" in penstock("runs", "list", "--profile", staging, "--pipeline", "churn").stderr
    )


@pytest.mark.parametrize(
    "line",
    [
        "compile flights", "check flights", "doctor", "submit flights", "schedules apply", "schedules list",
        "runs list", "runs show r", "runs follow r", "runs terminate r", "runs retry r",
    ],
)  # fmt: skip
def test_a_laptops_profile_is_refused_in_the_same_words_everywhere(line: str) -> None:
    refused = penstock(*line.split(), "--profile", "local")
    hint = "Name an overlay under kustomize/overlays, or a file with `kind: cluster`"
    told = f"penstock: the profile 'local' is no cluster's. {hint}\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", told)
