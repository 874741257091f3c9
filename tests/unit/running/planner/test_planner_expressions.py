"""The part of CEL that compiled pipelines use: what it means, and that nothing else is let in."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.running.expressions import Expression, ExpressionError

X = "inputs.parameter_values['x']"


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        (f"{X} == 'a'", "a", True),
        (f"{X} == 'a'", "b", False),
        (f'{X} == "it\'s"', "it's", True),
        (rf"{X} == 'it\'s'", "it's", True),
        (rf"{X} == 'a\\b\n\x41\u00e9\101'", "a\\b\nAéA", True),
        (f"{X} == ' && '", " && ", True),
        (f"{X} == ''", "", True),
        (f"int({X}) > 2", 3.0, True),
        (f"int({X}) >= 4", 3.0, False),
        (f"int({X}) == 3", "3", True),
        (f"{X} < 2.5", 2, True),
        (f"{X} == 3", 3.0, True),
        (f"{X} == -1.5e1", -15.0, True),
        (f"{X} == true", True, True),
        (f"{X} == true", 1, False),
        (f"{X} != '1'", 1, True),
        (f"{X} == [1, 2]", [1.0, 2.0], True),
        (f"{X} == [1, true]", [1, 1], False),
        (f"{X} in ['a', 'b']", "b", True),
        (f"'k' in {X}", {"k": 1}, True),
        (f"{X}.k[1] == 2", {"k": [1, 2]}, True),
        (f"size({X}) == 2", [1, 2], True),
        (f"!({X} == 'a') && !({X} == 'b')", "c", True),
        (f"!!({X} == 'a')", "a", True),
        (f"{X} == 'a' || {X} == 'b' && {X} == 'c'", "a", True),
        (f"({X} == 'a' || {X} == 'b') && {X} == 'c'", "a", False),
        ("true || inputs.parameter_values['missing'] == 1", "", True),
        ("inputs.parameter_values['missing'] == 1 || true", "", True),
        ("inputs.parameter_values['missing'] == 1 && false", "", False),
        (f"double({X}) > 1.4", "1.5", True),
        (f"string({X}) == '2'", 2.0, True),
        (f"bool({X})", "true", True),
    ],
)
def test_conditions_mean_what_cel_says(text, x, expected):
    assert Expression(text).test({"x": x}) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read"),
        (f"{X} ==", "cannot read"),
        (f"{X} = 'a'", "cannot read"),
        (f"{X} == 'it's'", r"write \\' for a quote"),
        (f"{X} == 'a\nb'", "cannot read"),
        (f"{X} == 'a' b", "cannot read"),
        (rf"{X} == 'a\c'", r"unknown escape \\c"),
        ("__import__('os')", "the function __import__, which is not supported"),
        ("inputs.__class__(1)", "cannot read"),
        ("os.system", "names 'os', which is not an input"),
        (f"{X}.matches('a')", "cannot read"),
        ("(" * 5000 + ")" * 5000, "nested too deep"),
        ("!" * 5000 + "true", "nested too deep"),
        (f"{X}" + ".a" * 5000, "nested too deep"),
        ("a" * 30_000, "too long"),
    ],
)
def test_what_is_not_understood_is_refused_when_it_is_read(text, message):
    with pytest.raises(ExpressionError, match=message):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        ("inputs.parameter_values['y'] == 1", 1, "there is no 'y'; there is x"),
        (f"{X} < 'a'", 1, "1 and 'a' have no order"),
        (f"int({X}) == 1", "one", "'one' is not an integer"),
        (f"{X} && true", "a", "'a' is not true or false"),
        (f"{X}", 3, "gives 3, not true or false"),
        (f"{X}[5] == 1", [1], "there is no item 5 in a list of 1"),
        (f"{X}[-1] == 1", [1], "there is no item -1 in a list of 1"),
        (f"{X}.append == 1", [1], "has no part 'append'"),
        (f"{X}.__class__ == 1", {"a": 1}, "there is no '__class__'; there is a"),
        (f"'a' in {X}", 3, "neither a list nor a mapping"),
    ],
)
def test_values_that_do_not_fit_are_told(text, x, message):
    with pytest.raises(ExpressionError, match=message.replace("(", r"\(")):
        Expression(text).test({"x": x})


def test_long_chains_of_branches_are_no_trouble():
    assert Expression(" && ".join([f"{X} != 'a'"] * 400)).test({"x": "b"})
    assert not Expression(" || ".join([f"{X} == 'a'"] * 400)).test({"x": "b"})


def test_selectors_reach_into_items_and_their_json_text():
    select = Expression('parseJson(string_value)["a"]').select
    assert select({"a": [1.0, 2]}) == [1, 2]
    assert select('{"a": "b"}') == "b"
    assert Expression("parseJson(string_value)[1].deep").select([0, {"deep": 5}]) == 5
    with pytest.raises(ExpressionError, match="there is no 'a'; there is b"):
        select({"b": 1})
    with pytest.raises(ExpressionError, match="is not JSON"):
        select("{")
    with pytest.raises(ExpressionError, match="is not JSON"):
        select("[" * 100_000)


@given(st.text(), st.text())
def test_strings_compare_as_written_whatever_is_in_them(left, right):
    written = "".join(f"\\U{ord(letter):08x}" for letter in right)
    assert Expression(f"{X} == '{written}'").test({"x": left}) is (left == right)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    with contextlib.suppress(ExpressionError):
        Expression(text).test({"x": 1})


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_integers_compare_as_in_python(left, right, sign):
    known = {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}
    known |= {">": left > right, ">=": left >= right}
    assert Expression(f"int({X}) {sign} {right}").test({"x": float(left)}) is known[sign]
