"""The runner, its workers and its tasks killed and interrupted: nothing finished is lost, nothing half done is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from penstock.cli.store import open_lineage
from penstock.lineage.records import State
from penstock.running.events import TaskProgress
from penstock.running.home import Home
from penstock.running.runner import run_pipeline
from tests.e2e.tiny_pipeline import digests, finish, run, start, states, write_pipeline


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def pids_in(file: Path) -> list[int]:
    """The process ids of the task `double` and of what it left behind."""
    wait_for(lambda: file.exists() and len(file.read_text().split()) == 2)
    return [int(pid) for pid in file.read_text().split()]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def assert_clean(home: Path) -> None:
    """Nothing unfinished anywhere: no partial output, no temporary file, no work folder without its outputs."""
    assert [p for p in home.rglob("*") if ".partial-" in p.name or p.name == "tmp"] == []
    assert list((home / "alive").iterdir()) == []
    assert list((home / "scratch").iterdir()) == []
    for outputs in home.glob("runs/**/outputs"):
        assert (outputs.parent / "executor_output.json").exists()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run makes that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return digests(run(write_pipeline(folder), folder / "home", seconds=0.3))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_killing_the_runner_at_any_moment_loses_nothing(
    compiled: Path, home: Path, undisturbed: dict[str, str], seed: int
) -> None:
    process = start(compiled, home, seconds=0.3)
    time.sleep(random.Random(seed).uniform(0.25, 1.3))  # noqa: S311
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.communicate()
    again = run(compiled, home, seconds=0.3)
    assert all(gone(child.pid) for child in children)
    assert digests(again) == undisturbed
    assert_clean(home)
    for record in Home(home).lineage().runs():
        assert record.state in (State.FAILED, State.COMPLETE)


def test_a_run_killed_in_a_task_keeps_what_was_finished(compiled: Path, home: Path, tmp_path: Path) -> None:
    process = start(compiled, home, seconds=1, touch=str(tmp_path / "pid"), leave=True)
    task, child = pids_in(tmp_path / "pid")
    process.kill()
    process.communicate()
    (tmp_path / "pid").unlink()
    again = run(compiled, home, seconds=1, touch=str(tmp_path / "pid"), leave=True)
    assert states(again)["numbers"] == "cached"
    assert states(again)["double"] == "complete"
    assert gone(task) and gone(child)
    assert_clean(home)
    killed = Home(home).lineage().runs()[-1]
    assert killed.state is State.FAILED
    executions = {e.task: e for e in Home(home).lineage().run(killed.run_id).executions}
    assert executions["numbers"].state is State.COMPLETE
    assert executions["double"].state is State.FAILED


def test_asking_tells_a_live_run_from_a_dead_one(compiled: Path, home: Path, tmp_path: Path) -> None:
    process = start(compiled, home, seconds=30, touch=str(tmp_path / "pid"))
    pids = pids_in(tmp_path / "pid")
    assert [r.state for r in open_lineage(home).runs()] == [State.RUNNING]
    process.kill()
    process.communicate()
    wait_for(lambda: all(map(gone, pids)))
    (died,) = open_lineage(home).runs()
    assert died.state is State.FAILED
    states_of = {e.task: e.state for e in open_lineage(home).run(died.run_id).executions}
    assert states_of == {"numbers": State.COMPLETE, "double": State.FAILED}


def test_a_killed_task_fails_the_run_and_is_done_again(compiled: Path, home: Path, tmp_path: Path) -> None:
    process = start(compiled, home, seconds=5, touch=str(tmp_path / "pid"))
    os.kill(pids_in(tmp_path / "pid")[0], signal.SIGKILL)
    document = finish(process, code=1)
    double = next(t for t in document["tasks"] if t["task"] == "double")
    assert "killed by SIGKILL" in double["why"]
    assert states(document)["judge"] == "skipped"
    assert {t["task"]: t["component"] for t in document["tasks"]}["judge"] == "judge"
    assert not Path(document["tasks"][1]["log"]).with_name("outputs").exists()
    assert states(run(compiled, home)) == {
        "numbers": "cached",
        **dict.fromkeys(("double", "judge", "publish"), "complete"),
    }


def test_a_killed_task_is_retried(tmp_path: Path, home: Path) -> None:
    compiled = write_pipeline(tmp_path, retry=True)
    process = start(compiled, home, seconds=1, touch=str(tmp_path / "pid"))
    os.kill(pids_in(tmp_path / "pid")[0], signal.SIGKILL)
    document = finish(process)
    assert next(t for t in document["tasks"] if t["task"] == "double")["attempt"] == 2


def test_a_killed_worker_takes_its_tasks_with_it(compiled: Path, home: Path, tmp_path: Path) -> None:
    process = start(compiled, home, seconds=5, touch=str(tmp_path / "pid"), leave=True)
    task, child = pids_in(tmp_path / "pid")
    os.kill(psutil.Process(task).ppid(), signal.SIGKILL)
    document = finish(process, code=1)
    assert "worker process" in next(t for t in document["tasks"] if t["task"] == "double")["why"]
    wait_for(lambda: gone(task) and gone(child))


def test_a_task_leaves_no_process_behind(compiled: Path, home: Path, tmp_path: Path) -> None:
    run(compiled, home, touch=str(tmp_path / "pid"), leave=True)
    wait_for(lambda: gone(pids_in(tmp_path / "pid")[1]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_with_130_at_once(compiled: Path, home: Path, tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as under nohup, and so by what is started")
    process = start(compiled, home, seconds=30, touch=str(tmp_path / "pid"), leave=True)
    task, child = pids_in(tmp_path / "pid")
    began = time.monotonic()
    process.send_signal(number)
    document = finish(process, code=130)
    assert time.monotonic() - began < 5
    assert states(document)["double"] == "interrupted"
    assert [t["why"] for t in document["tasks"]] == ["", ""]
    assert document["notes"] == ["Note(text='stopping double; interrupt once more to stop at once')"]
    assert gone(task)
    wait_for(lambda: gone(child))
    lineage = Home(home).lineage()
    assert lineage.runs()[0].state is State.INTERRUPTED
    last = lineage.run(document["run_id"]).executions
    assert {e.task: e.state for e in last} == {"numbers": State.COMPLETE, "double": State.INTERRUPTED}
    assert [p for p in home.rglob("*") if ".partial-" in p.name or p.name == "tmp"] == []
    assert list((home / "alive").iterdir()) == []


def test_a_run_under_nohup_outlives_its_terminal(compiled: Path, home: Path) -> None:
    prelude = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    process = start(compiled, home, prelude=prelude, say="TaskStarted", seconds=0.3)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    assert finish(process)["state"] == "complete"


def test_an_interrupted_import_does_not_wait(compiled: Path, home: Path) -> None:
    process = start(compiled, home, say="RunStarted", seconds=30)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    finish(process, code=130)


def test_nothing_outlives_a_run(compiled: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARTED_BY", str(home))  # other tests run beside this one
    run(compiled, home)
    others = [p for p in psutil.process_iter(["environ"]) if p.pid != os.getpid()]
    assert [p for p in others if (p.info["environ"] or {}).get("STARTED_BY") == str(home)] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk(compiled: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        document = finish(start(compiled, disk / "home", megabytes=8), code=1)
        assert "no space is left on the disk" in next(t for t in document["tasks"] if t["task"] == "double")["why"]
        assert states(finish(start(compiled, disk / "home", megabytes=1)))["numbers"] == "cached"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_runner_that_cannot_go_on_cleans_up(compiled: Path, home: Path) -> None:
    class Broken(Exception):
        pass

    def listen(event: object) -> None:
        if isinstance(event, TaskProgress) and event.id == "double":
            raise Broken

    with pytest.raises(Broken):
        run_pipeline(compiled, home=home, settings={"seconds": "1"}, on_event=listen)
    assert [p for p in home.rglob("*") if ".partial-" in p.name or p.name == "tmp"] == []
    assert list((home / "alive").iterdir()) == []
    assert Home(home).lineage().runs()[0].state is State.FAILED
    assert states(run(compiled, home))["numbers"] == "cached"
