from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.running.home import Home
from penstock.sdk import BadInput, PenstockError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def die_in_a_run(home: Home) -> str:
    """Begin a run in another process that dies in its middle."""
    code = f"""
import os, sys
from datetime import datetime, UTC
from pathlib import Path
from penstock.running.home import Home
with Home(Path({str(home.root)!r})).begin("dead", datetime.now(UTC)) as run:
    done, half = run.work("done"), run.work("loop[1]/half")
    for work in (done, half):
        work.prepare()
        work.executor_input.write_text("{{}}")
        work.log.write_text("hello")
        (work.outputs / ".model.partial-1").mkdir()
    done.executor_output.write_text("{{}}")
    (done.outputs / "model").mkdir()
    print(run.run_id, flush=True)
    os._exit(9)
"""
    died = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert died.returncode == 9
    return died.stdout.strip()


def test_run_ids_tell_pipeline_and_time(home: Home) -> None:
    with home.begin("My Flights!", NOW) as run:
        assert run.run_id.startswith("my-flights-20260102T030405-")
        assert len(run.run_id.rpartition("-")[2]) == 4


def test_a_run_is_alive_until_it_ends(home: Home) -> None:
    with home.begin("a", NOW) as run:
        assert home.is_alive(run.run_id)
    assert not home.is_alive(run.run_id)
    assert not home.is_alive("never-was")


def test_a_run_is_alive_while_one_of_its_processes_lives(home: Home) -> None:
    code = f"""
import os, subprocess
from datetime import datetime, UTC
from pathlib import Path
from penstock.running.home import Home
with Home(Path({str(home.root)!r})).begin("dead", datetime.now(UTC)) as run:
    child = subprocess.Popen(["sleep", "60"], pass_fds=[run.lock], stdout=subprocess.DEVNULL)
    print(run.run_id, child.pid, flush=True)
    os._exit(9)
"""
    died = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    run_id, child = died.stdout.split()
    assert home.is_alive(run_id)
    os.kill(int(child), signal.SIGKILL)
    began = time.monotonic()
    with home.begin("next", NOW):  # waits for the kernel to be done with the child
        assert not home.is_alive(run_id)
    assert time.monotonic() - began < 5


def test_the_next_run_removes_what_a_dead_one_left(home: Home) -> None:
    dead = die_in_a_run(home)
    assert not home.is_alive(dead)
    with home.begin("next", NOW):
        pass
    files = sorted(str(p.relative_to(home.runs / dead)) for p in (home.runs / dead).rglob("*"))
    assert files == [
        "done",
        "done/executor_input.json",
        "done/executor_output.json",
        "done/log.txt",
        "done/outputs",
        "done/outputs/model",
        "done/parameters",
        "loop[1]",
        "loop[1]/half",
        "loop[1]/half/executor_input.json",
        "loop[1]/half/log.txt",
    ]


def test_live_runs_are_left_alone(home: Home) -> None:
    with home.begin("first", NOW) as first:
        work = first.work("half")
        work.prepare()
        work.executor_input.write_text("{}")
        with Home(home.root).begin("second", NOW):
            assert work.outputs.is_dir()


def test_a_cache_entry_half_written_by_a_dead_process_goes(home: Home) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    (home.cache / f".1.json.partial-{gone.stdout.decode().strip()}").write_text("")
    (home.cache / f".2.json.partial-{os.getpid()}").write_text("")
    with home.begin("a", NOW):
        pass
    assert [p.name for p in home.cache.iterdir()] == [f".2.json.partial-{os.getpid()}"]


def test_a_lineage_half_made_by_a_dead_process_goes(home: Home) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    dead = home.root / f".lineage.sqlite.partial-{gone.stdout.decode().strip()}-a1b2"
    live = home.root / f".lineage.sqlite.partial-{os.getpid()}-a1b2"
    for folder in (dead, live):
        folder.mkdir(parents=True)
        (folder / "lineage.sqlite").write_text("")
    with home.begin("p", NOW):
        pass
    assert (dead.exists(), live.exists()) == (False, True)


def test_scratch_survives_until_the_work_is_done(home: Home, tmp_path: Path) -> None:
    first = home.scratch_for("sha256:aa", tmp_path / "own")
    (first.path / "checkpoint").write_text("1")
    first.release(done=False)
    second = home.scratch_for("sha256:aa", tmp_path / "own")
    assert (second.path / "checkpoint").read_text() == "1"
    second.release(done=True)
    assert not second.path.exists()


def test_scratch_is_never_shared(home: Home, tmp_path: Path) -> None:
    first = home.scratch_for("sha256:aa", tmp_path / "own")
    assert home.scratch_for("sha256:aa", tmp_path / "own").path == tmp_path / "own"
    assert home.scratch_for("", tmp_path / "own").path == tmp_path / "own"
    first.release(done=True)


@pytest.mark.parametrize("work_id", ["../x", "a//b", "", "a/.."])
def test_work_ids_stay_inside_the_run(home: Home, work_id: str) -> None:
    with home.begin("a", NOW) as run, pytest.raises(PenstockError, match="folder's name"):
        run.work(work_id)


def test_a_home_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="--home"):
        Home(tmp_path / "file" / "home")


def test_beginning_waits_for_another_that_begins(home: Home) -> None:
    lock = os.open(home.root / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code = f"from pathlib import Path; from penstock.running.home import Home; Home(Path({str(home.root)!r})); print(1)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.8)
    os.close(lock)
    assert other.communicate(timeout=20)[0] == b"1\n"


def test_a_run_that_breaks_before_its_first_task_leaves_no_folder(home: Home) -> None:
    with pytest.raises(PenstockError), home.begin("flights", NOW) as run:
        (run.path / "workers.log").touch()
        raise PenstockError("the lineage is locked")
    assert list(home.runs.iterdir()) == []
    with pytest.raises(PenstockError), home.begin("flights", NOW) as run:
        run.work("ingest").prepare()
        run.work("ingest").log.write_text("why")
        raise PenstockError("later")
    assert [path.read_text() for path in home.runs.rglob("log.txt")] == ["why"]
