"""What a component's check can say."""

import pytest

from penstock.sdk import BadInput, Params, PenstockError
from penstock.sdk.checking import Check, Known, Problem


class Some(Params):
    column: str = "x"
    model_fn: str = ""


def test_a_name_that_is_not_known_is_told_with_the_nearest() -> None:
    at = Check(Some())
    at.member("column", name="hour", of=["hour", "day"], where="the examples")
    at.member("column", name="huor", of=["hour", "day"], where="the examples")
    at.member("column", name="q", of=["hour", "day"], where="the examples")
    at.member("column", name="q", of=None, where="the examples")
    at.member("column", name="q", of=[], where="the splits")
    assert at.problems == [
        Problem(("column",), "'huor' is not in the examples; did you mean 'hour'?"),
        Problem(("column",), "'q' is not in the examples; known: day, hour"),
        Problem(("column",), "'q' is not in the splits; known: none"),
    ]


def test_what_is_not_wired_is_not_known() -> None:
    assert Check(Some()).input("examples") == Known()


def test_an_error_becomes_a_problem_of_its_key() -> None:
    at = Check(Some())
    with at.noting("column", 3):
        raise BadInput("it is not there", "Look again")
    with at.noting():
        raise PenstockError("column.2.name: it is not there")
    with at.noting():
        raise BadInput("other: is no parameter of ours")
    with at.noting():
        raise BadInput("a; b", findings=["column: a", "b"])
    assert at.problems == [
        Problem(("column", 3), "it is not there. Look again"),
        Problem(("column", 2, "name"), "it is not there"),
        Problem((), "other: is no parameter of ours"),
        Problem(("column",), "a"),
        Problem((), "b"),
    ]
    with pytest.raises(ZeroDivisionError), at.noting():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", []),
        ("def model_fn(a, b, c):\n    return a\n", []),
        ("from mine import model_fn", []),
        ("model_fn = lambda *a: None", []),
        ("x = 1\ndef model_fn(:\n", [Problem(("model_fn",), "not Python: invalid syntax", 2)]),
        ("def other(): ...", [Problem(("model_fn",), "defines no function 'model_fn'")]),
        ("raise SystemExit", [Problem(("model_fn",), "defines no function 'model_fn'")]),
        ("\0", [Problem(("model_fn",), "not Python: source code string cannot contain null bytes")]),
    ],
)
def test_source_is_read_and_not_run(text: str, problems: list[Problem]) -> None:
    at = Check(Some())
    at.source("model_fn", text=text)
    assert at.problems == problems
