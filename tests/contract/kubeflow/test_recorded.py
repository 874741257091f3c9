"""A cluster's runs and its lineage together: the stand-in, and a real store beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.artifacts import Decision, Reason
from penstock.kubeflow.api import open_kubeflow
from penstock.kubeflow.recorded import close_ended
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, RunRecord, State
from penstock.profiles.cluster import ClusterProfile, KubeflowApi
from tests.contract.kubeflow.commands import COMPILED, penstock
from tests.servers.kubeflow import KubeflowStandIn
from tests.servers.processes import free_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOW = Reason(rule="min_auc", verdict="Failed", subject="overall", text="0.51 is below 0.6")
NO = Decision(verdict="Failed", consequence="stop", reasons=(LOW,))
YES = Decision(verdict="Successful", consequence="proceed")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the cluster's lineage is."""
    return f"sqlite://{tmp_path / 'lineage.sqlite'}"


@pytest.fixture
def store(url: str) -> LineageStore:
    """The cluster's lineage."""
    return open_store(url)


@pytest.fixture
def recording(staging: str, url: str) -> str:
    """The file of a profile with a lineage."""
    return with_lineage(staging, url)


def with_lineage(profile: str, url: str) -> str:
    path = Path(profile)
    path.write_text(f"{path.read_text()}lineage: {url}\n")
    return profile


def begin(store: LineageStore, run_id: str, **tasks: Any) -> None:
    """Record what the containers of a run have: each task with its decision, or its state."""
    about = {"run_id": run_id, "pipeline": "flights", "started": NOW}
    store.start_run(RunRecord(**about, pipeline_digest="", penstock_version="1", state=State.RUNNING))
    for task, said in tasks.items():
        decided = {"state": State.COMPLETE, "decision": said} if isinstance(said, Decision) else {"state": said}
        store.record([ExecutionRecord(**about, task=task, component=task, **decided)])


def submitted(profile: str) -> str:
    done = penstock("submit", COMPILED, "--profile", profile, "--no-wait", "--json")
    return str(json.loads(done.stdout)["run_id"])


def test_the_recorded_verdict_tells_what_a_run_came_to(
    server: tuple[KubeflowStandIn, str], recording: str, store: LineageStore
) -> None:
    run_id = submitted(recording)
    begin(store, run_id, evaluate=NO, prove=YES)
    server[0].runs[run_id]["state"] = "SUCCEEDED"  # and nothing was skipped
    done = penstock("runs", "follow", run_id, "--profile", recording)
    assert done.returncode == 3
    assert "0.51 is below 0.6" in done.stdout
    answer = json.loads(penstock("runs", "follow", run_id, "--profile", recording, "--json").stdout)
    assert (answer["closed_gates"], answer["exit_code"]) == (["evaluate"], 3)
    assert answer["verdicts"] == {"evaluate": "Failed", "prove": "Successful"}
    recorded = store.run(run_id)
    assert (recorded.state, recorded.exit_code) == (State.COMPLETE, 3)


def test_a_pod_that_died_is_closed_when_its_run_is_over(
    server: tuple[KubeflowStandIn, str], recording: str, store: LineageStore
) -> None:
    run_id = submitted(recording)
    begin(store, run_id, ingest=State.COMPLETE, train=State.RUNNING)
    begin(store, "another", train=State.RUNNING)
    server[0].runs[run_id]["state"] = "FAILED"
    assert penstock("runs", "follow", run_id, "--profile", recording).returncode == 1
    recorded = store.run(run_id)
    assert (recorded.state, recorded.exit_code) == (State.FAILED, 1)
    assert {e.task: e.state for e in recorded.executions} == {"ingest": State.COMPLETE, "train": State.FAILED}
    assert store.run("another").state is State.RUNNING
    begin(store, run_id)  # it is retried
    assert (store.run(run_id).state, store.run(run_id).exit_code) == (State.RUNNING, None)


def test_a_lineage_that_is_away_is_no_error(server: tuple[KubeflowStandIn, str], staging: str) -> None:
    profile = with_lineage(staging, f"grpc://127.0.0.1:{free_port()}")
    run_id = submitted(profile)
    gate = [{"task_id": "c", "display_name": "condition-2", "state": "SKIPPED"}]
    server[0].runs[run_id] |= {"state": "SUCCEEDED", "tasks": gate}
    done = penstock("runs", "follow", run_id, "--profile", profile)
    assert done.returncode == 3
    assert "the gate of evaluate said no" in done.stdout


def test_who_asks_a_clusters_lineage_is_told_of_runs_as_they_are(
    server: tuple[KubeflowStandIn, str], recording: str, store: LineageStore
) -> None:
    over, going_on = submitted(recording), submitted(recording)
    for run_id in (over, going_on, "of-another-cluster"):
        begin(store, run_id, train=State.RUNNING)
    server[0].runs[over]["state"] = "CANCELED"
    server[0].runs[going_on]["state"] = "RUNNING"
    listed = json.loads(penstock("--lineage", recording, "runs", "list", "--json").stdout)
    states = {run["run_id"]: run["state"] for run in listed}
    assert states == {over: "failed", going_on: "running", "of-another-cluster": "running"}
    assert store.run(over).executions[0].state is State.FAILED


def test_a_cluster_that_lets_nobody_in_is_asked_once(server: tuple[KubeflowStandIn, str], store: LineageStore) -> None:
    stand_in, url = server
    stand_in.lets_in = "good"
    for run_id in ("one", "two"):
        begin(store, run_id, train=State.RUNNING)
    cluster = ClusterProfile(kubeflow=KubeflowApi(host=url, auth="none"))
    assert close_ended(store, open_kubeflow(cluster)) == []
    assert len(stand_in.requests) == 1
    assert {run.state for run in store.runs()} == {State.RUNNING}
