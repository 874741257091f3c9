"""Releases in files: whole or not at all, one writer at a time, and nothing lost by a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.local import timeline as timelines
from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.local.timeline import Timeline, seen_of, thinned
from penstock.releasing.port import Conflict
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Trial
from penstock.sdk import BadInput, PenstockError
from tests.unit.releasing.releases import START, at, reading, spec_of


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def status(phase: Phase = Phase.STABLE, **fields: object) -> ModelReleaseStatus:
    return ModelReleaseStatus(phase=phase, **fields)


def test_what_was_applied_is_found_again(store: ReleaseStore) -> None:
    stored = store.apply("flights", spec_of("one"))
    assert (stored.generation, stored.serial, stored.status) == (1, 0, ModelReleaseStatus())
    assert store.find("flights") == stored
    assert store.names() == ["flights"]


def test_applying_the_same_changes_nothing_and_another_counts(store: ReleaseStore) -> None:
    store.apply("flights", spec_of("one"))
    assert store.apply("flights", spec_of("one")).generation == 1
    assert store.apply("flights", spec_of("two")).generation == 2


def test_a_status_goes_through_the_file_unchanged(store: ReleaseStore) -> None:
    store.apply("flights", spec_of("one"))
    said = status(gates=(reading(Verdict.FAILED, 7),), trial=Trial(number=1, started=START))
    assert store.save("flights", 1, 0, said) == 1
    assert store.get("flights").status == said


@pytest.mark.parametrize("change", ["spec", "status"])
def test_what_was_decided_on_something_older_is_not_written(store: ReleaseStore, change: str) -> None:
    before = store.apply("flights", spec_of("one"))
    if change == "spec":
        store.apply("flights", spec_of("two"))
    else:
        store.save("flights", 1, 0, status(Phase.STARTING))
    found = store.get("flights")
    with pytest.raises(Conflict):
        store.save("flights", before.generation, before.serial, status(Phase.PAUSED))
    assert store.get("flights") == found


def test_evidence_is_of_one_attempt(store: ReleaseStore) -> None:
    evidence = Evidence(step="shadow", looks=3, cursors={"log": "x"})
    store.save_evidence("flights", 2, evidence)
    assert store.evidence("flights", 2) == evidence
    assert store.evidence("flights", 3) is None


def test_an_unknown_release_is_told_with_those_that_there_are(store: ReleaseStore) -> None:
    store.apply("flights", spec_of("one"))
    with pytest.raises(BadInput, match="flights"):
        store.get("fligths")


def test_a_damaged_file_is_told_and_not_taken_for_nothing(store: ReleaseStore) -> None:
    store.apply("flights", spec_of("one"))
    (store.folder / "flights" / "status.json").write_text("{")
    with pytest.raises(PenstockError, match=r"status\.json is damaged"):
        store.get("flights")


_HOLD = """
import sys, time
from pathlib import Path
from penstock.releasing.local.store import ReleaseStore
with getattr(ReleaseStore(Path(sys.argv[1])), sys.argv[2])("flights"):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(store: ReleaseStore, what: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", _HOLD, str(store.folder), what]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_so_and_goes_on_once_the_first_is_killed(
    store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.releasing.local.store._TURN_SECONDS", 0.1)
    process = holding(store, "turn")
    with pytest.raises(BadInput, match="another command is changing"):
        store.apply("flights", spec_of("one"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert store.apply("flights", spec_of("one")).generation == 1


def test_one_process_carries_a_release_out(store: ReleaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.releasing.local.store._PROBE_SECONDS", 0.1)
    assert not store.is_carried_out("flights")
    process = holding(store, "carried_out")
    assert store.is_carried_out("flights")
    with pytest.raises(BadInput, match="by another process"), store.carried_out("flights"):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not store.is_carried_out("flights")


def test_moments_are_read_as_written_but_for_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "looks.jsonl"
    first, second = (seen_of(status(message=f"{number}"), at(number)) for number in (1, 2))
    Timeline(path).add(first)
    with path.open("a") as file:
        file.write('{"at": "2026')
    assert Timeline(path).read() == [first]
    Timeline(path).add(second)
    assert Timeline(path).read() == [first, second]


def test_a_long_timeline_is_thinned_but_keeps_every_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timelines, "MOST_LINES", 100)
    path = tmp_path / "looks.jsonl"
    timeline = Timeline(path)
    for number in range(1000):
        timeline.add(seen_of(status(Phase.PAUSED if number == 13 else Phase.STABLE, message=f"{number}"), at(number)))
    found = timeline.read()
    assert 50 < len(found) <= 101
    assert [seen.message for seen in found if seen.phase is Phase.PAUSED] == ["13"]
    assert found == sorted(found, key=lambda seen: seen.at)
    assert found[-1].message == "999"


def test_few_moments_are_all_kept() -> None:
    moments = [seen_of(status(), at(number)) for number in range(10)]
    assert thinned(moments) == moments
