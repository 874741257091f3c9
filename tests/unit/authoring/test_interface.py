"""The interface as read off a declaration."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from penstock.artifacts import Examples, Model, ModelBlessing
from penstock.authoring.interface import describe
from penstock.sdk import BadInput, ComponentSpec, In, Lookup, Out, Params


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Layer(BaseModel):
    """One layer."""

    units: int
    """Its width."""


class EveryParams(Params):
    whole: int = Field(default=1, ge=0, lt=10)
    """How
    many."""
    real: float = 0.5
    either: int | float = 1
    flag: bool = True
    text: str
    maybe: int | None = None
    choice: Literal["a", "b"] = "a"
    size: Size = Size.SMALL
    day: datetime.date = datetime.date(2013, 1, 1)
    many: list[str] = ["x"]
    pair: tuple[float, ...] = ()
    anything: dict[str, Any] = {}
    layer: Layer = Layer(units=3)
    layers: list[Layer] = []


def spec(params: type[Params] = EveryParams, **more: Any) -> ComponentSpec:
    given: dict[str, Any] = {
        "name": "judge",
        "stage": "analyse",
        "image": "runtime",
        "summary": "Judge.",
        "params": params,
        **more,
    }
    return ComponentSpec(**given)


def test_each_type_travels_as_one_of_kfps() -> None:
    types = {item.name: item.type for item in describe(spec()).parameters}
    assert types == {
        "whole": "NUMBER_INTEGER",
        "real": "NUMBER_DOUBLE",
        "either": "NUMBER_DOUBLE",
        "flag": "BOOLEAN",
        "text": "STRING",
        "maybe": "NUMBER_INTEGER",
        "choice": "STRING",
        "size": "STRING",
        "day": "STRING",
        "many": "LIST",
        "pair": "LIST",
        "anything": "STRUCT",
        "layer": "STRUCT",
        "layers": "LIST",
    }


def test_defaults_are_json() -> None:
    defaults = {item.name: item.default for item in describe(spec()).parameters if not item.required}
    assert defaults["size"] == "small"
    assert defaults["day"] == "2013-01-01"
    assert defaults["layer"] == {"units": 3}
    assert defaults["pair"] == []
    assert defaults["maybe"] is None
    assert [item.name for item in describe(spec()).parameters if item.required] == ["text"]


def test_types_are_shown_as_people_read_them() -> None:
    shown = {item.name: item.shown for item in describe(spec()).parameters}
    assert shown["whole"] == "integer >= 0, < 10"
    assert shown["choice"] == '"a" or "b"'
    assert shown["size"] == '"small" or "large"'
    assert shown["maybe"] == "integer"
    assert shown["layers"] == "list of Layer"
    assert shown["many"] == "list of string"
    assert shown["anything"] == "map"


def test_descriptions_stand_on_one_line() -> None:
    interface = describe(spec())
    assert interface.parameters[0].description == "How many."
    (layer,) = interface.structures
    assert (layer.name, layer.description, layer.keys[0].name) == ("Layer", "One layer.", "units")


class MixedParams(Params):
    either: int | str = 1


class SetParams(Params):
    names: set[str] = set()


def test_a_type_that_kfp_cannot_carry_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"component judge, parameter either: KFP carries one type .*'integer', 'string'"
    ):
        describe(spec(MixedParams))
    with pytest.raises(BadInput, match=r"parameter names: a set has no order\. Use a tuple"):
        describe(spec(SetParams))


def test_ports_tell_what_is_looked_up() -> None:
    interface = describe(
        spec(
            inputs={
                "model": In(Model),
                "baseline": In(Model, optional=True, lookup=Lookup("last_blessed", other_than="model")),
            },
            outputs={"blessing": Out(ModelBlessing), "rest": Out(Examples)},
            gate=True,
        )
    )
    model, baseline = interface.inputs
    assert (model.kind, model.schema_title, model.optional) == ("model", "system.Model", False)
    assert baseline.optional
    assert baseline.description.endswith("Not wired: the last blessed model, found in the lineage.")
    assert [port.schema_title for port in interface.outputs] == ["system.Artifact", "system.Dataset"]
