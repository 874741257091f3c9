"""What `pipeline.py` may wire, and what is told when it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from penstock.authoring.compiling import compile_pipeline
from penstock.sdk import BadInput

VALUES = "name: small\ndescription: Small.\ntasks: {judge: {min_auc: 0.5}}\n"
HEAD = "\ndef build(p: Pipeline) -> None:\n    data = p.task('read', READ)\n"
FIT = "    trained = p.task('train', FIT, examples=data['examples'])\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("p.task('t', FIT, examples=data['exampels'])", r"task 'read': reader has no output 'exampels'; did you mean"),
        ("p.task('t', FIT, example=data['examples'])", r"task 't': fitter has no input 'example'; did you mean"),
        ("p.task('t', FIT)", r"task 't': nothing is wired to examples of fitter"),
        ("p.task('t', FIT, examples=data)", r"examples is given the task 'read'. Name one of its outputs"),
        (
            "p.task('t', JUDGE, model=data['examples'])",
            r"task 't': model takes Model, and read\['examples'\] is Examples",
        ),
        ("p.task('t', FIT, examples='s3://bucket')", r"Incompatible argument|examples"),
        ("p.task('read', READ)", r"task 'read': there is a task of this name already"),
        ("p.task('Train', READ)", r"task 'Train': a task's name is lower-case"),
        ("p.task('a-b', READ)", r"task 'a-b': a task's name is lower-case"),
        ("p.task('a__b', READ)", r"task 'a__b': a task's name is lower-case"),
        ("with p.when_open(data): pass", r"task 'read': reader is not a gate"),
        ("with p.when_open(): pass", r"when_open: names no gate"),
        ("p.task('t', READ, values={'url': 1})", r"reader has no parameter 'url'; did you mean 'uri'"),
        ("1 / 0", r"division by zero"),
    ],
)
def test_wrong_wiring_is_told_with_file_and_line(write_pipeline: Any, lines: str, message: str) -> None:
    folder = write_pipeline(build=f"{HEAD}    {lines}\n", values="name: small\ndescription: Small.\n")
    line = (folder / "pipeline.py").read_text().count("\n")
    with pytest.raises(BadInput, match=rf"pipeline.py:{line}: .*({message})"):
        compile_pipeline(folder)


def test_a_task_after_a_gate_cannot_be_used_outside_of_it(write_pipeline: Any) -> None:
    build = (
        HEAD
        + FIT
        + (
            "    with p.when_open(p.task('judge', JUDGE, model=trained['model'])):\n"
            "        more = p.task('more', FIT, examples=data['examples'])\n"
            "    p.task('last', FIT, examples=data['examples'], start=more['model'])\n"
        )
    )
    with pytest.raises(BadInput, match=r"pipeline.py.*(more|condition)"):
        compile_pipeline(write_pipeline(build=build, values=VALUES))


def test_a_pipeline_without_tasks_is_refused(write_pipeline: Any) -> None:
    with pytest.raises(BadInput, match=r"pipeline.py: Task is missing"):
        compile_pipeline(write_pipeline(build="\ndef build(p):\n    pass\n", values=VALUES))


def test_a_pipeline_file_must_have_build_and_be_python(write_pipeline: Any) -> None:
    with pytest.raises(BadInput, match=r"pipeline.py: has no function `build"):
        compile_pipeline(write_pipeline(build="\n", values=VALUES))
    with pytest.raises(BadInput, match=r"pipeline.py.*: cannot be imported: SyntaxError"):
        compile_pipeline(write_pipeline(build="\ndef build(:\n", values=VALUES))
    with pytest.raises(BadInput, match=r"pipeline.py:\d+: cannot be imported: ModuleNotFoundError: .*nowhere"):
        compile_pipeline(write_pipeline(build="\nimport nowhere\n", values=VALUES))


def test_several_gates_must_all_open(write_pipeline: Any) -> None:
    build = (
        HEAD
        + FIT
        + (
            "    one = p.task('judge', JUDGE, model=trained['model'])\n"
            "    two = p.task('judge_two', JUDGE, model=trained['model'])\n"
            "    with p.when_open(one, two):\n"
            "        p.task('more', FIT, examples=data['examples'])\n"
        )
    )
    values = "name: small\ndescription: Small.\ntasks: {judge: {min_auc: 0.5}, judge_two: {min_auc: 0.9}}\n"
    spec = yaml.safe_load(compile_pipeline(write_pipeline(build=build, values=values)))
    outer = spec["root"]["dag"]["tasks"]["condition-1"]
    inner = spec["components"]["comp-condition-1"]["dag"]["tasks"]["condition-2"]
    assert "judge-gate'] == 'open'" in outer["triggerPolicy"]["condition"]
    assert "judge_two-gate'] == 'open'" in inner["triggerPolicy"]["condition"].replace("judge-two", "judge_two")
    assert list(spec["components"]["comp-condition-2"]["dag"]["tasks"]) == ["more"]


def test_kfps_control_flow_is_usable(write_pipeline: Any) -> None:
    build = (
        "\nfrom penstock.authoring.control import If, Else, ParallelFor\n"
        + HEAD
        + (
            "    with ParallelFor([0.1, 0.2]) as rate:\n"
            "        model = p.task('train', FIT, examples=data['examples'], values={'rate': rate})['model']\n"
            "        judged = p.task('judge', JUDGE, model=model)\n"
            "        with If(judged.gate == 'open'):\n"
            "            p.task('good', READ)\n"
            "        with Else():\n"
            "            p.task('bad', READ, after=[judged])\n"
        )
    )
    spec = yaml.safe_load(compile_pipeline(write_pipeline(build=build, values=VALUES)))
    loop = spec["root"]["dag"]["tasks"]["for-loop-2"]
    assert yaml.safe_load(loop["parameterIterator"]["items"]["raw"]) == [0.1, 0.2]
    inside = spec["components"]["comp-for-loop-2"]["dag"]["tasks"]
    assert "loop-item" in inside["train"]["inputs"]["parameters"]["rate"]["componentInputParameter"]


def test_a_value_has_one_origin(write_pipeline: Any) -> None:
    build = HEAD + "    p.task('train', FIT, examples=data['examples'], values={'rate': 0.5})\n"
    values = "name: small\ndescription: Small.\n{}"
    with pytest.raises(BadInput, match=r"tasks.train.rate: is wired in pipeline.py"):
        compile_pipeline(write_pipeline(build=build, values=values.format("tasks: {train: {rate: 1.0}}\n")))
    with pytest.raises(BadInput, match=r"rate is wired and may be set by a run"):
        compile_pipeline(write_pipeline(build=build, values=values.format("run_may_set: [train.rate]\n")))


def test_two_run_parameters_cannot_share_a_name(write_pipeline: Any) -> None:
    build = (
        "\nclass XParams(Params):\n    a_b: int = 1\n    b: int = 1\n"
        "X = ComponentSpec(name='x', stage='train', image='runtime', summary='X.', params=XParams)\n"
        "def build(p):\n    p.task('t', X)\n    p.task('t_a', X)\n"
    )
    values = "name: small\ndescription: Small.\nrun_may_set: [t.a_b, t_a.b]\n"
    with pytest.raises(BadInput, match=r"pipeline.yaml:3: run_may_set.1: two parameters would be called 't_a_b'"):
        compile_pipeline(write_pipeline(build=build, values=values))


def test_results_of_a_loop_can_be_collected(write_pipeline: Any) -> None:
    build = "\nfrom penstock.authoring.control import Collected, ParallelFor\n" + HEAD + FIT
    build += (
        "    with ParallelFor([1, 2], parallelism=2):\n"
        "        judged = p.task('judge', JUDGE, model=trained['model'])\n"
        "    p.task('more', FIT, examples=data['examples'], values={'units': Collected(judged.gate)})\n"
    )
    spec = yaml.safe_load(compile_pipeline(write_pipeline(build=build, values=VALUES)))
    tasks = spec["root"]["dag"]["tasks"]
    assert tasks["for-loop-2"]["iteratorPolicy"] == {"parallelismLimit": 2}
    units = tasks["more"]["inputs"]["parameters"]["units"]["taskOutputParameter"]
    assert units == {"producerTask": "for-loop-2", "outputParameterKey": "pipelinechannel--judge-gate"}


def test_one_of_two_branches_goes_on(write_pipeline: Any) -> None:
    build = "\nfrom penstock.authoring.control import Else, If, OneOf\n" + HEAD + FIT
    build += (
        "    judged = p.task('judge', JUDGE, model=trained['model'])\n"
        "    with If(judged.gate == 'open'):\n"
        "        good = p.task('good', FIT, examples=data['examples'])\n"
        "    with Else():\n"
        "        bad = p.task('bad', FIT, examples=data['examples'])\n"
        "    either = OneOf(good['model'].channel, bad['model'].channel)\n"
        "    p.task('more', FIT, examples=data['examples'], start=either)\n"
    )
    spec = yaml.safe_load(compile_pipeline(write_pipeline(build=build, values=VALUES)))
    start = spec["root"]["dag"]["tasks"]["more"]["inputs"]["artifacts"]["start"]["taskOutputArtifact"]
    assert start["producerTask"] == "condition-branches-1"


def test_something_can_be_done_whatever_happens(write_pipeline: Any) -> None:
    build = "\nfrom penstock.authoring.control import ExitHandler\n\ndef build(p: Pipeline) -> None:\n"
    build += "    with ExitHandler(p.task('last', READ).kfp):\n        p.task('read', READ)\n"
    folder = write_pipeline(build=build, values="name: small\ndescription: Small.\n")
    last = yaml.safe_load(compile_pipeline(folder))["root"]["dag"]["tasks"]["last"]
    assert last["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert last["dependentTasks"] == ["exit-handler-1"]
