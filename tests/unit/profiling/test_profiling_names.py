"""Safe names: every column gets one of its own, whatever the data call it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.profiling.names import safe_name, safe_names


@pytest.mark.parametrize(
    ("original", "safe"),
    [
        ("age", "age"),
        ("Total Charges ($)", "total_charges"),
        ("customerID", "customer_id"),
        ("a.b-c d'e\"f", "a_b_c_d_e_f"),
        ("2nd", "c_2nd"),
        ("Größe", "grosse"),
        ("% paid", "percent_paid"),
        ("名前", ""),
        ("__x__", "x"),
        ("Łódź\n", "lodz"),
    ],
)
def test_a_name_becomes_an_identifier(original, safe):
    assert safe_name(original) == safe


def test_collisions_are_numbered_and_who_is_safe_already_keeps_the_name():
    assert list(safe_names(["Age", "AGE", "age", "a ge"])) == ["age_2", "age_3", "age", "a_ge"]


def test_a_number_that_is_taken_is_passed_over():
    assert list(safe_names(["Age", "age", "age_2"])) == ["age_3", "age", "age_2"]


def test_columns_without_letters_are_called_by_their_place():
    assert safe_names(["", "名前", "x"]) == {"column_1": "", "column_2": "名前", "x": "x"}


def test_what_a_feature_of_another_column_would_be_called_is_left_to_it():
    assert list(safe_names(["age", "age_missing"])) == ["age", "age_missing_2"]
    assert list(safe_names(["age_missing"])) == ["age_missing"]


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_all_are_safe_and_different_and_lead_back(originals):
    names = safe_names(originals)
    assert list(names.values()) == originals
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
