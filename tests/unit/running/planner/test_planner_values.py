"""Types of parameters: what becomes what, and what is refused. Quantities of Kubernetes beside them."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.running.quantities import parse_quantity
from penstock.running.values import ParameterType, WrongType, coerce, parse_text, plain, to_text

DOUBLE, WHOLE, STRING = ParameterType.NUMBER_DOUBLE, ParameterType.NUMBER_INTEGER, ParameterType.STRING
BOOLEAN, LIST, STRUCT = ParameterType.BOOLEAN, ParameterType.LIST, ParameterType.STRUCT

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (3.0, WHOLE, 3),
        ("3", WHOLE, 3),
        ("3.0", WHOLE, 3),
        (3, DOUBLE, 3.0),
        ("2.5", DOUBLE, 2.5),
        (True, BOOLEAN, True),
        ("false", BOOLEAN, False),
        ([1.0, {"a": 2.0}], LIST, [1, {"a": 2}]),
        ('[1, "a"]', LIST, [1, "a"]),
        ('{"a": 1}', STRUCT, {"a": 1}),
        (2.0, STRING, "2"),
        (True, STRING, "true"),
        ({"a": 1.0}, STRING, '{"a":1}'),
        ("3", STRING, "3"),
    ],
)
def test_values_become_their_type(value, type_, expected):
    result = coerce(value, type_)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "type_", "message"),
    [
        (3.5, WHOLE, "3.5 is not a whole number"),
        (True, WHOLE, "True is not a whole number"),
        (False, DOUBLE, "False is not a number"),
        (math.inf, DOUBLE, "inf is not a number"),
        (10**400, WHOLE, "is not a whole number"),
        (10**400, DOUBLE, "is not a number"),
        ("[" * 100_000, LIST, "is not a list"),
        (math.nan, WHOLE, "nan is not a whole number"),
        ("three", WHOLE, "'three' is not a whole number"),
        (1, BOOLEAN, "1 is not true or false"),
        ("[1", LIST, "is not a list"),
        ({"a": 1}, LIST, "is not a list"),
        ([1], STRUCT, "is not a mapping"),
        ("x" * 100, LIST, r"xxx\.\.\. is not a list"),
    ],
)
def test_what_cannot_be_the_type_is_refused(value, type_, message):
    with pytest.raises(WrongType, match=message):
        coerce(value, type_)


@pytest.mark.parametrize(("value", "type_"), [("3", WHOLE), (3, STRING), ("true", BOOLEAN), ("[1]", LIST)])
def test_what_a_person_wrote_is_taken_at_its_word(value, type_):
    with pytest.raises(WrongType):
        coerce(value, type_, strict=True)


@pytest.mark.parametrize(
    ("text", "type_", "expected"),
    [("3", WHOLE, 3), ("1e-3", DOUBLE, 0.001), ("True", BOOLEAN, True), ("false", BOOLEAN, False),
     ("[64, 32]", LIST, [64, 32]), ("03", STRING, "03"), (" a ", STRING, " a "), ('{"a": "B"}', STRUCT, {"a": "B"})],
)  # fmt: skip
def test_texts_from_the_command_line(text, type_, expected):
    assert parse_text(text, type_) == expected


@pytest.mark.parametrize(
    ("text", "type_"), [("3.5", WHOLE), ("", WHOLE), ("yes", BOOLEAN), ("NaN", DOUBLE), ('"3"', WHOLE), ("1", LIST)]
)
def test_texts_of_the_wrong_type_are_quoted_back(text, type_):
    with pytest.raises(WrongType, match="is not"):
        parse_text(text, type_)


@given(JSON)
def test_plain_values_are_equal_to_what_they_were_and_stable(value):
    assert plain(value) == value
    assert plain(plain(value)) == plain(value)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_text_of_a_value_is_its_json(value):
    assert json.loads(to_text(value)) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 2), ("500m", "0.5"), ("1.5", "1.5"), ("512Mi", 512 * 2**20), ("1G", 10**9), ("1.5Gi", 3 * 2**29),
     ("100k", 100_000), ("1e3", 1000), ("2Ti", 2**41), ("1E", 10**18)],
)  # fmt: skip
def test_quantities(text, expected):
    assert parse_quantity(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "1mb", "1KB", "ten", "1Gib", "0x10", "--1"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
