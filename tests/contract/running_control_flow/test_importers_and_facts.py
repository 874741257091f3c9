"""Importers, which need no process, and the placeholders that only a run can fill."""

from kfp import dsl

from penstock.running.placeholders import RunFacts, fill_placeholders
from penstock.running.work import Fate


def test_an_imported_artifact_is_there_at_once(play, parts):
    def importing():
        imported = dsl.importer(
            artifact_uri="s3://bucket/data", artifact_class=dsl.Dataset, metadata={"kind": "examples", "rows": 3}
        )
        parts.use(given=imported.output)

    played = play(importing)
    assert played.order == ["use"]
    assert played.fates["importer"] is Fate.SUCCEEDED
    artifact = played.works["use"].artifacts["given"][0]
    assert (artifact.uri, artifact.metadata) == ("s3://bucket/data", {"kind": "examples", "rows": 3})
    assert played.planner.outputs_of("importer").artifacts["artifact"] == (artifact,)


def test_address_and_metadata_may_come_from_tasks_and_from_the_run(play, parts):
    def importing(n: int = 2):
        where = parts.word(text="/data/here")
        imported = dsl.importer(
            artifact_uri=where.output,
            artifact_class=dsl.Dataset,
            reimport=True,
            metadata={"from": where.output, "n": n},
        )
        parts.use(given=imported.output)

    artifact = play(importing, {"n": 5}).works["use"].artifacts["given"][0]
    assert (artifact.uri, artifact.metadata) == ("/data/here", {"from": "/data/here", "n": 5})


def test_an_importer_without_an_address_fails(play, parts):
    def importing(uri: str = ""):
        parts.use(given=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output)

    played = play(importing)
    assert played.fates == {"importer": Fate.FAILED, "use": Fate.SKIPPED}
    assert played.why["importer"] == "the artifact to import has no address"


def test_facts_of_the_run_are_left_in_until_the_runner_fills_them(play, parts):
    def facts():
        parts.word(text=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER).set_display_name("Say my name")
        parts.word(text=dsl.PIPELINE_TASK_ID_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER)
        parts.word(text=dsl.PIPELINE_ROOT_PLACEHOLDER)
        parts.word(text=f"run {dsl.PIPELINE_JOB_ID_PLACEHOLDER}")

    works = play(facts).works
    assert works["word"].parameters["text"] == "{{$.pipeline_job_name}}"
    known = RunFacts("flights", "run-7", create_time_utc="2026-01-02T03:04:05Z", pipeline_root="/home/runs")
    filled = [fill_placeholders(work, known).parameters["text"] for work in works.values()]
    assert filled == [
        "flights", "run-7", "flights", "Say my name", "run-7/word-5", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z",
        "/home/runs", "run {{$.pipeline_job_uuid}}",
    ]  # fmt: skip
