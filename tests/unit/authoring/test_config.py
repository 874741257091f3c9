"""`pipeline.yaml`: what it may say, and what is told when it says something else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from penstock.authoring.config import read_config
from penstock.sdk import BadInput, ComponentSpec, Params


class Deep(BaseModel, extra="forbid"):
    kind: Literal["deep"]
    units: int


class Wide(BaseModel, extra="forbid"):
    kind: Literal["wide"]


class TrainParams(Params):
    epochs: int = Field(default=3, ge=1)
    rate: float = 0.1
    limit: int | None = None
    rules: str = ""
    layers: dict[str, Annotated[Deep | Wide, Field(discriminator="kind")]] = {}
    seed: int = 0


class StrictParams(Params):
    needed: float


def spec(params: type[Params] = TrainParams) -> ComponentSpec:
    return ComponentSpec(
        name="trainer", stage="train", image="runtime", summary="Train.", params=params, inputs={}, outputs={}
    )


def write(tmp_path: Path, tasks: str = "", head: str = "name: small\ndescription: Small.\n") -> Path:
    folder = tmp_path / "small"
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yaml").write_text(head + tasks)
    return folder


def values(folder: Path, params: type[Params] = TrainParams, **more: Any) -> dict[str, Any]:
    return read_config(folder).values("train", spec(params), **more)


def test_values_are_typed_and_defaults_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks:\n  train: {rate: 1e-3, epochs: 2}\n")
    assert values(folder) == {"rate": 0.001, "epochs": 2}
    assert read_config(folder).values("another", spec()) == {}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("tasks:\n  train:\n    epoch: 2\n", r"pipeline.yaml:5: tasks.train.epoch: unknown key; did you mean 'epochs'"),
        ("tasks:\n  train:\n    rate: 1\n    epochs: two\n", r":6: tasks.train.epochs: .*integer.* \(got 'two'\)"),
        ("tasks:\n  train:\n    epochs: 0\n", r":5: tasks.train.epochs: .*greater than or equal to 1 \(got 0\)"),
        ("tasks:\n  train:\n    seed: 9007199254740993\n", r":5: tasks.train.seed: .*2\^53"),
        ("tasks:\n  train:\n    epochs: null\n", r":5: tasks.train.epochs: .*integer"),
        (
            "tasks:\n  train:\n    layers:\n      one:\n        kind: deep\n        unit: 3\n",
            r":8: tasks.train.layers.one.unit: unknown key; did you mean 'units'",
        ),
        ("tasks:\n  train:\n    layers: {one: {kind: flat}}\n", r":5: tasks.train.layers.one: .*'flat'"),
        ("tasks:\n  train: {rate: .nan}\n", r":4: tasks.train.rate: .*finite"),
    ],
)
def test_a_wrong_value_is_told_with_file_line_and_key(tmp_path: Path, tasks: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        values(write(tmp_path, tasks))


def test_every_mistake_of_a_task_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"(?s)(?=.*:5: tasks.train.rte: unknown)(?=.*:6: tasks.train.epochs: )"):
        values(write(tmp_path, "tasks:\n  train:\n    rte: 1\n    epochs: x\n"))


def test_a_required_value_must_be_there_unless_it_comes_from_elsewhere(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks:\n  train: {}\n")
    with pytest.raises(BadInput, match=r"pipeline.yaml:4: tasks.train.needed: is required"):
        values(folder, StrictParams)
    assert values(folder, StrictParams, elsewhere=["needed"]) == {}
    with pytest.raises(BadInput, match=r"tasks.train.needed: is wired in pipeline.py"):
        values(write(tmp_path, "tasks:\n  train: {needed: 1}\n"), StrictParams, elsewhere=["needed"])


def test_a_section_with_a_misspelt_name_is_pointed_at(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"needed: is required\. There is no section 'train', but one called 'trian'"):
        values(write(tmp_path, "tasks:\n  trian: {needed: 1}\n"), StrictParams)


def test_null_means_left_out_where_nothing_is_the_default(tmp_path: Path) -> None:
    assert values(write(tmp_path, "tasks:\n  train: {limit: null}\n")) == {}


class NullableParams(Params):
    limit: int | None = 5


def test_null_is_refused_where_kfp_would_put_the_default(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r":4: tasks.train.limit: null cannot be passed"):
        values(write(tmp_path, "tasks:\n  train: {limit: null}\n"), NullableParams)


def test_a_file_stands_for_its_text(tmp_path: Path) -> None:
    folder = write(tmp_path, "tasks:\n  train:\n    rules: {file: schema.pbtxt}\n")
    (folder / "schema.pbtxt").write_text("feature {}\n")
    assert values(folder) == {"rules": "feature {}\n"}


def test_a_file_must_be_there_and_inside_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r":5: tasks.train.rules: there is no file 'schema.pbtxt'"):
        values(write(tmp_path, "tasks:\n  train:\n    rules: {file: schema.pbtxt}\n"))
    (tmp_path / "outside.txt").write_text("x")
    with pytest.raises(BadInput, match="lies outside the pipeline's folder"):
        values(write(tmp_path, "tasks:\n  train:\n    rules: {file: ../outside.txt}\n"))
    (tmp_path / "small" / "link.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(BadInput, match="lies outside the pipeline's folder"):
        values(write(tmp_path, "tasks:\n  train:\n    rules: {file: link.txt}\n"))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("name: small\ndescripton: x\n", r"descripton: unknown key; did you mean 'description'\?"),
        ("description: x\n", r"name: is required"),
        ("name: Small\ndescription: x\n", r"pipeline.yaml:1: name: .*pattern"),
        ("name: large\ndescription: x\n", r":1: name: 'large' is not the name of the folder, 'small'"),
        ("- a\n", r"a pipeline's configuration is a mapping"),
        ("name: small\ndescription: x\nrun_may_set: [a.b, a.b]\n", r":3: run_may_set.1: 'a.b' is there twice"),
        (
            "name: small\ndescription: x\nexecution:\n  train: {retrys: 1}\n",
            r":4: execution.train.retrys: unknown key; did you mean 'retries'",
        ),
        ("name: small\ndescription: x\nexecution:\n  train: {memory_limit: 4GB}\n", r":4: execution.train.memory"),
    ],
)
def test_the_file_is_closed(tmp_path: Path, head: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_config(write(tmp_path, head=head))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasks:\n  trian: {}\n", r":4: tasks.trian: there is no such task; did you mean 'train'"),
        ("execution:\n  trian: {}\n", r":4: execution.trian: there is no such task"),
        ("run_may_set:\n  - trian.epochs\n", r":4: run_may_set.0: 'trian.epochs' names no task; did you mean 'train'"),
        ("run_may_set:\n  - train.epoch\n", r":4: run_may_set.0: .* no parameter of train; did you mean 'epochs'"),
        ("run_may_set: [train]\n", r":3: run_may_set.0: 'train' names no parameter of train"),
    ],
)
def test_names_of_tasks_and_parameters_must_exist(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_config(write(tmp_path, text)).check_tasks({"train": spec()})
