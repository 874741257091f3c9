from __future__ import annotations

from pathlib import Path

import pytest

from penstock.running.binding import bind
from penstock.running.components import component_roots
from penstock.running.planner import Planner
from penstock.running.preflight import check_parameters
from penstock.running.spec_reader import read_pipeline
from penstock.running.warming import container_tasks
from penstock.sdk import BadInput

FLIGHTS = Path(__file__).parents[3] / "pipelines" / "flights" / "compiled.yaml"


def check(**settings: str) -> None:
    spec = read_pipeline(FLIGHTS)
    parameters = Planner(spec, bind(spec, settings)).parameters
    check_parameters(spec, parameters, container_tasks(spec, component_roots(FLIGHTS)))


def test_the_pipeline_s_own_values_pass() -> None:
    check()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("train.epochs", "-1", "task train: epochs"), ("train.batch_size", "0", "task train: batch_size")],
)
def test_a_value_out_of_range_is_found_at_any_depth(name: str, value: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check(**{name: value})


def test_tasks_come_in_the_order_of_need_with_their_components() -> None:
    tasks = container_tasks(read_pipeline(FLIGHTS), component_roots(FLIGHTS))
    names = [task.component.spec.name for task in tasks.values() if task.component]
    assert names[:4] == ["ingest", "data_validator", "transform", "trainer"]
    assert set(names[4:6]) == {"evaluator", "infra_validator"}
    assert set(names[6:]) == {"reporter", "pusher"}
