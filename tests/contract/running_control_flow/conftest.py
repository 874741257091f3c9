"""Pipelines compiled by kfp, and a run of them in which the test says what each task puts out."""
# ruff: noqa: B006, RUF013, PLR0917, UP006, UP035 - kfp reads signatures, defaults and annotations as they are

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from kfp import compiler, dsl

from penstock.running.binding import Selection
from penstock.running.pipeline_spec import PipelineSpec
from penstock.running.planner import Planner
from penstock.running.spec_reader import read_pipeline
from penstock.running.work import Fate, Outputs, Work
from penstock.sdk.executor import RuntimeArtifact


@dsl.container_component
def number(out: dsl.OutputPath(int), n: int = 3):
    return dsl.ContainerSpec(image="img", command=["number"], args=["--n", n, "--out", out])


@dsl.container_component
def word(out: dsl.OutputPath(str), text: str = "hi"):
    return dsl.ContainerSpec(image="img", command=["word"], args=[text, out])


@dsl.container_component
def items(out: dsl.OutputPath(List[Dict[str, int]])):
    return dsl.ContainerSpec(image="img", command=["items"], args=[out])


@dsl.container_component
def data(made: dsl.Output[dsl.Dataset], text: str = "x"):
    return dsl.ContainerSpec(image="img", command=["data"], args=["{{$}}", made.uri, text])


@dsl.container_component
def use(given: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="img", command=["use"], args=[given.path, given.uri])


@dsl.container_component
def use_all(given: dsl.Input[List[dsl.Dataset]]):
    return dsl.ContainerSpec(image="img", command=["use_all"], args=["{{$}}"])


@dsl.container_component
def typed(
    text: str = "t",
    whole: int = 1,
    real: float = 1.5,
    yes: bool = True,
    many: list = [1, 2],
    deep: dict = {"a": 1},
):
    return dsl.ContainerSpec(image="img", command=["typed"], args=["{{$}}"])


@dsl.container_component
def optional(given: dsl.Input[dsl.Dataset] = None, text: str = None, default: str = "d"):
    return dsl.ContainerSpec(
        image="img",
        command=["optional"],
        args=[dsl.IfPresentPlaceholder("text", then=["--text", text], else_=["--none"])],
    )


@dsl.container_component
def final(status: dsl.PipelineTaskFinalStatus, note: str = ""):
    return dsl.ContainerSpec(image="img", command=["final"], args=[status, note])


@pytest.fixture(scope="session")
def parts() -> SimpleNamespace:
    """Components to build pipelines from."""
    return SimpleNamespace(
        number=number, word=word, items=items, data=data, use=use, use_all=use_all, typed=typed, optional=optional,
        final=final,
    )  # fmt: skip


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Path]:
    """Compile a pipeline function to a file."""

    def compile_(function: Callable[..., Any]) -> Path:
        path = tmp_path / f"{function.__name__}.yaml"
        with contextlib.redirect_stdout(io.StringIO()):
            pipeline = dsl.pipeline(name=function.__name__.replace("_", "-"))(function)
            compiler.Compiler().compile(pipeline, str(path))
        return path

    return compile_


@pytest.fixture
def spec_of(compiled: Callable[..., Path]) -> Callable[..., PipelineSpec]:
    """Compile a pipeline function and read it back."""
    return lambda function: read_pipeline(compiled(function))


def _answer(work: Work) -> Outputs:
    """Numbers give back their input, words their text, data an artifact named after the work."""
    values = {"number": work.parameters.get("n"), "word": work.parameters.get("text"), "items": [{"a": 1}, {"a": 2}]}
    artifacts = {
        name: (RuntimeArtifact(name=name, uri=f"/store/{work.id}/{name}", metadata={"text": work.parameters["text"]}),)
        for name in work.output_artifacts
    }
    return Outputs(dict.fromkeys(work.output_parameters, values.get(work.container.command[0])), artifacts)


@dataclass
class Played:
    """What happened in a run."""

    planner: Planner
    order: list[str] = field(default_factory=list)
    works: dict[str, Work] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    widest: int = 0
    """The most that was under way at once."""


@pytest.fixture
def play(spec_of: Callable[..., PipelineSpec]) -> Callable[..., Played]:
    """Run a pipeline: everything that is ready starts at once, and ends in the order in which it started."""

    def run(
        pipeline: Callable[..., Any] | PipelineSpec,
        parameters: Mapping[str, Any] | None = None,
        *,
        failing: tuple[str, ...] = (),
        answers: Mapping[str, Any] | None = None,
        selection: Selection | None = None,
    ) -> Played:
        spec = pipeline if isinstance(pipeline, PipelineSpec) else spec_of(pipeline)
        played = Played(Planner(spec, parameters or {}, selection=selection))
        under_way: list[Work] = []
        while not played.planner.done:
            under_way += played.planner.ready()
            assert under_way, "nothing is under way and the run is not done"
            played.widest = max(played.widest, len(under_way))
            work = under_way.pop(0)
            played.order.append(work.id)
            played.works[work.id] = work
            if work.id in failing:
                played.planner.failed(work.id, "it broke")
            elif work.id in (answers or {}):
                played.planner.finished(work.id, Outputs({"out": answers[work.id]}))
            else:
                played.planner.finished(work.id, _answer(work))
        assert not played.planner.ready()
        for end in played.planner.ended():
            assert end.id not in played.fates, f"{end.id} ended twice"
            played.fates[end.id], played.why[end.id] = end.fate, end.why
        return played

    return run
