"""A table as a whole: what orders, names and groups its rows, and what is refused."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from penstock.profiling.looking import Wishes, look
from penstock.sdk import BadInput
from tests.unit.profiling.tables import customers, kinds, seen


def dates(offsets):
    return pa.array([datetime.date(2020, 1, 1) + datetime.timedelta(days=int(o)) for o in offsets])


def test_the_same_table_gives_the_same_profile_however_it_is_cut():
    table = pa.table(customers())
    pieces = pa.concat_tables([table.slice(0, 700), table.slice(700)])
    whole, cut = (look(t, {}, Wishes("churned")) for t in (table, pieces))
    assert whole.model_dump_json() == cut.model_dump_json()


def test_the_one_moment_whose_order_the_rows_are_in_orders_them():
    table = customers(1000)
    profile = seen({**table, "at": dates(np.arange(1000) // 2)})
    assert (profile.time_column, profile.time_boundary) == ("at", "2021-02-04")  # 400 of 500 days on


def test_no_moment_orders_the_rows_unless_they_are_in_its_order_or_it_is_named():
    offsets = np.random.default_rng(0).permutation(1000)
    table = {**customers(1000), "at": dates(offsets)}
    assert seen(table).time_column == ""
    assert [(f.kind, f.columns) for f in seen(table).findings] == [("time", ("at",))]  # it may be worth naming
    named = seen(table, time_column="at")
    assert named.findings == ()
    assert (named.time_column, named.time_boundary) == ("at", "2022-03-11")  # 800 days on


def test_a_time_so_coarse_that_it_parts_nothing_well_gives_no_boundary():
    table = customers(1000)
    assert (
        seen({**table, "year": np.where(np.arange(1000) < 450, 2020, 2021)}, time_column="year").time_boundary is None
    )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a"] * 100, "no order in time"),
        ([None, *range(99)], "missing in 1 rows"),
        ([3] * 100, "one value only"),
    ],
)
def test_what_cannot_order_rows_is_refused_as_time(column, message):
    with pytest.raises(BadInput, match=message):
        seen({**customers(100), "at": pa.array(column)}, time_column="at")


def test_an_id_is_the_key():
    assert seen({**customers(), "ref": [f"R{i}" for i in range(2000)]}).key == ("ref",)
    assert seen(customers()).key == ()


def test_rows_with_the_key_of_another_are_counted():
    table = {**customers(100), "ref": [f"R{i // 2}" for i in range(100)]}
    profile = seen(table, key=("ref",))
    assert kinds(profile)["duplicate_key"] == [("ref",)]
    assert "rows with the key (ref) of an earlier row: 50" in profile.findings[0].text


def test_whom_several_rows_are_about_groups_them():
    table = customers()
    assert seen({**table, "customer_id": np.arange(2000) % 500}).group == "customer_id"
    assert seen({**table, "store_id": np.arange(2000) % 5}).group == ""


def test_rare_and_missing_labels_are_told():
    table = customers(400)
    table["churned"] = pa.array(["rare"] * 4 + [None] * 20 + ["a", "b"] * 188)
    found = kinds(seen(table))
    assert (found["label_missing"], found["rare_class"]) == ([("churned",)], [("churned",)])


def test_an_unbalanced_label_is_told():
    table = customers()
    table["churned"] = (np.arange(2000) % 50 == 0).astype(np.int64)
    assert "imbalance" in kinds(seen(table))


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"label": "churnd"}, "no column 'churnd'. Did you mean 'churned'"),
        ({"label": "churned", "time_column": "when"}, "no column 'when'"),
        ({"label": "churned", "key": ("churned",)}, "cannot be the time, a part of the key, or dropped"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes, message):
    with pytest.raises(BadInput, match=message):
        look(pa.table(customers(100)), {}, Wishes(**wishes))


def test_too_few_rows_are_refused():
    with pytest.raises(BadInput, match=r"has 49 rows\. At least 50"):
        seen(customers(49))


def test_dropped_columns_are_not_looked_at():
    profile = seen(customers(100), drop=("city", "plan"))
    assert [column.name for column in profile.columns] == ["tenure", "charge", "height", "churned"]


def test_progress_is_told_by_column():
    told = []
    look(pa.table(customers(100)), {}, Wishes("churned"), lambda done, total: told.append((done, total)))
    assert told[0] == (0, 6)
    assert told[-1] == (6, 6)


def test_amounts_with_a_unit_name_no_rows():
    numbers = np.arange(1000, 1100)
    table = {
        "pay": [f"${n:,}.50" for n in numbers],
        "weight": [f"{n / 10} kg" for n in numbers],
        "share": [f"{n % 90}%" for n in numbers],
        "code": [f"C-{n}" for n in numbers],
        "mixed": [f"{n} {'kg' if n % 2 else 'lb'}" for n in numbers],
        "y": numbers % 2,
    }
    profile = seen(table, "y")
    assert {column.name: column.unit for column in profile.columns if column.unit} == {
        "pay": "$", "weight": "kg", "share": "%"
    }  # fmt: skip
    assert kinds(profile)["unit"] == [("pay",), ("weight",), ("share",)]
    assert profile.key == ("code",)


def test_classes_that_are_written_in_several_ways_are_told():
    table = {"x": np.arange(90) % 7, "y": (["Yes", "yes", " NO", "no", "n/o"] * 18)}
    (found,) = (f for f in seen(table, "y").findings if f.kind == "similar_classes")
    assert "' NO' and 'no', 'Yes' and 'yes'; make them one in the data" in found.text
    assert "similar_classes" not in kinds(seen({**table, "y": ["a", "b", "c"] * 30}, "y"))


def test_a_key_that_leaves_hardly_a_row_is_refused():
    table = {"shop": ["a", "b"] * 100, "x": np.arange(200), "y": np.arange(200) % 2}
    with pytest.raises(BadInput, match="the key shop leaves 2 of 200 rows: the others repeat one"):
        seen(table, "y", key=("shop",))
