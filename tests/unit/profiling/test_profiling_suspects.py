"""Columns that know the label: found where they are, and nothing found where all is honest."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.profiling.tables import customers, kinds, seen

GRAVE = ("leakage", "filled_by_label", "after_the_event", "other_population")


def test_of_honest_columns_nothing_is_said():
    assert kinds(seen(customers())) == {}


@pytest.mark.parametrize("seed", range(8))
def test_of_pure_noise_nothing_is_said_in_a_table_of_a_hundred_rows(seed):
    rng = np.random.default_rng(seed)
    table = {f"x{i}": rng.normal(size=100) for i in range(40)} | {
        f"c{i}": rng.choice(list("abcdef"), 100) for i in range(20)
    }
    assert kinds(seen({**table, "churned": rng.integers(0, 2, 100)})) == {}
    assert kinds(seen({**table, "churned": rng.choice(list("xyz"), 100)})) == {}
    assert kinds(seen({**table, "churned": rng.normal(size=100)})) == {}


def test_the_label_in_other_words_is_a_leak():
    table = customers()
    words = np.where(table["churned"] == 1, "gone", "here")
    assert kinds(seen({**table, "status": words}))["leakage"] == [("status",)]


def test_a_number_beyond_a_bound_is_a_leak_and_a_good_predictor_is_not():
    table, rng = customers(), np.random.default_rng(1)
    refund = np.where(table["churned"] == 1, rng.uniform(50, 90, 2000), rng.uniform(0, 50, 2000))
    good = table["churned"] * 2.0 + rng.normal(size=2000)  # an AUC of 0.92
    assert kinds(seen({**table, "refund": refund, "score": good})) == {"leakage": [("refund",)]}


def test_a_name_that_comes_up_once_predicts_nothing_however_well_it_would_name_the_rows():
    table = customers()
    table["ticket"] = np.array([f"T{i * 7919 % 2000}" for i in range(2000)])
    assert "leakage" not in kinds(seen(table))


def test_whom_the_rows_are_about_is_a_leak_where_each_has_one_label():
    table = customers()
    table["agent"] = np.array([f"A{label}-{i % 150}" for i, label in enumerate(table["churned"])])
    assert kinds(seen(table))["leakage"] == [("agent",)]


def test_a_regression_leaks_in_another_unit_and_on_another_scale():
    rng = np.random.default_rng(2)
    price = rng.lognormal(10, 1.5, 3000)
    table = {
        "size": price**0.3 * rng.lognormal(0, 0.3, 3000),
        "cents": price * 100 + 7,
        "log": np.log(price),
        "price": price,
    }
    found = kinds(seen(table, "price"))
    assert sorted(found["leakage"]) == [("cents",), ("log",)]


@pytest.mark.parametrize(("noise", "leaks"), [(0.03, True), (0.3, False)])
def test_a_noisy_copy_of_the_label_leaks_in_a_small_table_too(noise, leaks):
    rng = np.random.default_rng(4)
    sales = rng.normal(7, 3, 300)
    table = {"copy": sales * 1.1 + rng.normal(0, noise * 3, 300), "other": rng.normal(0, 1, 300), "sales": sales}
    assert ("leakage" in kinds(seen(table, "sales"))) is leaks


def test_several_classes_leak():
    rng = np.random.default_rng(3)
    kind = rng.choice(["a", "b", "c"], 900)
    table = {"code": np.char.add(kind, "!"), "x": rng.normal(size=900), "kind": kind}
    assert kinds(seen(table, "kind"))["leakage"] == [("code",)]


def test_what_is_filled_only_when_the_label_is_positive_is_a_suspect():
    table, rng = customers(), np.random.default_rng(4)
    reason = [str(rng.choice(["price", "service"])) if y and rng.random() < 0.7 else None for y in table["churned"]]
    note = [None if rng.random() < 0.5 else "x" for _ in range(2000)]  # missing at random
    found = seen({**table, "reason": reason, "note": pa.array(note)})
    assert kinds(found) == {"filled_by_label": [("reason",)]}
    assert "only when the label is 1" in found.findings[0].text


def test_what_is_empty_only_when_the_label_is_positive_is_a_suspect():
    table = customers()
    renewal = [None if y else 5.0 + i % 7 for i, y in enumerate(table["churned"])]
    assert kinds(seen({**table, "renewal": renewal}))["filled_by_label"] == [("renewal",)]


def test_a_rare_field_is_no_suspect_because_most_rows_are_negative():
    table, rng = customers(), np.random.default_rng(5)
    table["churned"] = (rng.random(2000) < 0.03).astype(np.int64)
    table["note"] = np.array(
        ["x" if i % 40 == 0 and not y else None for i, y in enumerate(table["churned"])], dtype=object
    )
    assert "filled_by_label" not in kinds(seen({**table, "note": pa.array(table["note"], pa.string())}))


def test_a_total_is_told_to_be_the_sum_of_its_parts_and_a_noisy_one_is_not():
    rng = np.random.default_rng(7)
    table = {"casual": rng.poisson(40, 1500), "registered": rng.poisson(90, 1500), "temp": rng.normal(size=1500)}
    total = table["casual"] + table["registered"]
    profile = seen({**table, "rides": total}, "rides")
    assert kinds(profile) == {"label_is_sum": [("casual", "registered")]}
    assert profile.findings[0].grave
    assert kinds(seen({**table, "rides": total + rng.integers(0, 2, 1500)}, "rides")) == {}


def days(first, offsets):
    return pa.array([None if o is None else first + datetime.timedelta(days=int(o)) for o in offsets], pa.date32())


def test_a_date_after_the_time_of_the_row_is_a_suspect_and_one_before_is_not():
    table, rng = customers(), np.random.default_rng(6)
    start = rng.integers(0, 700, 2000)
    born = start - rng.integers(7000, 20000, 2000)
    left = [s + 30 if i % 3 else None for i, s in enumerate(start)]
    first = datetime.date(2020, 1, 1)
    columns = {**table, "signed": days(first, start), "born": days(first, born), "left": days(first, left)}
    assert kinds(seen(columns, time_column="signed"))["after_the_event"] == [("left",)]
    assert "after_the_event" not in kinds(seen(columns))  # without a time nothing is after it


def test_the_same_day_is_not_after_a_moment_of_it():
    table, hours = customers(200), np.arange(200) % 48
    at = pa.array(1_600_000_000_000_000 // 86_400_000_000 * 86_400_000_000 + hours * 3_600_000_000)
    at = at.cast(pa.timestamp("us", tz="UTC"))
    day = pa.array(18518 + hours // 24, pa.int64()).cast(pa.int32()).cast(pa.date32())
    due = pa.array(18530 + hours % 9, pa.int64()).cast(pa.int32()).cast(pa.date32())
    found = kinds(seen({**table, "at": at, "day": day, "due": due}, time_column="at"))
    assert found["after_the_event"] == [("due",)]
