"""Rows of another population: found by a value and by their place, and not where groups merely differ."""

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.profiling.tables import customers, kinds, seen


def foreign(table, rows):
    """The same table with some rows from another world: other units, other codes."""
    table = {name: np.array(values) for name, values in table.items()}
    table["tenure"][rows] = table["tenure"][rows] * 30 + 500
    table["charge"][rows] = table["charge"][rows] / 1000
    table["height"][rows] = table["height"][rows] / 100
    return table


def test_a_block_of_rows_from_another_world_is_found_by_its_place():
    profile = seen(foreign(customers(), slice(1200, 1440)))
    [finding] = [finding for finding in profile.findings if finding.kind == "other_population"]
    assert set(finding.columns) == {"tenure", "charge", "height"}
    assert "rows 1,201 to 1,440 or so" in finding.text


def test_rows_with_one_value_are_found_by_it():
    table = customers()
    table["source"] = np.random.default_rng(1).choice(["web", "shop", "test"], 2000, p=[0.6, 0.35, 0.05])
    profile = seen(foreign(table, table["source"] == "test"))
    [finding] = [finding for finding in profile.findings if finding.kind == "other_population"]
    assert "source = 'test'" in finding.text


def test_groups_that_differ_in_some_columns_are_ordinary():
    table = customers()
    table["height"] = table["height"] + 30 * (table["plan"] == "pro")
    assert kinds(seen(table)) == {}


@pytest.mark.parametrize("label", ["churned", "charge"])
def test_rows_sorted_by_their_label_are_ordinary(label):
    table, rng = customers(), np.random.default_rng(2)
    order = np.argsort(table[label], kind="stable")
    for name in ("tenure", "height", "age"):  # the features differ between the classes, as they should
        table[name] = table["churned"] * 3 + rng.normal(size=2000)
    sorted_table = {name: values[order] for name, values in table.items()}
    assert "other_population" not in kinds(seen(sorted_table, label))


def test_rows_sorted_by_a_column_are_ordinary():
    table = customers()
    order = np.argsort(table["city"], kind="stable")
    assert kinds(seen({name: values[order] for name, values in table.items()})) == {}


def test_a_block_in_which_most_columns_are_missing_is_another_population():
    table = customers()
    gaps = np.arange(2000) < 300
    holes = {name: pa.array(table[name], mask=gaps) for name in ("tenure", "charge", "height")}
    assert len(kinds(seen({**table, **holes}))["other_population"]) == 1
