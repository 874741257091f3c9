"""Every mistake in parameters becomes one line that names the key and the nearest valid one."""

import pytest
from pydantic import BaseModel, ConfigDict

from penstock.sdk import BadInput, Params


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = 1
    depth: int = 2


class Outer(Params):
    rate: float = 0.1
    """Rate, in (0, 1)."""
    layers: list[Inner] = []
    """Layers."""
    named: dict[str, Inner] = {}
    """Layers by name."""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": 1}, "rat: unknown key; did you mean 'rate'?"),
        ({"zzz": 1}, "zzz: unknown key; known: layers, named, rate"),
        ({"layers": [{"widht": 1}]}, r"layers.0.widht: unknown key; did you mean 'width'\?"),
        ({"named": {"a": {"dept": 1}}}, r"named.a.dept: unknown key; did you mean 'depth'\?"),
        ({"rate": float("nan")}, "rate: input should be a finite number"),
    ],
)
def test_mistakes_are_explained(values, message):
    with pytest.raises(BadInput, match=message.replace("?", r"\?") if "\\" not in message else message):
        Outer.parse(values, where="task train")


def test_numbers_from_kfp_are_doubles_and_still_integers():
    assert Outer.parse({"layers": [{"width": 3.0}]}, where="x").layers[0].width == 3


def test_descriptions_come_from_the_docstring_below_the_field():
    assert Outer.model_fields["rate"].description == "Rate, in (0, 1)."
