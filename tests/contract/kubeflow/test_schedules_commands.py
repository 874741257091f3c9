"""`penstock schedules` from end to end, against the stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.kubeflow.commands import penstock, write_profile
from tests.servers.kubeflow import KubeflowStandIn

FILE = """\
schedules:
  nightly:
    pipeline: pipelines/flights/compiled.yaml
    description: Trains on yesterday's flights.
    cron: 30 4 * * MON-FRI
    parameters:
      train: {epochs: 2}
  hourly:
    pipeline: pipelines/flights/compiled.yaml
    interval_seconds: 3600
    version: latest
    max_concurrency: 3
    catch_up: true
    enabled: false
"""

Server = tuple[KubeflowStandIn, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "flights.yaml").write_text(FILE)
    return tmp_path / "schedules"


def apply(folder: Path, staging: str, *more: str) -> Any:
    return penstock("schedules", "apply", "-f", str(folder), "--profile", staging, *more)


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "flights.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def by_name(stand_in: KubeflowStandIn) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for run in stand_in.recurring.values():
        found.setdefault(run["display_name"], []).append(run)
    return found


def test_a_mounted_config_map_declares_its_files_once(server: Server, staging: str, tmp_path: Path) -> None:
    """As kubelet lays it out: a folder of this moment, a link to it, and links through that to each file."""
    stand_in, _ = server
    mounted = tmp_path / "mounted"
    moment = mounted / "..2026_11_26_04_30_00.123456789"
    moment.mkdir(parents=True)
    (moment / "schedules.yaml").write_text(FILE)
    (mounted / "..data").symlink_to(moment.name)
    (mounted / "schedules.yaml").symlink_to(Path("..data") / "schedules.yaml")
    done = apply(mounted, staging)
    assert done.returncode == 0, done.stderr
    assert {name: len(runs) for name, runs in by_name(stand_in).items()} == {"nightly": 1, "hourly": 1}


def test_what_is_declared_is_made_once(server: Server, staging: str, folder: Path) -> None:
    stand_in, _ = server
    dry = apply(folder, staging, "--dry-run")
    assert (dry.returncode, stand_in.recurring, stand_in.pipelines) == (1, {}, {})
    assert "+cron: 0 30 4 * * 1-5" in dry.stdout
    assert "would create nightly: it is new" in dry.stdout
    done = apply(folder, staging)
    assert (done.returncode, done.stdout) == (0, "hourly: created: it is new\nnightly: created: it is new\n")
    (nightly,), (hourly,) = by_name(stand_in)["nightly"], by_name(stand_in)["hourly"]
    assert nightly["trigger"] == {"cron_schedule": {"cron": "0 30 4 * * 1-5"}}
    assert nightly["runtime_config"]["parameters"] == {"train_epochs": 2}
    assert (nightly["status"], nightly["no_catchup"], nightly["max_concurrency"]) == ("ENABLED", True, 1)
    assert nightly["pipeline_version_reference"]["pipeline_version_id"] in stand_in.versions
    assert nightly["description"].startswith("Trains on yesterday's flights.\n\n[penstock {")
    assert hourly["trigger"] == {"periodic_schedule": {"interval_second": 3600}}
    assert (hourly["status"], hourly["no_catchup"], hourly["max_concurrency"]) == ("DISABLED", False, 3)
    assert "pipeline_version_id" not in hourly["pipeline_version_reference"]
    before = json.dumps(stand_in.recurring)
    again = apply(folder, staging)
    assert (again.returncode, again.stdout) == (0, "2 schedules, nothing to change\n")
    assert json.dumps(stand_in.recurring) == before
    assert apply(folder, staging, "--dry-run").stdout == "nothing would change\n"


@pytest.mark.parametrize("knows_orphans", [True, False])
def test_a_change_ends_no_run_that_is_under_way(
    server: Server, staging: str, folder: Path, knows_orphans: bool
) -> None:
    stand_in, _ = server
    stand_in.knows_orphans = knows_orphans
    apply(folder, staging)
    (old,) = by_name(stand_in)["nightly"]
    running = stand_in.start_from(old["recurring_run_id"])
    change(folder, "30 4 * * MON-FRI", "0 5 * * *")
    dry = apply(folder, staging, "--dry-run")
    assert "-cron: 0 30 4 * * 1-5\n+cron: 0 0 5 * * *\n" in dry.stdout
    done = apply(folder, staging)
    assert "nightly: disabled: it is replaced" in done.stdout
    assert "nightly: created: it has changed" in done.stdout
    assert "runs of it are under way, so a later apply deletes it" in done.stdout
    first, second = by_name(stand_in)["nightly"]
    assert (first["status"], second["status"], stand_in.runs[running]["state"]) == ("DISABLED", "ENABLED", "RUNNING")
    assert "under way" in apply(folder, staging).stdout
    assert len(by_name(stand_in)["nightly"]) == 2
    stand_in.runs[running]["state"] = "SUCCEEDED"
    assert "nightly: deleted: it was replaced" in apply(folder, staging).stdout
    assert by_name(stand_in)["nightly"] == [second]
    assert stand_in.runs[running]["state"] == "SUCCEEDED"


def test_enabling_is_done_in_place(server: Server, staging: str, folder: Path) -> None:
    stand_in, _ = server
    apply(folder, staging)
    ids = set(stand_in.recurring)
    change(folder, "enabled: false", "enabled: true")
    assert "hourly: enabled: enabled: true" in apply(folder, staging).stdout
    assert set(stand_in.recurring) == ids
    assert by_name(stand_in)["hourly"][0]["status"] == "ENABLED"


def test_only_our_own_are_pruned(server: Server, staging: str, folder: Path) -> None:
    stand_in, _ = server
    apply(folder, staging)
    apply(folder, staging, "--owner", "others")
    (by_hand,) = [dict(by_name(stand_in)["nightly"][0], recurring_run_id="by-hand", description="mine")]
    stand_in.recurring["by-hand"] = by_hand
    (folder / "flights.yaml").write_text("schedules: {}\n")
    kept = apply(folder, staging)
    assert "nightly: is declared no more; --prune deletes it" in kept.stdout
    assert len(stand_in.recurring) == 5
    done = apply(folder, staging, "--prune", "--json")
    assert [step["verb"] for step in json.loads(done.stdout)["steps"]] == ["delete", "disable", "delete"]
    left = sorted(run["description"] for run in stand_in.recurring.values())
    assert len(left) == 3
    assert sum('"owner": "others"' in description for description in left) == 2
    listed = penstock("schedules", "list", "--profile", staging).stdout
    assert "(not by Penstock)" in listed
    assert "0 30 4 * * 1-5" in listed
    assert apply(folder / "flights.yaml", staging, "--prune").returncode == 2


@pytest.mark.parametrize(
    ("change_", "message"),
    [
        (("cron: 30 4", "corn: 30 4"), "flights.yaml:5: schedules.nightly.corn: unknown key; did you mean 'cron'?"),
        (("30 4 * * MON-FRI", "30 4 * *"), "flights.yaml:5: nightly: cron '30 4 * *': has 4 fields"),
        (("    parameters:", "    time_zone: Europe/Berlin\n    parameters:"), "flights.yaml:5: nightly: cron"),
        (("    parameters:", "    interval_seconds: 60\n    parameters:"), "give either cron or interval_seconds"),
        (("{epochs: 2}", "{epochs: none}"), "flights.yaml:7: train.epochs: 'none' is not a whole number"),
        (("{epochs: 2}", "{epoch: 2}"), "flights.yaml:7: train.epoch: "),
        (("max_concurrency: 3", "max_concurrency: 11"), "flights.yaml:12: schedules.hourly.max_concurrency"),
        (("nightly:", "Nightly:"), "Nightly"),
        (("  hourly:", "  nightly:"), "this key is there twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_changes_nothing(
    server: Server, staging: str, folder: Path, change_: tuple[str, str], message: str
) -> None:
    change(folder, *change_)
    done = apply(folder, staging)
    assert (done.returncode, done.stdout, server[0].requests) == (2, "", [])
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_cluster_may_read_cron_in_a_zone_of_its_own(server: Server, tmp_path: Path, folder: Path) -> None:
    stand_in, url = server
    berlin = write_profile(tmp_path / "berlin.yaml", url, cron_time_zone="Europe/Berlin")
    change(folder, "    parameters:", "    time_zone: Europe/Berlin\n    parameters:")
    assert apply(folder, berlin).returncode == 0
    assert by_name(stand_in)["nightly"][0]["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * 1-5"
    assert "when (Europe/Berlin)" in penstock("schedules", "list", "--profile", berlin).stdout


def test_an_apply_that_fails_halfway_is_finished_by_the_next(server: Server, staging: str, folder: Path) -> None:
    from starlette.responses import JSONResponse

    stand_in, _ = server
    apply(folder, staging)
    change(folder, "30 4 * * MON-FRI", "0 5 * * *")
    (old,) = by_name(stand_in)["nightly"]
    answers = len(stand_in.requests)
    apply(folder, staging, "--dry-run")
    looks = len(stand_in.requests) - answers

    class Later(list[Any]):
        """Nothing fails while it looks and disables; the next request does."""

        def __init__(self) -> None:
            super().__init__([JSONResponse({"code": 13, "message": "the database is gone"}, 500)])
            self.left = looks + 1

        def __bool__(self) -> bool:
            self.left -= 1
            return self.left < 0 and len(self) > 0

    stand_in.failures = Later()
    failed = apply(folder, staging)
    assert (failed.returncode, len(failed.stderr.splitlines())) == (1, 1)
    assert "nightly: create: " in failed.stderr
    assert "the database is gone" in failed.stderr
    assert [run["status"] for run in by_name(stand_in)["nightly"]] == ["DISABLED"]
    stand_in.failures = []
    done = apply(folder, staging)
    assert done.stdout.splitlines() == [
        "nightly: created: it has changed",
        f"nightly: deleted: it is replaced ({old['recurring_run_id']})",
    ]
