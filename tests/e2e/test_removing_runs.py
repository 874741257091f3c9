"""`penstock runs remove` on real runs: what nobody needs goes, what is needed stays or is made again."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import penstock
from tests.e2e.tiny_pipeline import digests, finish, run, start, states, write_pipeline


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def remove(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return penstock("--home", str(home), "runs", "remove", *arguments)


def kept(home: Path) -> set[str]:
    return {path.name for path in (home / "runs").iterdir()}


def test_a_run_that_others_need_goes_only_by_force_and_is_made_again(compiled: Path, home: Path) -> None:
    first, second = run(compiled, home), run(compiled, home)
    used, user = first["run_id"], second["run_id"]
    done = remove(home, used)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"penstock: {used}: {user} uses its outputs. --force removes it\n"
    assert remove(home, user).returncode == 0
    done = remove(home, used)
    assert done.stderr == f"penstock: {used}: the cache uses its outputs. --force removes it\n"
    assert kept(home) == {used}
    assert remove(home, used, "--force").returncode == 0
    assert kept(home) == set()
    assert list((home / "cache").iterdir()) == []
    again = run(compiled, home)
    assert again["notes"] == []
    assert states(again) == states(first)
    assert digests(again) == digests(first)


def test_old_runs_go_by_age_and_those_in_use_are_passed_over(compiled: Path, home: Path) -> None:
    first, second = run(compiled, home)["run_id"], run(compiled, home)["run_id"]
    (home / "scratch" / "left-by-a-failed-task").mkdir()
    assert remove(home, "--older-than", "1").returncode == 0
    shown = remove(home, "--older-than", "0", "--dry-run")
    assert [line.split()[:2] for line in shown.stdout.splitlines()[1:]] == [[second, "would"], [first, "kept"]]
    assert kept(home) == {first, second}
    assert remove(home, "--older-than", "0").returncode == 0
    assert kept(home) == {first}
    assert list((home / "scratch").iterdir()) == []
    assert set(states(run(compiled, home)).values()) == {"cached"}


def test_a_live_run_stays_and_so_does_what_it_may_be_using(compiled: Path, home: Path, tmp_path: Path) -> None:
    before = run(compiled, home)["run_id"]
    process = start(compiled, home, seconds=30, touch=str(tmp_path / "pid"))
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (alive,) = kept(home) - {before}
    for named in (alive, before):
        done = remove(home, named, "--force")
        assert (done.returncode, f"{alive}" in done.stderr, "alive" in done.stderr) == (2, True, True)
    assert kept(home) == {alive, before}
    process.terminate()
    finish(process, code=130)


@pytest.mark.parametrize("name", ["", ".", "..", "../cache", "nosuch"])
def test_what_is_no_run_is_refused_and_nothing_is_removed(compiled: Path, home: Path, name: str) -> None:
    run_id = run(compiled, home)["run_id"]
    done = remove(home, run_id, name, "--force")
    assert done.returncode == 2
    assert done.stderr.startswith(f"penstock: no run {name!r}")
    assert kept(home) == {run_id}


def test_removing_wants_the_whole_id(compiled: Path, home: Path) -> None:
    run_id = run(compiled, home)["run_id"]
    for name in ("latest", run_id[:-1]):
        done = remove(home, name, "--force")
        told = f"penstock: {name!r} is not the whole id of a run. Is it {run_id}?\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
    assert kept(home) == {run_id}
