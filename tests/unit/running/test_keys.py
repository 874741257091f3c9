from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.running.keys import cache_key
from penstock.running.work import Container, Work
from penstock.sdk.executor import RuntimeArtifact

WORK = Work(
    id="train",
    task="train",
    component="trainer",
    container=Container("example.com/runtime:1", ("python", "-m", "c.main"), ("{{$}}",)),
    parameters={"epochs": 1},
    artifacts={"examples": (RuntimeArtifact(uri="/a", metadata={"digest": "sha256:1"}),)},
    output_artifacts={"model": "system.Model"},
    output_parameters={"gate": "STRING"},
)
FACTS: dict[str, Any] = {
    "parameters": {"epochs": 1, "seed": 7},
    "inputs": {"examples": ("sha256:1",), "schema": ("sha256:2",)},
    "code_digest": "sha256:3",
    "environment_digest": "sha256:4",
    "observed": None,
}
KEY = cache_key(WORK, **FACTS)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"epochs": 2, "seed": 7}},
        {"parameters": {"epochs": 1}},
        {"inputs": {"examples": ("sha256:9",), "schema": ("sha256:2",)}},
        {"inputs": {"examples": ("sha256:2",), "schema": ("sha256:1",)}},
        {"inputs": {"examples": ("sha256:1", "sha256:2")}},
        {"inputs": {**FACTS["inputs"], "baseline": ("sha256:5",)}},
        {"code_digest": "sha256:5"},
        {"environment_digest": "sha256:5"},
        {"observed": "sha256:5"},
    ],
)
def test_everything_that_can_change_the_outputs_changes_the_key(change: dict[str, Any]) -> None:
    assert cache_key(WORK, **{**FACTS, **change}) != KEY


@pytest.mark.parametrize(
    "change",
    [
        {"container": replace(WORK.container, args=("{{$}}", "--more"))},
        {"container": replace(WORK.container, env={"A": "1"})},
        {"output_artifacts": {"model": "system.Artifact"}},
        {"output_artifacts": {"other": "system.Model"}},
        {"output_parameters": {}},
    ],
)
def test_the_command_and_the_outputs_are_part_of_the_key(change: dict[str, Any]) -> None:
    assert cache_key(replace(WORK, **change), **FACTS) != KEY


@pytest.mark.parametrize(
    "change",
    [
        {"id": "for-loop-1[2]/train"},
        {"task": "other name"},
        {"upstream": ("ingest",)},
        {"retries": 5},
        {"artifacts": {"examples": (RuntimeArtifact(uri="/elsewhere", metadata={"digest": "sha256:1"}),)}},
        {"container": replace(WORK.container, memory_limit_bytes=1, cpu_limit=2.0)},
    ],
)
def test_places_names_and_limits_are_not(change: dict[str, Any]) -> None:
    assert cache_key(replace(WORK, **change), **FACTS) == KEY


def test_the_image_counts_only_where_the_code_is_unknown() -> None:
    other = replace(WORK, container=replace(WORK.container, image="example.com/runtime:2"))
    assert cache_key(other, **FACTS) == KEY
    unknown = {**FACTS, "code_digest": ""}
    assert cache_key(other, **unknown) != cache_key(WORK, **unknown)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_names_does_not_matter(names: list[str]) -> None:
    inputs = {name: (f"sha256:{name}",) for name in names}
    parameters = {name: name for name in names}
    expected = cache_key(
        WORK, **{**FACTS, "inputs": dict(sorted(inputs.items())), "parameters": dict(sorted(parameters.items()))}
    )
    assert cache_key(WORK, **{**FACTS, "inputs": inputs, "parameters": parameters}) == expected
