"""Gates that make no sense are refused, in words that the API server uses too; and what evidence of any costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge
from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram
from penstock.releasing.gates.source_spec import Source
from penstock.releasing.gates.spec import Gate, Gates, Metric, Range
from penstock.releasing.reading import OVERALL

LOG = {"kind": "predictionLog"}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"metric": "quality"}, 0),
        ({"metric": "predictions"}, 1),
        ({"metric": "errorRate", "slices": {"everyValueOf": ["carrier"]}}, 2),
        ({"metric": "business", "source": LOG}, 3),
        ({"metric": "predictions", "source": LOG, "cuts": [0.5, 0.5]}, 4),
        ({"metric": "predictions", "source": LOG, "cuts": [0.6, 0.5]}, 4),
    ],
)
def test_a_gate_that_cannot_be_measured_is_refused_in_the_words_of_its_rule(
    fields: dict[str, object], rule: int
) -> None:
    with pytest.raises(ValidationError) as refused:
        Gate(name="one", **fields)
    assert Gate.CEL[rule][1] in str(refused.value)


def test_so_are_gates_without_one_to_wait_for_or_with_the_same_name_twice() -> None:
    for gates, rule in (
        ([{"name": "one", "metric": "errorRate"}] * 2, 0),
        ([{"name": "one", "metric": "errorRate", "advance": False}], 1),
    ):
        with pytest.raises(ValidationError) as refused:
            Gates(gates=gates)
        assert Gates.CEL[rule][1] in str(refused.value)
    with pytest.raises(ValidationError, match="lowest must be below highest"):
        Range(lowest=1, highest=1)
    with pytest.raises(ValidationError, match="where are the labels"):
        Source(kind="labels")


@pytest.mark.parametrize(
    "fields",
    [
        {"margin": 0},
        {"margin": float("nan")},
        {"quantile": 1.0},
        {"minimumSamples": 0},
        {"budgetShare": 0},
        {"name": "Errors"},
        {"slices": {"only": ["carrier"]}},
        {"unknown": 1},
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Gate(**{"name": "one", "metric": "errorRate", "source": LOG, **fields})


def test_the_budget_is_split_by_the_shares() -> None:
    gates = Gates(
        gates=[
            {"name": "one", "metric": "errorRate", "budgetShare": 3},
            {"name": "two", "metric": "latencyQuantile"},
        ],
        error_budget=0.04,
    )
    assert [gates.budget(gate) for gate in gates.gates] == pytest.approx([0.03, 0.01])


@pytest.mark.parametrize("metric", [Metric.ERROR_RATE, Metric.LATENCY_QUANTILE, Metric.PREDICTIONS])
def test_evidence_on_as_many_slices_as_there_may_be_fits_into_a_config_map(metric: Metric) -> None:
    slices = {"every_value_of": ["carrier"], "limit": 50}
    gate = Gate(name="one", metric=metric, source=LOG, slices=slices)
    edges = gate.cuts if metric is Metric.PREDICTIONS else EDGES_MS
    evidence = Evidence()
    for look in range(3):
        comparisons = []
        for name in (OVERALL, *(f"carrier={number}" for number in range(50))):
            arms = [
                Arm.binary(10**9 + look, 10**7 + look * 12_345)
                if metric is Metric.ERROR_RATE
                else Histogram(edges, tuple(10**6 + look + bin for bin in range(len(edges) + 1)))
            ] * 2
            comparisons.append(Comparison("one", *arms, slice=name))
        evidence, _ = judge(Gates(gates=(gate,)), evidence, Batch(step=str(look), comparisons=tuple(comparisons)))
    assert len(evidence.gates[0].slices) == 51
    assert len(evidence.model_dump_json(by_alias=True)) < 900_000


def test_the_controllers_image_has_all_that_judging_and_the_sources_import() -> None:
    """It has neither NumPy nor Arrow: they are imported, where they are, only when a log is read."""
    script = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "pyarrow", "pandas", "scipy", "orjson"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import penstock.releasing.gates.judging
from penstock.releasing.sources import labels, observing, prediction_log, prometheus
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
