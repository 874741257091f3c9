"""What Penstock asks of an API server of Kubeflow Pipelines, asked of every one that there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.kubeflow.api import Kubeflow, open_kubeflow
from penstock.kubeflow.changing import retry, terminate
from penstock.kubeflow.records import CronSchedule, PeriodicSchedule, RunState, Trigger
from penstock.kubeflow.sending import Exists, NotFound
from penstock.kubeflow.submitting import submit, upload
from penstock.profiles.cluster import ClusterProfile
from penstock.sdk import BadInput
from tests.contract.kubeflow.conftest import pipeline

NOBODY = "00000000-0000-0000-0000-000000000000"


def test_one_content_is_one_version(kubeflow: Kubeflow, name: str) -> None:
    first = upload(kubeflow, pipeline(name))
    again = upload(kubeflow, pipeline(name))
    other = upload(kubeflow, pipeline(name, "b"))
    assert again == first
    assert other.pipeline_id == first.pipeline_id
    assert other.pipeline_version_id != first.pipeline_version_id
    assert first.name == pipeline(name).version
    assert kubeflow.version(first.pipeline_id, first.pipeline_version_id).description == pipeline(name).digest
    newest = kubeflow.newest_version(first.pipeline_id)
    assert newest is not None
    assert newest.pipeline_id == first.pipeline_id
    assert kubeflow.pipeline(first.pipeline_id).name == name


def test_two_that_submit_the_same_at_once_meet_in_one_version(profile: ClusterProfile, name: str) -> None:
    def one(_: int) -> tuple[str, str, str]:
        done = submit(open_kubeflow(profile), pipeline(name), profile, name=name, parameters={})
        return done.version.pipeline_id, done.version.pipeline_version_id, done.run.experiment_id

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(one, range(6)))
    assert len(set(found)) == 1
    runs = list(open_kubeflow(profile).runs(experiment_id=found[0][2]))
    assert len({run.run_id for run in runs}) == 6


def test_what_is_no_pipeline_is_refused(kubeflow: Kubeflow, name: str) -> None:
    made = kubeflow.ensure_pipeline(name)
    with pytest.raises(BadInput, match="unknown template format"):
        kubeflow.ensure_version(made.pipeline_id, "broken", b"no: pipeline\n")
    assert kubeflow.find_version(made.pipeline_id, "broken") is None


def test_a_run_carries_what_it_was_given(kubeflow: Kubeflow, profile: ClusterProfile, name: str) -> None:
    given = {"say_text": 'it\'s "this" \\ ü', "say_times": 3}
    done = submit(kubeflow, pipeline(name), profile, name=f"{name} 1", parameters=given)
    run = kubeflow.run(done.run.run_id)
    assert run.display_name == f"{name} 1"
    assert dict(run.runtime_config.parameters) == given
    assert run.pipeline_version_reference.pipeline_version_id == done.version.pipeline_version_id
    assert not run.state.ended
    assert kubeflow.experiment(run.experiment_id).display_name == profile.experiment
    assert run.created_at is not None
    assert run.finished_at is None
    with pytest.raises(BadInput, match="only what failed can go on"):
        retry(kubeflow, run.run_id)
    terminate(kubeflow, run.run_id)
    assert kubeflow.run(run.run_id).state in (RunState.CANCELING, RunState.CANCELED)


def test_runs_are_listed_newest_first_over_pages(
    kubeflow: Kubeflow, profile: ClusterProfile, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.kubeflow.api._PAGE", 2)
    made = [submit(kubeflow, pipeline(name), profile, name=f"{i}", parameters={}) for i in range(5)]
    experiment = made[0].run.experiment_id
    listed = [run.run_id for run in kubeflow.runs(experiment_id=experiment)]
    assert sorted(listed) == sorted(done.run.run_id for done in made)
    times = [run.created_at for run in kubeflow.runs(experiment_id=experiment)]
    assert times == sorted(times, key=str, reverse=True)
    assert list(kubeflow.runs(experiment_id=experiment, states=("FAILED", "SUCCEEDED"))) == []


def test_what_is_not_there_is_said_to_be_missing(kubeflow: Kubeflow, name: str) -> None:
    assert kubeflow.find_pipeline(name) is None
    assert kubeflow.find_experiment(name) is None
    with pytest.raises(NotFound, match=NOBODY):
        kubeflow.run(NOBODY)
    kubeflow.delete_recurring_run(NOBODY)


def test_an_experiment_is_made_once(kubeflow: Kubeflow, name: str) -> None:
    first = kubeflow.ensure_experiment(name)
    assert kubeflow.ensure_experiment(name) == first
    with pytest.raises(Exists):
        kubeflow._send("POST", "/apis/v2beta1/experiments", json={"display_name": name})


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger(cron_schedule=CronSchedule(cron="0 30 4 * * 1-5")),
        Trigger(periodic_schedule=PeriodicSchedule(interval_second=3600)),
    ],
)
@pytest.mark.parametrize("pinned", [True, False])
def test_a_recurring_run_is_made_enabled_disabled_and_deleted(
    kubeflow: Kubeflow, profile: ClusterProfile, name: str, trigger: Trigger, pinned: bool
) -> None:
    version = upload(kubeflow, pipeline(name))
    experiment = kubeflow.ensure_experiment(profile.experiment)
    made = kubeflow.create_recurring_run(
        name,
        description="What for.\n\n[penstock {}]",
        experiment=experiment,
        pipeline_id=version.pipeline_id,
        version_id=version.pipeline_version_id if pinned else "",
        trigger=trigger,
        parameters={"say_text": "again", "say_times": 2},
        max_concurrency=2,
        catch_up=False,
        enabled=True,
    )
    (listed,) = [run for run in kubeflow.recurring_runs() if run.recurring_run_id == made.recurring_run_id]
    assert listed.display_name == name
    assert listed.description == "What for.\n\n[penstock {}]"
    assert listed.trigger == trigger
    assert (listed.enabled, listed.no_catchup, listed.max_concurrency) == (True, True, 2)
    assert dict(listed.runtime_config.parameters) == {"say_text": "again", "say_times": 2}
    assert listed.pipeline_version_reference.pipeline_id == version.pipeline_id
    assert listed.pipeline_version_reference.pipeline_version_id == (version.pipeline_version_id if pinned else "")
    assert listed.experiment_id == experiment.experiment_id
    assert list(kubeflow.runs(recurring_run_id=made.recurring_run_id)) == []
    for enabled in (False, True):
        kubeflow.enable(made.recurring_run_id, enabled)
        (listed,) = [run for run in kubeflow.recurring_runs() if run.recurring_run_id == made.recurring_run_id]
        assert listed.enabled is enabled
    kubeflow.delete_recurring_run(made.recurring_run_id)
    assert made.recurring_run_id not in [run.recurring_run_id for run in kubeflow.recurring_runs()]


def test_a_cron_line_that_is_none_is_refused(kubeflow: Kubeflow, profile: ClusterProfile, name: str) -> None:
    version = upload(kubeflow, pipeline(name))
    with pytest.raises(BadInput, match="fields"):
        kubeflow.create_recurring_run(
            name,
            description="",
            experiment=kubeflow.ensure_experiment(profile.experiment),
            pipeline_id=version.pipeline_id,
            version_id="",
            trigger=Trigger(cron_schedule=CronSchedule(cron="4 * * *")),
            parameters={},
            max_concurrency=1,
            catch_up=True,
            enabled=True,
        )
