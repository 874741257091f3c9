"""The main job on real flights: it opens for good, closes for bad with the reason, and forgets nothing."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from penstock.artifacts import digest_file
from tests.commands import penstock
from tests.e2e.flights_sample import COMPILED, REPOSITORY, command, pushed, run, sample

pytestmark = pytest.mark.slow

TASKS = ["ingest", "validate", "transform", "train", "evaluate", "prove", "report", "push"]


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "flights.csv"
    sample(every=8).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def first(home, flights):
    return run(home, flights)


def test_raw_flights_become_a_pushed_model(first, home):
    assert (first.code, first.document.get("state")) == (0, "complete"), first.stderr
    assert set(first.states.values()) == {"complete"}
    assert sorted(first.states) == sorted(TASKS)
    assert {verdict["verdict"] for verdict in first.document["verdicts"]} == {"Successful"}
    [manifest] = pushed(home)
    bundle = json.loads(manifest.read_text())
    assert first.digests["train.model"] in json.dumps(bundle)


def test_the_page_says_what_the_gates_said(first, home):
    [page] = (home / "runs").rglob("report.html")
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert len(text) < 3_000_000
    for word in ("Successful", "carrier", "ROC curve", "origin=JFK"):
        assert word in text, word


def test_the_document_has_the_metrics_overall_and_per_slice(first):
    slices = {row["slice"]: row for row in first.document["metrics"]["evaluate"]["splits"]["eval"]["slices"]}
    value, lower, upper = slices["overall"]["metrics"]["auc"]["candidate"]
    assert 0.58 < lower < value < upper < 0.8
    assert {"overall", "origin=JFK", "carrier=UA"} <= set(slices)


def test_the_same_again_is_all_cached_and_equal(first, home, flights):
    again = run(home, flights)
    assert again.code == 0
    assert set(again.states.values()) == {"cached"}
    assert again.digests == first.digests


def test_a_report_is_written_once_and_again_when_it_was_changed_and_there_is_one_of_the_whole_run(first, home, flights):
    made = first.output("report", "report")
    file = Path(made["uri"])
    assert (file.name, made["digest"]) == ("report.html", digest_file(file))
    assert "could not be read" not in file.read_text(encoding="utf-8")
    file.write_text("changed by hand")
    again = run(home, flights)
    assert again.states == dict.fromkeys(TASKS, "cached") | {"report": "complete"}
    assert again.digests == first.digests

    told = penstock("--home", str(home), "report", first.document["run_id"], "--json")
    document = json.loads(told.stdout)
    page = Path(document["report"]).read_text(encoding="utf-8")
    assert len(page.encode()) == document["bytes"] < 3_000_000
    assert "could not be read" not in page
    for part in ("verdicts", "pipeline", "data", "training", "performance", "slices", "parameters", "lineage"):
        assert f'<section id="{part}"' in page


def test_one_parameter_changed_does_exactly_what_depends_on_it(first, home, flights):
    changed = run(home, flights, "--set", "train.seed=7")
    assert changed.code == 0, changed.decision("evaluate")
    done = {task for task, state in changed.states.items() if state == "complete"}
    assert done == {"train", "evaluate", "prove", "report", "push"}
    assert changed.digests["train.model"] != first.digests["train.model"]
    blessing = changed.output("evaluate", "blessing")["metadata"]
    assert blessing["baseline_digest"] == first.digests["train.model"]


def test_broken_values_stop_at_the_data_gate(home, flights, tmp_path):
    table = sample(every=8)
    table["carrier"] = table["carrier"].str.lower()
    broken = tmp_path / "flights.csv"
    table.to_csv(broken, index=False)
    before = pushed(home)
    stopped = run(home, broken)
    assert stopped.code == 3
    assert stopped.decision("validate")["consequence"] == "stop"
    assert any("carrier" in subject for subject in stopped.findings("validate", "Failed"))
    assert {stopped.states[task] for task in TASKS[2:] if task in stopped.states} == {"skipped"}
    assert pushed(home) == before


def test_a_few_bad_rows_are_set_aside_with_the_reason_and_the_rest_goes_on(home, tmp_path):
    table = sample(every=8)
    table.iloc[:200, table.columns.get_loc("carrier")] = "??"
    bad = tmp_path / "flights.csv"
    table.to_csv(bad, index=False)
    ran = run(home, bad, "--until", "validate")
    assert ran.code == 0
    assert ran.decision("validate")["consequence"] == "quarantine"
    accepted = ran.output("validate", "accepted")
    from penstock.artifacts import Examples

    quarantine = Examples(Path(accepted["uri"])).read("quarantine")
    assert quarantine.num_rows == 200
    assert all("carrier" in reason for reason in quarantine.column("_reasons").to_pylist())


def test_values_that_moved_since_the_last_good_run_say_retrain(tmp_path):
    table, home = sample(every=8), tmp_path / "home"

    def checked(name, changed):
        path = tmp_path / f"{name}.csv"
        changed.to_csv(path, index=False)
        ran = run(home, path, "--until", "validate")
        return ran.code, ran.decision("validate")["consequence"], str(ran.decision("validate")["reasons"])

    assert checked("first", table)[:2] == (0, "proceed")
    assert checked("broken", table.assign(carrier=table["carrier"].str.lower()))[:2] == (3, "stop")
    code, consequence, reasons = checked("fewer", table.iloc[:-1])  # held against the first, not what was refused
    assert (code, consequence, "drift:carrier" in reasons) == (0, "proceed", True)
    code, consequence, reasons = checked("moved", table[(table["origin"] != "LGA") | (table.index % 16 == 0)])
    assert (code, consequence) == (0, "retrain")
    assert "between current and previous" in reasons


@pytest.mark.parametrize(
    ("every", "task", "verdict", "reason"),
    [
        (1120, "evaluate", "Inconclusive", "asked: at least 0.58"),  # 301 flights: too few to tell
        (11200, "validate", "Failed", "fewer examples than expected"),  # 31 flights, 7 of them to evaluate on
    ],
)
def test_few_rows_end_with_a_reason(tmp_path, every, task, verdict, reason):
    few = tmp_path / "flights.csv"
    sample(every=every).to_csv(few, index=False)
    ran = run(tmp_path / "home", few)
    assert ran.code == 3, ran.stderr
    assert ran.decision(task)["verdict"] == verdict
    assert reason in ran.decision(task)["reasons"][0]["text"]
    assert pushed(tmp_path / "home") == []


def test_a_model_worse_on_one_large_slice_is_refused_for_that_slice(first, home, tmp_path):
    table = sample(every=8)
    spoiled = (table["origin"] == "JFK") & (table["month"].astype(int) <= 9)
    late = table["arr_delay"].mask(table["arr_delay"].isin(["", "NA"]), "999").astype(float) > 15
    table.loc[spoiled, "arr_delay"] = late[spoiled].map({True: "-5", False: "60"})
    worse = tmp_path / "flights.csv"
    table.to_csv(worse, index=False)
    before = pushed(home)
    refused = run(home, worse)
    assert refused.code == 3, refused.document["verdicts"]
    assert refused.decision("evaluate")["verdict"] == "Failed"
    assert "origin=JFK" in refused.findings("evaluate", "Failed")
    assert "origin=EWR" not in refused.findings("evaluate", "Failed")
    assert refused.states.get("push") == "skipped"
    assert pushed(home) == before


def test_a_model_that_serves_beyond_its_budget_is_refused(home, flights, tmp_path):
    """Its other ways of not serving are tested beside the component, on models damaged on purpose."""
    document = yaml.load(COMPILED.read_text(), Loader=yaml.CSafeLoader)
    [parameters] = [
        task["inputs"]["parameters"]
        for component in document["components"].values()
        for name, task in component.get("dag", {}).get("tasks", {}).items()
        if name == "prove"
    ]
    parameters["max_memory_bytes"] = {"runtimeValue": {"constant": 10_000_000}}
    compiled = tmp_path / "compiled.yaml"
    compiled.write_text(yaml.safe_dump(document))
    before = pushed(home)
    refused = run(home, flights, compiled=compiled)
    assert refused.code == 3, refused.stderr
    assert refused.decision("prove")["verdict"] == "Failed"
    assert refused.findings("prove", "Failed") == ["server"]
    assert refused.decision("evaluate")["verdict"] == "Successful"
    assert refused.states.get("push") == "skipped"
    assert pushed(home) == before


def test_killed_in_each_of_its_tasks_it_goes_on_to_the_same_end(first, flights, tmp_path):
    """Twice as it starts, then at some moment of each task: those that run side by side are killed together."""
    home, begun, rng = tmp_path / "home", set(), random.Random(1)  # noqa: S311
    lasted = {task["task"]: task["seconds"] for task in first.document["tasks"]}
    ends = []
    for starting in (True, True, *[False] * len(TASKS)):
        process = subprocess.Popen(
            command(home, flights), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=REPOSITORY
        )
        lasts = 1.0 if starting else lasted.get(next_to_begin(process, home, begun), 0.0)
        time.sleep(rng.uniform(0.1, 0.7) * lasts)
        process.send_signal(signal.SIGKILL)
        ends.append(process.wait())
        begun |= tasks_begun(home)
    assert begun == set(TASKS)
    assert ends.count(-signal.SIGKILL) >= len(TASKS) - 1  # the last may be too quick for it
    ended = run(home, flights)
    assert ended.code == 0
    assert ended.digests == first.digests
    leftovers = [path for path in home.rglob("*") if "partial" in path.name or path.name == "tmp"]
    assert leftovers == []


def next_to_begin(process, home, begun):
    """The task that has just begun, and never had before; none where the run ends before one does."""
    while process.poll() is None:
        if new := tasks_begun(home) - begun:
            return min(new)
        time.sleep(0.05)
    return ""


def tasks_begun(home):
    return {Path(folder).name for folder, _, files in os.walk(home / "runs") if "executor_input.json" in files}
