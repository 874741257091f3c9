"""The container contract: validated first, whole or not at all, one clear line on failure."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock.artifacts import Consequence, Decision, Examples, ModelBlessing, Verdict, digest_tree
from penstock.sdk import BadInput, ComponentSpec, In, Lookup, Out, Params, PenstockError, main
from penstock.sdk.entry import write_atomically
from penstock.sdk.errors import explain_disk
from penstock.sdk.testkit import run_component

REPOSITORY = Path(__file__).parents[3]


class CountParams(Params):
    words: list[str]
    """The words."""
    times: int = 1
    """How often."""


SPEC = ComponentSpec(
    name="count",
    stage="ingest",
    image="runtime",
    summary="Count.",
    params=CountParams,
    inputs={"examples": In(Examples, optional=True)},
    outputs={"blessing": Out(ModelBlessing)},
    gate=True,
)


def work(context):
    blessing = context.output("blessing", ModelBlessing)
    blessing.write_text("words.txt", " ".join(context.params.words * context.params.times))
    decision = Decision(verdict=Verdict.SUCCESSFUL, consequence=Consequence.PROCEED)
    context.decide(decision, blessing, model_digest="sha256:0")
    context.processed(3)


def test_outputs_are_published_with_kind_and_digest(tmp_path):
    result = run_component(SPEC, work, tmp_path, params={"words": ["a"], "times": 2.0})
    blessing = result.outputs["blessing"]
    assert blessing.read_text("words.txt") == "a a"
    assert blessing.digest == digest_tree(tmp_path / "blessing")
    assert (result.parameters, result.rows) == ({"gate": "open"}, 3)
    written = json.loads((tmp_path / "executor_output.json").read_text())
    assert written["parameterValues"] == {"gate": "open"}
    metadata = written["artifacts"]["blessing"]["artifacts"][0]["metadata"]
    assert metadata == {
        "kind": "model_blessing",
        "digest": blessing.digest,
        "verdict": "Successful",
        "consequence": "proceed",
        "model_digest": "sha256:0",
    }


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "words: is required"),
        ({"words": ["a"], "time": 2}, "time: unknown key; did you mean 'times'?"),
        ({"words": ["a"], "times": "x"}, "times: input should be a valid integer"),
    ],
)
def test_bad_parameters_change_nothing(tmp_path, params, message):
    with pytest.raises(BadInput, match=f"component count: {message}"):
        run_component(SPEC, work, tmp_path, params=params)
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_kfp_adds_by_itself_are_not_parameters(tmp_path):
    params = {"words": ["a"], "pipelinechannel--train-epochs": 3}
    assert run_component(SPEC, work, tmp_path, params=params).parameters == {"gate": "open"}


def test_a_failing_component_leaves_nothing(tmp_path):
    def fail(context):
        work(context)
        raise PenstockError("no")

    with pytest.raises(PenstockError):
        run_component(SPEC, fail, tmp_path, params={"words": []})
    assert list(tmp_path.iterdir()) == []


def test_an_output_left_empty_or_a_gate_that_says_nothing_is_a_failure(tmp_path):
    with pytest.raises(PenstockError, match="decided nothing"):
        run_component(SPEC, lambda context: None, tmp_path, params={"words": []})
    spec = ComponentSpec("x", "ingest", "runtime", "X.", Params, outputs={"examples": Out(Examples)})
    with pytest.raises(PenstockError, match="wrote nothing to its output 'examples'"):
        run_component(spec, lambda context: None, tmp_path)


def test_an_input_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="input 'examples' is not at"):
        run_component(SPEC, work, tmp_path, params={"words": []}, inputs={"examples": _absent(tmp_path)})


def _absent(tmp_path):
    return Examples(tmp_path / "absent", metadata={"digest": "sha256:0"})


def test_publishing_again_replaces_what_was_there(tmp_path):
    for word in ("a", "b"):
        run_component(SPEC, work, tmp_path, params={"words": [word]})
    assert (tmp_path / "blessing" / "words.txt").read_text() == "b"


@pytest.mark.parametrize("argv", [[], ["{"], ["{}", "more"], ['{"inputs": {}}']])
def test_a_wrong_argument_is_one_line_and_exit_2(argv, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(SPEC, work, argv)
    assert exit_.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


SLOW = "    work(context); print('ready', flush=True); time.sleep(30)\n"
DEAF = "    work(context); Deaf(); time.sleep(30)\n"


@pytest.mark.parametrize("working", [SLOW, pytest.param(DEAF, marks=pytest.mark.slow)])
def test_sigterm_leaves_nothing_behind(tmp_path, working):
    program = (
        "import sys, time; sys.path.insert(0, sys.argv.pop(1))\n"
        "from test_entry import SPEC, main, work\n"
        "class Deaf:\n    def __del__(self): print('ready', flush=True); time.sleep(30)  # drops what is raised\n"
        f"def slow(context):\n{working}main(SPEC, slow)"
    )
    argument = {
        "inputs": {"parameterValues": {"words": ["a"]}},
        "outputs": {"artifacts": {"blessing": {"artifacts": [{"uri": str(tmp_path / "blessing")}]}}},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parent), json.dumps(argument)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/src"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert [path.name for path in tmp_path.iterdir()] == [f".blessing.partial-{process.pid}"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 143
    deadline = time.monotonic() + 2
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Count"},
        {"outputs": {"words": Out(ModelBlessing)}},
        {"inputs": {"baseline": In(Examples, lookup=Lookup("previous", other_than="examples"))}},
    ],
)
def test_a_spec_that_contradicts_itself_cannot_be_made(wrong):
    import dataclasses

    with pytest.raises(ValueError, match=r"count|Count"):
        dataclasses.replace(SPEC, **wrong)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/v/a"), "no space is left on the disk (/v/a). Make space"),
        (RuntimeError("RESOURCE_EXHAUSTED: /v/a; No space left on device"), "no space is left on the disk (while writ"),
        (OSError(errno.ENOENT, "No such file or directory", "/v/a"), None),
        (ValueError("no space"), None),
    ],
)
def test_what_a_disk_may_do_is_told_whoever_says_it(error, said):
    known = explain_disk(error)
    assert (known is None) if said is None else str(known).startswith(said)


def test_a_wrapped_disk_error_is_still_told():
    try:
        try:
            raise OSError(errno.EROFS, "Read-only file system", "/v")
        except OSError as error:
            raise RuntimeError("could not save") from error
    except RuntimeError as error:
        assert str(explain_disk(error)) == "the file system is read-only (/v). Make space"


def test_a_small_file_that_does_not_fit_is_named_and_what_was_there_stays(tmp_path):
    path = tmp_path / "status.json"
    write_atomically(path, "before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, limits[1]))
    try:
        with pytest.raises(OSError, match=r"status\.json") as caught:
            write_atomically(path, "after it")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(explain_disk(caught.value)) == f"a file may not grow that large ({path}). Make space"
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("status.json", "before")]
