"""A component on a cluster: recorded whatever its end is, done once, told in one line."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import fsspec
import pytest
from parts.double.spec import SPEC as DOUBLE
from parts.judge.spec import SPEC as JUDGE
from parts.numbers.spec import SPEC as NUMBERS

from penstock.lineage.address import parse_address
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, State
from penstock.provenance import variables
from tests.e2e.tiny_pipeline import run as run_here
from tests.e2e.tiny_pipeline import write_pipeline
from tests.servers.kubeflow_launcher import Run
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.slow  # each task is a process of its own, with everything to import


def executions(store: LineageStore, run: Run) -> dict[str, ExecutionRecord]:
    return {execution.task: execution for execution in store.run(run.run_id).executions}


def pipeline(run: Run, **parameters: int) -> dict[str, dict]:
    """Run numbers, double and judge; returns what each put out."""
    made = run.task(NUMBERS, count=3).execute()
    doubled = run.task(DOUBLE, **parameters).wire(examples=made["examples"]).execute()
    judged = run.task(JUDGE).wire(examples=doubled["examples_out"]).execute()
    return {**made, **doubled, **judged}


def again(run: Run) -> Run:
    """Another run of the same pipeline, at the same places."""
    return Run(run.root, run.lineage)


def test_a_task_is_recorded_from_its_beginning_to_its_end(run: Run, store: LineageStore) -> None:
    outputs = pipeline(run)
    found = store.run(run.run_id)
    assert (found.state, found.pipeline, found.exit_code) == (State.COMPLETE, "tiny", None)
    assert found.ended is not None
    assert [e.task for e in found.executions] == ["numbers", "double", "judge"]
    double = executions(store, run)["double"]
    assert (double.state, double.attempt, double.component) == (State.COMPLETE, 1, "double")
    assert double.parameters["factor"] == 2
    assert [a.name for a in double.inputs] == ["examples"]
    assert [a.uri for a in double.outputs] == [outputs["examples_out"]["uri"]]
    assert double.outputs[0].digest == outputs["examples_out"]["metadata"]["digest"]
    assert (double.rows, double.pod[:7]) == (3, "double-")
    assert double.peak_memory_bytes > 1_000_000
    assert double.cache_key.startswith("sha256:")
    judge = executions(store, run)["judge"]
    assert judge.decision is not None
    assert judge.decision.gate == "open"


def test_a_run_again_takes_everything_from_the_first(run: Run, store: LineageStore) -> None:
    first, second = pipeline(run), again(run)
    repeated = pipeline(second)
    found = executions(store, second)
    assert {task: e.state for task, e in found.items()} == dict.fromkeys(found, State.CACHED)
    originals = executions(store, run)
    for task, execution in found.items():
        assert execution.cached_from == originals[task].id
        assert execution.cache_key == originals[task].cache_key
    for name, artifact in repeated.items():
        assert artifact["metadata"] == first[name]["metadata"]
        assert artifact["uri"].startswith(second.prefix)
        assert Path(artifact["uri"]).is_dir()
    assert store.run(second.run_id).state is State.COMPLETE


def test_a_changed_parameter_does_again_only_what_hangs_on_it(run: Run, store: LineageStore) -> None:
    pipeline(run)
    second = again(run)
    pipeline(second, factor=5)
    found = {task: e.state for task, e in executions(store, second).items()}
    assert found == {"numbers": State.CACHED, "double": State.COMPLETE, "judge": State.COMPLETE}
    assert [a.name for a in executions(store, second)["judge"].inputs] == ["examples", "before"]  # looked up


def test_caching_can_be_switched_off(run: Run, store: LineageStore) -> None:
    run.task(NUMBERS, count=3).execute()
    second = again(run)
    second.task(NUMBERS, count=3).execute(**{variables.CACHE: "off"})
    assert executions(store, second)["numbers"].state is State.COMPLETE


def test_the_key_is_the_one_of_a_laptop_and_its_work_is_taken(tmp_path: Path) -> None:
    compiled = write_pipeline(tmp_path)
    here = run_here(compiled, tmp_path / "home")
    run = Run(str(tmp_path / "volume"), f"sqlite://{tmp_path}/home/lineage.sqlite")
    pipeline(run)
    from penstock.lineage.open import open_store

    store = open_store(run.lineage)
    laptop = {e.task: e for e in store.run(here["run_id"]).executions}
    for task, execution in executions(store, run).items():
        assert execution.cache_key == laptop[task].cache_key
        assert (execution.state, execution.cached_from) == (State.CACHED, laptop[task].id)


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"factor": "many"}, 2, "task double: factor"),
        ({"crash": True}, 1, "ZeroDivisionError: one over nothing"),
        ({"fail_until": "{tmp}/letters"}, 1, "not yet"),
    ],
)
def test_a_failure_is_recorded_with_its_reason(
    run: Run, store: LineageStore, *, tmp_path: Path, parameters: dict, code: int, said: str
) -> None:
    made = run.task(NUMBERS, count=3).execute()
    parameters = {k: v.format(tmp=tmp_path) if isinstance(v, str) else v for k, v in parameters.items()}
    task = run.task(DOUBLE, **parameters).wire(examples=made["examples"])
    task.execute(code)
    assert said in task.said
    double = executions(store, run)["double"]
    assert double.state is State.FAILED
    assert said in double.error
    assert "\n" not in double.error
    assert store.run(run.run_id).state is State.FAILED
    assert not Path(task.place, "examples_out").exists()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_pod_that_is_told_to_stop_says_so(run: Run, store: LineageStore, tmp_path: Path) -> None:
    made = run.task(NUMBERS, count=3).execute()
    task = run.task(DOUBLE, seconds=60.0, touch=str(tmp_path / "begun")).wire(examples=made["examples"])
    with task.pod() as pod:
        process = pod.start()
        wait_for(tmp_path / "begun", process)
        assert executions(store, run)["double"].state is State.RUNNING
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        process.communicate()
        assert not (pod.folder / "output_metadata.json").exists()
    double = executions(store, run)["double"]
    assert (double.state, "told to stop" in double.error) == (State.FAILED, True)
    assert list(Path(task.place).glob("*")) == []


def test_a_pod_that_is_killed_is_closed_by_the_next_attempt(run: Run, store: LineageStore, tmp_path: Path) -> None:
    made = run.task(NUMBERS, count=3).execute()
    task = run.task(DOUBLE, seconds=5.0, touch=str(tmp_path / "begun")).wire(examples=made["examples"])
    with task.pod() as pod:
        process = pod.start()
        wait_for(tmp_path / "begun", process)
        process.kill()
        process.communicate()
        lost = f"double-{pod.folder.name}"
    assert store.run(run.run_id).state is State.RUNNING
    task.parameters = {"seconds": 0.0}
    outputs = task.execute()
    first, second = [e for e in store.run(run.run_id).executions if e.task == "double"]
    assert (first.state, first.attempt, first.error) == (
        State.FAILED, 1, f"The pod ended without saying how (killed, or its node went down): {lost}",
    )  # fmt: skip
    assert first.seconds is None
    assert (second.state, second.attempt) == (State.COMPLETE, 2)
    assert store.run(run.run_id).state is State.COMPLETE
    assert {p.name for p in Path(outputs["examples_out"]["uri"]).parent.iterdir()} == {"examples_out"}


def test_iterations_of_a_loop_are_no_attempts_at_each_other(run: Run, store: LineageStore, tmp_path: Path) -> None:
    made = run.task(NUMBERS, count=3).execute()
    slow = run.task(DOUBLE, seconds=60.0, touch=str(tmp_path / "begun")).wire(examples=made["examples"])
    with slow.pod() as pod:
        process = pod.start()
        wait_for(tmp_path / "begun", process)
        run.task(DOUBLE, factor=3).wire(examples=made["examples"]).execute()
        states = sorted(e.state for e in store.run(run.run_id).executions if e.task == "double")
        assert states == [State.COMPLETE, State.RUNNING]
        assert store.run(run.run_id).state is State.RUNNING
        process.terminate()
        process.communicate()
    assert store.run(run.run_id).state is State.FAILED


def test_the_same_work_twice_at_once_gives_the_same(run: Run, store: LineageStore) -> None:
    runs = [run, again(run), again(run)]
    tasks = [each.task(NUMBERS, count=50) for each in runs]
    with tasks[0].pod() as a, tasks[1].pod() as b, tasks[2].pod() as c:
        for process in [pod.start() for pod in (a, b, c)]:
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
        digests = {pod.upload()["examples"]["metadata"]["digest"] for pod in (a, b, c)}
    assert len(digests) == 1
    for each in runs:
        found = executions(store, each)["numbers"]
        assert found.state in (State.COMPLETE, State.CACHED)
        assert found.outputs[0].digest in digests
        assert store.run(each.run_id).state is State.COMPLETE


def test_a_lineage_that_is_away_is_one_line_and_no_work(run: Run, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        away = dataclasses.replace(run, lineage=f"grpc://127.0.0.1:{probe.getsockname()[1]}")
        task = away.task(DOUBLE, touch=str(tmp_path / "begun"))
        task.execute(1, **{variables.LINEAGE_PATIENCE: "1"})
    lines = task.said.strip().splitlines()
    assert lines[-1].startswith(f"double: lineage store {parse_address(away.lineage).shown}: no server answers")
    assert "Traceback" not in task.said
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize("name", [variables.PIPELINE, variables.TASK, variables.RUN_ID])
def test_a_container_that_does_not_know_where_it_is_does_nothing(run: Run, name: str) -> None:
    task = run.task(NUMBERS)
    task.execute(2, **{name: ""})
    assert f"numbers: {name} is not set" in task.said


def test_without_a_lineage_the_work_is_done_all_the_same(run: Run, store: LineageStore) -> None:
    outputs = run.task(NUMBERS).execute(**{variables.LINEAGE: ""})
    assert Path(outputs["examples"]["uri"]).is_dir()
    assert store.runs() == []


@pytest.mark.store
def test_in_an_object_store_finished_work_is_copied_there_and_not_by_the_pod(
    s3_run: Run, store: LineageStore, s3_server: S3Server
) -> None:
    first, second = pipeline(s3_run), again(s3_run)
    repeated = pipeline(second)
    assert {e.state for e in executions(store, second).values()} == {State.CACHED}
    objects = s3_server.objects(s3_run.root.split("/")[2])
    for name, artifact in repeated.items():
        assert artifact["uri"].startswith(second.prefix)
        assert artifact["metadata"] == first[name]["metadata"]
        before, after = (below(objects, a["uri"]) for a in (first[name], artifact))
        assert before == after != {}
    third = again(s3_run)
    pipeline(third, factor=7)
    found = executions(store, third)
    assert (found["numbers"].state, found["double"].state) == (State.CACHED, State.COMPLETE)
    [before] = [a for a in found["judge"].inputs if a.name == "before"]  # looked up, and fetched by the container
    assert before.uri == repeated["blessing"]["uri"]


@pytest.mark.store
@pytest.mark.parametrize("how", ["changed", "rotten", "gone"])
def test_work_whose_output_was_changed_in_the_store_is_done_again(
    s3_run: Run, store: LineageStore, s3_server: S3Server, how: str
) -> None:
    made = s3_run.task(NUMBERS, count=3).execute()["examples"]
    path = s3_server.buckets / made["uri"].removeprefix("s3://") / "numbers" / "1"
    if how == "changed":
        fsspec.filesystem("s3").pipe_file(f"{made['uri']}/numbers/1", b"other")
    elif how == "rotten":
        path.write_bytes(b"other")
    else:
        path.unlink()
    second = again(s3_run)
    task = second.task(NUMBERS, count=3)
    remade = task.execute()["examples"]
    assert "is gone or was changed; not taken" in task.said
    assert executions(store, second)["numbers"].state is State.COMPLETE
    assert remade["metadata"]["digest"] == made["metadata"]["digest"]


@pytest.mark.store
def test_an_attempt_after_a_finished_one_takes_what_it_uploaded(s3_run: Run, store: LineageStore) -> None:
    task = s3_run.task(NUMBERS, count=3)
    made = task.execute()
    assert task.execute() == made
    attempts = store.run(s3_run.run_id).executions
    assert [(e.attempt, e.state) for e in attempts] == [(1, State.COMPLETE), (2, State.CACHED)]


def below(objects: dict[str, bytes], uri: str) -> dict[str, bytes]:
    prefix = uri.split("/", 3)[3] + "/"
    return {name.removeprefix(prefix): data for name, data in objects.items() if name.startswith(prefix)}


def test_secrets_are_never_shown(run: Run) -> None:
    away = dataclasses.replace(run, lineage="mysql://penstock@127.0.0.1:9/lineage")
    task = away.task(NUMBERS)
    task.execute(1, **{variables.LINEAGE_PATIENCE: "0", variables.LINEAGE_PASSWORD: "pa55word"})
    assert "no server answers" in task.said
    assert "pa55word" not in task.said
    assert os.environ.get(variables.LINEAGE_PASSWORD) is None
