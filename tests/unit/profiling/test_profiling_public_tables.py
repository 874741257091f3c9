"""On clean public tables nothing absurd is claimed, and what is wrong with them is found.

The tables lie in the environment of the benchmarks, in packages that are read as files.
"""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from penstock.profiling.looking import Wishes, look
from penstock.profiling.names import safe_names
from tests.unit.profiling.tables import kinds

PACKAGES = next(Path(__file__).parents[3].glob(".venv-bench/lib/python3*/site-packages"), Path("none"))
HARMLESS = {"renamed", "identifier", "equal_rows", "constant", "label_missing", "imbalance"}

pytestmark = pytest.mark.skipif(not PACKAGES.is_dir(), reason="the environment of the benchmarks is not set up")


def profiled(file, label, **options):
    read = csv.ReadOptions(**options)
    convert = csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
    table = csv.read_csv(PACKAGES / file, read_options=read, convert_options=convert)
    names = safe_names(table.column_names)
    columns = [c.cast(pa.float64()) if pa.types.is_null(c.type) else c for c in table.columns]
    return look(pa.table(columns, names=list(names)), names, Wishes(label))


@pytest.mark.parametrize(
    ("table", "label", "task", "told"),
    [
        ("Default", "default", "binary", set()),
        ("College", "private", "binary", set()),
        ("Caravan", "purchase", "binary", set()),
        ("OJ", "purchase", "binary", {("duplicate_column", "store", "store_id")}),
        ("Weekly", "direction", "binary", {("leakage", "today")}),  # it is up when today's return is above zero
        ("Auto", "origin", "multiclass", set()),
        ("Auto", "mpg", "regression", set()),
        ("Boston", "medv", "regression", set()),
        ("Hitters", "salary", "regression", set()),
        ("Carseats", "sales", "regression", set()),
        ("Credit", "balance", "regression", set()),
        ("Wage", "wage", "regression", {("leakage", "logwage")}),
        ("Bikeshare", "bikers", "regression", {("label_is_sum", "casual", "registered")}),
        ("NYSE", "log_volume", "regression", {("time", "date")}),
    ],
)
def test_tables_of_a_textbook(table, label, task, told):
    profile = profiled(f"ISLP/data/{table}.csv", label)
    assert profile.label.task == task
    found = {(kind, *columns) for kind, each in kinds(profile).items() for columns in each if kind not in HARMLESS}
    assert found == told


@pytest.mark.parametrize(
    ("table", "columns", "task"),
    [("iris", 4, "multiclass"), ("wine_data", 13, "multiclass"), ("breast_cancer", 30, "binary")],
)
def test_tables_of_a_library(table, columns, task):
    names = [f"x{i}" for i in range(columns)]
    profile = profiled(f"sklearn/datasets/data/{table}.csv", "kind", column_names=[*names, "kind"], skip_rows=1)
    assert profile.label.task == task
    assert set(kinds(profile)) <= {"equal_rows"}
