"""The runner on real processes: cache, exact re-runs, damage, retries, gates, limits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from penstock.running.home import Home
from tests.e2e.tiny_pipeline import HERE, digests, finish, run, start, states, write_pipeline

DONE = dict.fromkeys(("numbers", "double", "judge", "publish"), "complete")
CACHED = dict.fromkeys(DONE, "cached")


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def task(document: dict, name: str) -> dict:
    return next(t for t in document["tasks"] if t["task"] == name)


def leftovers(home: Path) -> list[str]:
    """Whatever only an unfinished task may have."""
    found = [p for p in home.rglob("*") if ".partial-" in p.name or p.name == "tmp"]
    return [str(p) for p in [*found, *(home / "scratch").iterdir(), *(home / "alive").iterdir()]]


def test_second_run_takes_everything_from_the_cache(compiled: Path, home: Path) -> None:
    first, second = run(compiled, home), run(compiled, home)
    assert states(first) == DONE
    assert states(second) == CACHED
    assert digests(first) == digests(second)
    assert task(first, "numbers")["rows"] == task(second, "numbers")["rows"] == 3
    assert second["verdicts"][0]["verdict"] == "Successful"
    assert leftovers(home) == []


def test_measures_every_task(compiled: Path, home: Path) -> None:
    done = task(run(compiled, home, seconds=0.2), "double")
    assert 0.2 < done["seconds"] < 5
    assert 0 < done["cpu_seconds"] < 5
    assert 5e6 < done["peak_memory_bytes"] < 1e9
    assert done["rows_per_second"] == pytest.approx(3 / done["seconds"], rel=0.05)


def test_a_parameter_reruns_exactly_what_depends_on_it(compiled: Path, home: Path) -> None:
    before = run(compiled, home)
    assert states(run(compiled, home, most=50)) == {**CACHED, "judge": "complete"}
    after = run(compiled, home, factor=3)
    assert states(after) == {**DONE, "numbers": "cached"}
    assert digests(before)["double.examples_out"] != digests(after)["double.examples_out"]


def test_going_back_finds_the_old_work(compiled: Path, home: Path) -> None:
    run(compiled, home)
    run(compiled, home, factor=3)
    again = states(run(compiled, home))
    assert again["double"] == again["publish"] == "cached"


def test_a_changed_source_is_observed(compiled: Path, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("one")
    run(compiled, home, source=str(source))
    source.write_text("two")
    assert states(run(compiled, home, source=str(source)))["numbers"] == "complete"


def test_changed_code_reruns_its_component(compiled: Path, home: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE / "parts", tmp_path / "parts")
    run(compiled, home, parts=tmp_path)
    with (tmp_path / "parts/judge/main.py").open("a") as code:
        code.write("\n# thought again\n")
    assert states(run(compiled, home, parts=tmp_path)) == {**CACHED, "judge": "complete"}


@pytest.mark.parametrize("damage", ["change", "delete", "add"])
def test_a_damaged_output_is_made_again(compiled: Path, home: Path, damage: str) -> None:
    first = run(compiled, home)
    output = Path(task(first, "double")["outputs"][0]["uri"])
    if damage == "change":
        (output / "1").write_text("0")
    elif damage == "delete":
        shutil.rmtree(output)
    else:
        (output / "9").write_text("9")
    second = run(compiled, home)
    assert states(second) == {**CACHED, "double": "complete"}
    assert digests(first) == digests(second)
    assert "'examples_out'" in second["notes"][0] and "making it again" in second["notes"][0]
    assert states(run(compiled, home)) == CACHED


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_damaged_cache_entry_is_made_again(compiled: Path, home: Path, content: str) -> None:
    first = run(compiled, home)
    for entry in (home / "cache").iterdir():
        entry.write_text(content)
    assert digests(run(compiled, home)) == digests(first)
    assert states(run(compiled, home)) == CACHED


def test_no_cache_does_all_again_and_keeps_it(compiled: Path, home: Path) -> None:
    run(compiled, home)
    again = run(compiled, home, use_cache=False)
    assert states(again) == DONE
    assert again["run_id"] in task(run(compiled, home), "double")["outputs"][0]["uri"]


def test_until_and_only(compiled: Path, home: Path) -> None:
    assert "not in the cache" in json.dumps(run(compiled, home, code=2, only="double"))
    assert states(run(compiled, home, until="double")) == {"numbers": "complete", "double": "complete"}
    assert states(run(compiled, home, only="double", factor=5)) == {"numbers": "cached", "double": "complete"}


def test_a_closed_gate_ends_with_3_also_from_the_cache(compiled: Path, home: Path) -> None:
    for state in ("complete", "cached"):
        closed = run(compiled, home, code=3, most=1)
        assert states(closed)["judge"] == state
        assert states(closed)["publish"] == "skipped"
        assert closed["verdicts"][0]["gate"] == "closed"
        assert closed["verdicts"][0]["reasons"][0]["text"] == "3 of 1"


def looked_up(home: Path, document: dict) -> str:
    """The digest of what `judge` found in the lineage, empty for nothing."""
    judge = next(e for e in Home(home).lineage().run(document["run_id"]).executions if e.task == "judge")
    return next((i.digest for i in judge.inputs if i.name == "before"), "")


def test_what_is_looked_up_is_an_input_and_never_the_task_s_own_work(compiled: Path, home: Path) -> None:
    first = run(compiled, home)
    assert looked_up(home, first) == ""
    assert states(run(compiled, home)) == CACHED
    other = run(compiled, home, factor=3)
    assert looked_up(home, other) == digests(first)["judge.blessing"]
    assert states(run(compiled, home, factor=3)) == CACHED
    back = run(compiled, home)
    assert states(back) == {**CACHED, "judge": "complete"}
    assert looked_up(home, back) == digests(other)["judge.blessing"]


def test_a_damaged_past_is_told_not_ignored(compiled: Path, home: Path) -> None:
    first = run(compiled, home)
    shutil.rmtree(task(first, "judge")["outputs"][0]["uri"])
    failed = run(compiled, home, code=1, factor=3)
    assert "was changed or removed" in task(failed, "judge")["why"]
    assert states(failed)["publish"] == "skipped"


def test_retries_until_it_succeeds(tmp_path: Path, home: Path) -> None:
    compiled = write_pipeline(tmp_path, retry=True)
    done = run(compiled, home, fail_until=str(tmp_path / "tries"))
    assert task(done, "double")["attempt"] == 3
    assert len(done["notes"]) == 2
    assert (tmp_path / "tries").read_text() == "xxx"
    assert leftovers(home) == []


def test_without_retries_it_fails_and_says_why(compiled: Path, home: Path, tmp_path: Path) -> None:
    failed = run(compiled, home, code=1, fail_until=str(tmp_path / "tries"))
    assert states(failed) == {"numbers": "complete", "double": "failed", "judge": "skipped", "publish": "skipped"}
    assert task(failed, "double")["why"] == "not yet"
    assert leftovers(home) == [str(next((home / "scratch").iterdir()))]  # kept for the next attempt


def test_a_fault_is_one_line_and_its_traceback_is_in_the_log(compiled: Path, home: Path) -> None:
    failed = task(run(compiled, home, code=1, crash=True), "double")
    assert failed["why"] == "ZeroDivisionError: one over nothing"
    assert "Traceback" in Path(failed["log"]).read_text()


def test_bad_parameters_end_with_2(compiled: Path, home: Path) -> None:
    assert "nonsense" in run(compiled, home, code=2, nonsense=1)["stderr"]
    assert not home.exists()


def test_an_unknown_image_is_refused_by_name(tmp_path: Path, home: Path) -> None:
    compiled = write_pipeline(tmp_path, image="example.com/other:3")
    assert "'example.com/other:3'" in run(compiled, home, code=2)["stderr"]
    assert not home.exists()


def test_a_read_only_home_ends_with_2(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--home" in run(compiled, tmp_path / "file", code=2)["stderr"]


def test_two_runs_at_once_do_not_disturb_each_other(compiled: Path, home: Path) -> None:
    alone = digests(run(compiled, home.with_name("alone"), seconds=0.3))
    both = [start(compiled, home, seconds=0.3) for _ in range(2)]
    for process in both:
        document = finish(process)
        assert digests(document) == alone
    assert leftovers(home) == []
    assert states(run(compiled, home, seconds=0.3)) == CACHED


def test_a_full_disk_is_told_and_nothing_finished_is_lost(compiled: Path, home: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))\n"
    failed = run(compiled, home, code=1, megabytes=1, prelude=limit)
    assert "a file may not grow that large" in task(failed, "double")["why"]
    assert states(run(compiled, home, megabytes=1)) == {**DONE, "numbers": "cached"}
