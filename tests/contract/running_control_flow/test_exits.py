"""Exit handlers, tasks that run whatever happens, and the final status that they read."""

from kfp import dsl

from penstock.running.placeholders import RunFacts, fill_placeholders
from penstock.running.work import Fate


def _handled(parts):
    def handled():
        with dsl.ExitHandler(parts.final(note="bye"), name="work"):
            parts.word().after(parts.number())

    return handled


def test_an_exit_task_runs_after_success(play, parts):
    played = play(_handled(parts))
    assert played.order == ["exit-handler-1/number", "exit-handler-1/word", "final"]
    status = played.works["final"].parameters["status"]
    assert (status["state"], status["pipelineTaskName"], status["error"]) == ("SUCCEEDED", "exit-handler-1", {})


def test_an_exit_task_runs_after_failure_and_the_run_still_fails(play, parts):
    played = play(_handled(parts), failing=("exit-handler-1/number",))
    assert played.order == ["exit-handler-1/number", "final"]
    assert played.fates["exit-handler-1/word"] is Fate.SKIPPED
    assert played.fates["final"] is Fate.SUCCEEDED
    assert played.planner.fate is Fate.FAILED
    status = played.works["final"].parameters["status"]
    assert status["state"] == "FAILED"
    assert status["error"] == {"message": "exit-handler-1/number failed: it broke"}


def test_the_name_of_the_run_in_a_final_status_is_a_fact_of_the_run(play, parts):
    work = play(_handled(parts)).works["final"]
    filled = fill_placeholders(work, RunFacts("flights", "run-1", "runs/run-1"))
    assert filled.parameters["status"]["pipelineJobResourceName"] == "runs/run-1"
    assert filled.parameters["note"] == "bye"


def test_ignoring_upstream_failure_takes_the_default_instead_of_the_output(play, parts):
    def ignoring():
        made = parts.number(n=9)
        parts.number(n=made.output).ignore_upstream_failure()

    assert play(ignoring).works["number-2"].parameters == {"n": 9}
    played = play(ignoring, failing=("number",))
    assert played.works["number-2"].parameters == {"n": 3}
    assert played.fates == {"number": Fate.FAILED, "number-2": Fate.SUCCEEDED}
    assert played.planner.fate is Fate.FAILED


def test_ignoring_upstream_failure_also_follows_what_was_skipped(play, parts):
    def ignoring():
        broken = parts.number()
        skipped = parts.word().after(broken)
        parts.final(note="clean up").ignore_upstream_failure().after(skipped)

    played = play(ignoring, failing=("number",))
    assert played.order == ["number", "final"]
    assert played.works["final"].parameters["status"]["state"] == "SKIPPED"
    assert played.works["final"].parameters["status"]["error"] == {"message": "needs 'number', which failed"}


def test_the_first_failure_is_the_one_that_is_told(play, parts):
    def handled():
        with dsl.ExitHandler(parts.final()):
            parts.number()
            parts.word()

    played = play(handled, failing=("exit-handler-1/number", "exit-handler-1/word"))
    assert played.works["final"].parameters["status"]["error"] == {"message": "exit-handler-1/number failed: it broke"}


def test_a_loop_that_failed_collects_nothing_rather_than_a_list_with_holes(play, parts):
    def ignoring():
        with dsl.ParallelFor([1, 2, 3]) as item:
            made = parts.number(n=item)
        parts.typed(
            text="t", whole=1, real=1.5, yes=True, many=dsl.Collected(made.output), deep={}
        ).ignore_upstream_failure()

    assert play(ignoring).works["typed"].parameters["many"] == [1, 2, 3]
    played = play(ignoring, failing=("for-loop-2[1]/number",))
    assert played.works["typed"].parameters["many"] == [1, 2]
