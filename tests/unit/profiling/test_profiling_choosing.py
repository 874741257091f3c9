"""From a profile to values: every choice for its case, with its reason."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from penstock.profiling import choosing_model
from penstock.profiling.choices import Because, plain
from penstock.profiling.choosing import choose
from penstock.sdk import BadInput
from penstock.tables.source import Source
from tests.unit.profiling.tables import customers, seen


def chosen(columns, label="churned", **wishes):
    return choose(seen(columns, label, **wishes), Source(uri="s3://bucket/table.csv"), "churn")


def tasks(columns, label="churned", **wishes):
    return plain(chosen(columns, label, **wishes).tasks)


def reasons(value):
    """Every reason in a tree of values."""
    if isinstance(value, Because):
        return [value.reason, *reasons(value.value)]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [reason for item in inside for reason in reasons(item)]


def test_honest_columns_are_features_and_nothing_is_left_out():
    found = chosen(customers())
    assert all(use.feature for use in found.uses.values())
    assert "known_after" not in found.tasks["ingest"]
    assert "derive" not in found.tasks["ingest"]  # 0 and 1 are numbers already
    features = plain(found.tasks["transform"]["features"])
    assert {f.get("column", name) for name, f in features.items()} == {"tenure", "charge", "plan", "city", "height"}


def test_suspects_are_known_after_the_event_and_worthless_columns_are_left_out_each_with_its_reason():
    table = customers()
    table["one"] = np.ones(2000)
    table["ref"] = np.array([f"R{i}" for i in range(2000)])
    table["plan_code"] = np.array(["x", "y", "z"])[np.unique(table["plan"], return_inverse=True)[1]]
    table["status"] = np.where(table["churned"] == 1, "gone", "here")
    found = chosen(table)
    assert plain(found.tasks["ingest"]["known_after"]) == ["status"]
    assert {name: use.reason for name, use in found.uses.items() if not use.feature and not use.known_after} == {
        "one": "has one value only", "ref": "only names the row", "plan_code": "says the same as plan",
    }  # fmt: skip
    assert any("plan_code says the same as plan" in reason for reason in reasons(found.tasks["ingest"]))
    assert any("status alone predicts" in reason for reason in reasons(found.tasks["ingest"]))


def test_a_label_of_words_is_made_of_a_column_of_another_name():
    table = customers()
    table["churned"] = np.where(table["churned"] == 1, "yes", "no")
    ingest = tasks(table)["ingest"]
    assert ingest["sources"]["table"]["columns"] == {"churned_as_given": "churned"}
    assert ingest["derive"] == {"churned": {"op": "position_in", "column": "churned_as_given", "values": ["no", "yes"]}}
    assert ingest["label"] == "churned"


def test_classes_are_named_for_several_and_for_words():
    table = customers()
    assert "classes" not in tasks(table)["train"]
    assert tasks({**table, "churned": np.arange(2000) % 3})["train"]["classes"] == ["0", "1", "2"]
    assert tasks({**table, "churned": np.where(table["churned"], "yes", "no")})["train"]["classes"] == ["no", "yes"]


@pytest.mark.parametrize(("rows", "share"), [(2000, 0.2), (500, 0.3), (100, 0.4), (60, 0.5)])
def test_small_tables_judge_on_a_larger_share(rows, share):
    split = tasks(customers(rows))["ingest"]["split"]
    assert split == {"by": "hash", "group": [], "fractions": {"train": round(1 - share, 2), "eval": share}}


def test_rows_are_split_by_what_names_them_or_whom_they_are_about():
    table = customers()
    assert tasks({**table, "ref": [f"R{i}" for i in range(2000)]})["ingest"]["split"]["group"] == ["ref"]
    of_customers = chosen({**table, "customer_id": np.arange(2000) % 500})
    assert plain(of_customers.tasks["ingest"])["split"]["group"] == ["customer_id"]
    assert not of_customers.uses["customer_id"].feature


def test_equal_rows_stay_together_unless_hardly_others_are_possible():
    few = {"sex": np.tile(["f", "m"], 500), "class": np.repeat([1, 2, 3, 1], 250), "survived": np.arange(1000) // 7 % 2}
    assert tasks(few, "survived")["ingest"]["split"]["equal_rows"] == "apart"
    table = pa.table(customers())
    copied = pa.concat_tables([table, table.slice(0, 800)])
    split = tasks({name: copied.column(name) for name in copied.column_names})["ingest"]["split"]
    assert "equal_rows" not in split


def test_what_lies_behind_judges_where_there_is_a_time():
    table = customers(1000)
    at = pa.array([datetime.date(2020, 1, 1) + datetime.timedelta(days=i) for i in range(1000)])
    found = tasks({**table, "at": at})
    assert found["ingest"]["split"] == {"by": "time", "column": "at", "starts": {"eval": "2022-03-11"}}
    assert found["transform"]["features"]["at"]["kind"] == "time"


def test_a_number_that_is_the_time_is_no_feature():
    found = chosen({**customers(1000), "year": np.arange(1000) // 10}, time_column="year")
    assert not found.uses["year"].feature
    assert plain(found.tasks["ingest"])["split"]["starts"] == {"eval": 80}


@pytest.mark.parametrize(("copies", "duplicates"), [(0, "keep_all"), (10, "keep_first"), (400, "keep_all")])
def test_few_copies_are_removed_and_many_equal_rows_are_events(copies, duplicates):
    table = pa.table(customers())
    table = pa.concat_tables([table, table.slice(0, copies)])
    columns = {name: table.column(name) for name in table.column_names}
    assert tasks(columns)["ingest"]["duplicates"] == duplicates


def test_rows_without_a_label_are_borne_in_their_share():
    table = customers(1000)
    missing = pa.array(table["churned"], mask=np.arange(1000) % 5 == 0)
    assert 0.2 < tasks({**table, "churned": missing})["validate"]["max_quarantine_fraction"] < 0.4
    assert tasks(table)["validate"]["max_quarantine_fraction"] == 0.01


def metrics(found):
    return {m["class_name"]: m for m in found["evaluate"]["eval_config"]["metrics_specs"][0]["metrics"]}


def test_a_model_must_beat_the_best_constant_answer_whatever_the_task():
    table = customers()
    labels = {"binary": table["churned"], "multiclass": np.arange(2000) % 3, "regression": table["height"] * 1.5}
    for task, label in labels.items():
        found = tasks({**table, "height": table["tenure"] * 0.5, "churned": label})
        assert found["train"]["task"] == task
        [bounds] = metrics(found)["Skill"]["per_slice_thresholds"]
        assert bounds["slicing_specs"] == [{}]
        assert bounds["threshold"]["value_threshold"] == {"lower_bound": 0}
        assert bounds["threshold"]["change_threshold"]["direction"] == "HIGHER_IS_BETTER"
    assert "AUC" in metrics(tasks(table))


@pytest.mark.parametrize(("rows", "worse"), [(50, -0.474), (500, -0.15), (2000, -0.075), (20_000, -0.05)])
def test_the_fewer_rows_judge_the_more_a_model_may_seem_worse(rows, worse):
    found = tasks({**customers(rows), "churned": np.random.default_rng(0).normal(size=rows)})
    [bounds] = metrics(found)["Skill"]["per_slice_thresholds"]
    assert bounds["threshold"]["change_threshold"]["absolute"] == worse


def test_slices_are_columns_of_few_values_that_are_features():
    table = customers()
    table["nearly"] = np.array(["x"] * 1990 + ["y"] * 10)  # one value is nearly all
    table["many"] = np.random.default_rng(0).choice([f"m{i}" for i in range(12)], 2000)
    found = tasks(table)["evaluate"]
    assert found["eval_config"]["slicing_specs"] == [{}, {"feature_keys": ["plan"]}]
    assert found["min_slice_rows"] == 40  # a tenth of the 400 rows that judge


def test_a_feature_for_each_role():
    table, rng = customers(), np.random.default_rng(0)
    table["flag"] = rng.random(2000) < 0.5
    table["town"] = rng.choice([f"t{i}" for i in range(300)], 2000)
    table["note"] = np.array([" ".join(words) for words in rng.choice(["late", "bad", "good", "fine"], (2000, 6))])
    features = tasks({**table, "gaps": pa.array(table["height"] - 3, mask=table["flag"])})["transform"]["features"]
    kinds = {name: feature["kind"] for name, feature in features.items()}
    assert kinds["plan"] == kinds["city"] == kinds["town"] == "vocabulary"
    assert features["town"]["frequency_threshold"] > 0
    assert kinds["note"] == "text"


def test_nothing_to_learn_from_is_refused():
    table = {"ref": [f"R{i}" for i in range(200)], "churned": np.arange(200) % 2}
    with pytest.raises(BadInput, match=r"no column is left to predict 'churned' from\. Left out are ref: only names"):
        chosen(table)


def test_a_local_address_is_told_to_be_local():
    told = choose(seen(customers()), Source(uri="/tmp/table.csv"), "churn").tasks["ingest"]
    assert any("on this machine" in reason for reason in reasons(told))
    assert not any("on this machine" in reason for reason in reasons(chosen(customers()).tasks["ingest"]))


def test_numbers_are_scaled_and_binned_and_whole_ones_of_few_values_named():
    table = {**customers(), "children": np.arange(2000) % 4, "flag": np.arange(2000) // 7 % 2}
    table["height"] = pa.array([None if row % 9 == 0 else height for row, height in enumerate(table["height"])])
    features = tasks(table)["transform"]["features"]
    assert features["charge"]["kind"] in {"z_score", "log"}
    assert features["charge_bins"] == {"kind": "piecewise", "column": "charge", "width": 48, "indicator": False}
    assert features["children_bins"]["width"] == 4
    assert features["children_level"] == {"kind": "vocabulary", "column": "children"}
    assert "charge_level" not in features and "flag_bins" not in features
    assert features["height_bins"]["indicator"] and "indicator" not in features["height"]


def test_a_feature_takes_no_name_that_a_column_has():
    table = customers()
    features = tasks({**table, "charge_bins": table["charge"][::-1].copy()})["transform"]["features"]
    assert {name for name, feature in features.items() if feature.get("column") == "charge"} == {"charge_bins_"}
    assert features["charge_bins"]["kind"] != "piecewise"


def test_bins_are_given_up_where_they_would_fill_the_memory():
    assert [choosing_model._bins(rows, 50) for rows in (200, 5_000, 100_000, 1_000_000)] == [8, 48, 12, 0]


def test_the_hold_out_of_a_table_in_time_is_its_end():
    days = np.array(["2020-01-01"], "datetime64[D]") + np.arange(2000)
    by_time, by_chance = tasks({**customers(), "day": days}, time_column="day")["train"], tasks(customers())["train"]
    assert (by_time["holdout"], by_chance["holdout"]) == ("last", "random")
    mixed = tasks({**customers(), "day": np.random.default_rng(0).permutation(days)}, time_column="day")["train"]
    assert mixed["holdout"] == "random"  # the end of the file is not the end of the time
    assert by_chance["members"] == 8 and by_chance["calibration"] == "linear"
