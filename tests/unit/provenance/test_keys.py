from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.provenance.keys import cache_key

FACTS: dict[str, Any] = {
    "command": ("python", "-m", "c.main", "{{$}}"),
    "env": {},
    "parameters": {"epochs": 1, "seed": 7},
    "inputs": {"examples": ("sha256:1",), "schema": ("sha256:2",)},
    "outputs": {"model": "system.Model"},
    "output_parameters": ("gate",),
    "code_digest": "sha256:3",
    "environment_digest": "sha256:4",
    "observed": None,
}
KEY = cache_key(**FACTS)


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
        {"command": ("python", "-m", "c.main", "{{$}}", "--more")},
        {"env": {"A": "1"}},
        {"outputs": {"model": "system.Artifact"}},
        {"outputs": {"other": "system.Model"}},
        {"output_parameters": ()},
    ],
)
def test_everything_that_can_change_the_outputs_changes_the_key(change: dict[str, Any]) -> None:
    assert cache_key(**{**FACTS, **change}) != KEY


def test_who_hears_of_the_work_is_not_part_of_it() -> None:
    assert cache_key(**{**FACTS, "env": {"PENSTOCK_LINEAGE": "grpc://lineage.example.com:8080"}}) == KEY


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_names_does_not_matter(names: list[str]) -> None:
    inputs = {name: (f"sha256:{name}",) for name in names}
    parameters = {name: name for name in names}
    expected = cache_key(
        **{**FACTS, "inputs": dict(sorted(inputs.items())), "parameters": dict(sorted(parameters.items()))}
    )
    assert cache_key(**{**FACTS, "inputs": inputs, "parameters": parameters}) == expected
