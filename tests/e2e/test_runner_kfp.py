"""A pipeline written with the KFP SDK, with every kind of control flow, executed as KFP defines it."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tiny_pipeline import run, states

kfp = pytest.importorskip("kfp")
from kfp import compiler, dsl  # noqa: E402

IMAGE = "example.com/penstock/runtime:1"


@dsl.container_component
def say(text: str, said: dsl.OutputPath(str)) -> dsl.ContainerSpec:  # type: ignore[valid-type]
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=['printf %s "$0" > "$1"', text, said])


@dsl.container_component
def write(text: str, file: dsl.Output[dsl.Dataset]) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=['printf %s "$0" > "$1"', text, file.path])


@dsl.container_component
def join(texts: list, log: str, joined: dsl.OutputPath(str)) -> dsl.ContainerSpec:  # type: ignore[type-arg,valid-type]
    script = 'printf %s "$0" | tee "$1" > "$2"'
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=[script, texts, log, joined])


@dsl.container_component
def read(file: dsl.Input[dsl.Dataset], text: dsl.OutputPath(str)) -> dsl.ContainerSpec:  # type: ignore[valid-type]
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=['cat "$0" > "$1"', file.path, text])


@dsl.container_component
def third_time(tries: str) -> dsl.ContainerSpec:
    script = 'printf x >> "$0"; test "$(wc -c < "$0")" -ge 3'
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=[script, tries])


@dsl.container_component
def append(file: str, text: str) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c"], args=['printf "%s\\n" "$1" >> "$0"', file, text])


def compile_to(pipeline: Any, folder: Path) -> Path:
    path = folder / "compiled.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def parameters(document: dict[str, Any]) -> dict[str, Any]:
    return {t["task"]: next(iter(t["parameters"].values())) for t in document["tasks"] if t["parameters"]}


def test_branches_take_one_way_and_one_of_gives_its_output(tmp_path: Path) -> None:
    @dsl.pipeline(name="branches")
    def pipeline(coin: str = "heads") -> None:
        tossed = say(text=coin)
        with dsl.If(tossed.output == "heads"):
            first = say(text="one").set_display_name("first")
        with dsl.Elif(tossed.output == "tails"):
            second = say(text="two").set_display_name("second")
        with dsl.Else():
            third = say(text="three").set_display_name("third")
        chosen = dsl.OneOf(first.output, second.output, third.output)
        say(text=chosen).set_display_name("chosen")

    compiled = compile_to(pipeline, tmp_path)
    for coin, way, told in (("heads", "first", "one"), ("tails", "second", "two"), ("edge", "third", "three")):
        document = run(compiled, tmp_path / "home", coin=coin)
        assert parameters(document)["chosen"] == told
        others = {name: state for name, state in states(document).items() if name in ("first", "second", "third")}
        assert [name for name, state in others.items() if state != "skipped"] == [way]


def test_loops_run_side_by_side_and_their_outputs_are_collected(tmp_path: Path) -> None:
    @dsl.pipeline(name="loops")
    def pipeline(log: str) -> None:
        with dsl.ParallelFor(["a", "b", "c"]) as item:
            said = say(text=item)
            written = write(text=said.output)
            read(file=written.outputs["file"])
        join(texts=dsl.Collected(said.output), log=log)

    compiled = compile_to(pipeline, tmp_path)
    document = run(compiled, tmp_path / "home", log=str(tmp_path / "log"))
    assert (tmp_path / "log").read_text() == '["a","b","c"]'
    told = parameters(document)
    assert [told[f"read[{i}]"] for i in range(3)] == ["a", "b", "c"]
    again = run(compiled, tmp_path / "home", log=str(tmp_path / "log"))
    assert set(states(again).values()) == {"cached"}
    assert parameters(again) == told


def test_the_exit_task_runs_after_success_and_after_failure(tmp_path: Path) -> None:
    @dsl.pipeline(name="exits")
    def pipeline(log: str, command: str) -> None:
        leave = append(file=log, text="left").set_caching_options(False)
        with dsl.ExitHandler(leave):
            third_time(tries=command).set_caching_options(False)

    compiled = compile_to(pipeline, tmp_path)
    log = tmp_path / "log"
    failed = run(compiled, tmp_path / "home", code=1, log=str(log), command=str(tmp_path / "tries"))
    assert states(failed) == {"third-time": "failed", "append": "complete"}
    (tmp_path / "tries").write_text("xxx")
    run(compiled, tmp_path / "home", log=str(log), command=str(tmp_path / "tries"))
    assert log.read_text() == "left\nleft\n"


def test_retries(tmp_path: Path) -> None:
    @dsl.pipeline(name="retries")
    def pipeline(tries: str) -> None:
        third_time(tries=tries).set_retry(num_retries=2, backoff_duration="0s")

    document = run(compile_to(pipeline, tmp_path), tmp_path / "home", tries=str(tmp_path / "tries"))
    assert document["tasks"][0]["attempt"] == 3
    assert (tmp_path / "tries").read_text() == "xxx"


def test_an_importer_brings_in_a_file_and_its_content_is_part_of_the_key(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("before")

    @dsl.pipeline(name="imports")
    def pipeline(uri: str) -> None:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)
        read(file=imported.output)

    compiled = compile_to(pipeline, tmp_path)
    for content, state in (("before", "complete"), ("before", "cached"), ("after", "complete")):
        source.write_text(content)
        document = run(compiled, tmp_path / "home", uri=str(source))
        assert parameters(document) == {"read": content}
        assert states(document) == {"read": state}


def test_an_importer_that_finds_nothing_fails_the_run(tmp_path: Path) -> None:
    @dsl.pipeline(name="imports")
    def pipeline(uri: str) -> None:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)
        read(file=imported.output)

    document = run(compile_to(pipeline, tmp_path), tmp_path / "home", code=1, uri="")
    assert (document["state"], document["exit_code"]) == ("failed", 1)
    assert states(document) == {"importer": "failed", "read": "skipped"}


def test_the_run_s_own_facts_make_a_task_new_in_every_run(tmp_path: Path) -> None:
    @dsl.pipeline(name="facts")
    def pipeline() -> None:
        say(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        say(text="the same").set_display_name("same")

    compiled = compile_to(pipeline, tmp_path)
    first, second = run(compiled, tmp_path / "home"), run(compiled, tmp_path / "home")
    assert parameters(first)["say"] == first["run_id"]
    assert parameters(second)["say"] == second["run_id"]
    assert states(second) == {"say": "complete", "same": "cached"}
