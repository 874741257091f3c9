"""Every task of a real pipeline, as a cluster starts it: stopped, killed, out of space, and in the end the same."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.authoring.discovery import find_components
from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import State
from penstock.provenance import variables
from tests.e2e.flights_sample import REPOSITORY, run, sample
from tests.servers.kubeflow_launcher import Pod, Run, Task

pytestmark = pytest.mark.slow

TASKS = {
    "ingest": "ingest",
    "validate": "data_validator",
    "transform": "transform",
    "train": "trainer",
    "evaluate": "evaluator",
    "prove": "infra_validator",
    "report": "reporter",
    "push": "pusher",
}
TAKEN = "taken"
EACH = pytest.mark.parametrize("task", TASKS)
SPECS = find_components(REPOSITORY)
PYTHONS = {"runtime": sys.executable, "serving": str(REPOSITORY / ".venv-serving" / "bin" / "python")}


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A run on this machine: its tasks' inputs as KFP writes them, and the digests of what they put out."""
    folder = tmp_path_factory.mktemp("flights")
    sample(every=40).to_csv(folder / "flights.csv", index=False)
    done = run(folder / "home", folder / "flights.csv")
    assert done.document, done.stderr
    [tasks] = [path for path in (folder / "home" / "runs").iterdir() if path.is_dir()]
    return tasks, done.digests


@pytest.fixture
def lineage(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "lineage.sqlite")


@pytest.fixture
def store(lineage: str) -> LineageStore:
    return open_store(lineage)


def as_task(name: str, folder: Path, root: Path, lineage: str) -> Task:
    """A task of the run here, to be started as a cluster does."""
    [found] = [path for path in folder.rglob("executor_input.json") if path.parent.name == name]
    given = json.loads(found.read_text())["inputs"]
    spec = SPECS[TASKS[name]]
    cluster = Run(str(root), lineage, pipeline="flights", python=PYTHONS[spec.image])
    task = cluster.task(spec, task_name=name, module=spec.module, **given["parameterValues"])
    return task.wire(**{port: artifacts["artifacts"][0] for port, artifacts in given["artifacts"].items()})


def interrupt(pod: Pod, signal_: signal.Signals) -> tuple[int, str]:
    """Start a task and end it as soon as it has begun to write; returns its exit code, and what it said."""
    process = pod.start()
    place = Path(pod.task.place)
    end = time.monotonic() + 120
    while not list(place.glob(".*.partial-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal_)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


@EACH
def test_stopped_and_killed_in_its_middle_and_then_done(
    flights: tuple[Path, dict[str, str]], task: str, lineage: str, store: LineageStore, tmp_path: Path
) -> None:
    folder, digests = flights
    work = as_task(task, folder, tmp_path / "volume", lineage)
    for number, expected in ((signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        with work.pod() as pod:
            code, said = interrupt(pod, number)
            assert code == expected, said
            assert not (pod.folder / "output_metadata.json").exists()
        assert [path for path in Path(work.place).iterdir() if not path.name.startswith(".")] == []
    outputs = work.execute()
    attempts = store.run(work.run.run_id).executions
    assert [(e.attempt, e.state) for e in attempts] == [(1, State.FAILED), (2, State.FAILED), (3, State.COMPLETE)]
    assert "told to stop" in attempts[0].error
    assert "ended without saying how" in attempts[1].error
    assert store.run(work.run.run_id).state is State.COMPLETE
    made = {f"{task}.{output.name}": output.digest for output in attempts[2].outputs}
    assert sorted(made) == sorted(f"{task}.{name}" for name in outputs)
    assert {name for name in made if made[name] != digests[name]} == set()
    assert sorted(path.name for path in Path(work.place).iterdir()) == sorted(work.spec.outputs)


@pytest.fixture
def full_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume without room for a single byte."""
    volume = tmp_path / "small"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(volume)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    with contextlib.suppress(OSError), (volume / TAKEN).open("wb", buffering=0) as rest:
        while rest.write(bytes(4096)):
            pass
    yield volume
    subprocess.run(["umount", str(volume)], check=True)


@EACH
def test_a_volume_that_is_full_is_one_clear_line(
    flights: tuple[Path, dict[str, str]], task: str, lineage: str, store: LineageStore, full_volume: Path
) -> None:
    work = as_task(task, flights[0], full_volume, lineage)
    with work.pod(**{variables.CACHE: "off"}) as pod:
        process = pod.start()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1, said
        assert not (pod.folder / "output_metadata.json").exists()
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"{work.spec.name}: ")
    assert "no space" in last.lower()
    [failed] = store.run(work.run.run_id).executions
    assert (failed.state, "no space" in failed.error.lower()) == (State.FAILED, True)
    assert [path.name for path in full_volume.rglob("*") if path.is_file()] == [TAKEN]
