"""The gate on real tables and real TFDV: open for good data, closed for bad, with the right reason.

One hundred passengers: `age` 1 to 100, `port` EWR, JFK, LGA in turn, `fare` age / 2, `late` 1 for every fourth.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from components.data_validator.main import run
from components.data_validator.spec import SPEC
from penstock.artifacts import Examples, Statistics
from penstock.sdk import BadInput
from penstock.sdk.testkit import run_component

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "age" type: INT presence { min_fraction: 1 min_count: 1 } int_domain { min: 0 max: 120 } }
feature {
  name: "port" type: BYTES presence { min_fraction: 1 min_count: 1 }
  string_domain { name: "port" value: "EWR" value: "JFK" value: "LGA" }
  skew_comparator { infinity_norm { threshold: 0.1 } }
  drift_comparator { infinity_norm { threshold: 0.1 } }
}
feature {
  name: "fare" type: FLOAT presence { min_fraction: 0.9 min_count: 1 }
  float_domain { min: 0 max: 1000 disallow_nan: true disallow_inf: true }
}
feature {
  name: "late" type: INT presence { min_fraction: 1 min_count: 1 } int_domain { min: 0 max: 1 }
  not_in_environment: "SERVING"
}
"""


def passengers(**changes) -> pa.Table:
    """The hundred passengers, with single values changed: column={row: value}; None drops the column."""
    ages = list(range(1, 101))
    columns = {
        "age": ages,
        "port": [("EWR", "JFK", "LGA")[age % 3] for age in ages],
        "fare": [age / 2 for age in ages],
        "late": [int(age % 4 == 0) for age in ages],
    }
    for name, change in changes.items():
        if change is None:
            del columns[name]
        elif isinstance(change, dict):
            for row, value in change.items():
                columns[name][row] = value
        else:
            columns[name] = change
    return pa.table(columns)


def check(folder: Path, train: pa.Table, evaluation: pa.Table | None = None, previous=None, **params):
    examples = Examples(folder / "examples")
    examples.write("train", train)
    examples.write("eval", passengers() if evaluation is None else evaluation)
    inputs = {"examples": examples} | ({"previous": previous} if previous else {})
    return run_component(SPEC, run, folder / "out", params={"reviewed_schema": SCHEMA, **params}, inputs=inputs)


def findings(result) -> list[tuple]:
    found = result.outputs["anomalies"].read_json("anomalies.json")["findings"]
    return [(f["split"], f["feature"], f["rule"], f["kind"], f["rows"]) for f in found]


def test_good_data_pass_untouched(tmp_path: Path) -> None:
    result = check(tmp_path, passengers())
    assert (result.decision.verdict, result.decision.consequence) == ("Successful", "proceed")
    assert result.parameters == {"gate": "open"}
    assert findings(result) == []
    accepted = result.outputs["accepted"]
    assert accepted.splits() == ["eval", "train"]
    assert accepted.digest == result.outputs["statistics"].metadata["examples_digest"]  # the same bytes
    assert [reason.text for reason in result.decision.reasons] == [
        "the data were held against the reviewed schema",
        "eval: 100 rows, nothing found",
        "train: 100 rows, nothing found",
        "eval: 1 distance measured, none above its threshold; the nearest to it: skew of port 0.0000, threshold 0.1",
    ]
    assert result.rows == 200


STRUCTURE = [
    ({"port": None}, ("train", "port", "schema_missing_column")),
    ({"seat": list(range(100))}, ("train", "seat", "schema_new_column")),
    ({"port": list(range(100))}, ("train", "port", "unexpected_data_type")),
    ({"age": [str(n) for n in range(100)]}, ("train", "age", "unexpected_data_type")),
    ({"age": [float(n) for n in range(100)]}, ("train", "age", "unexpected_data_type")),
    ({"fare": dict.fromkeys(range(11))}, ("train", "fare", "feature_type_low_fraction_present")),  # 89% < 90%
]


@pytest.mark.parametrize(("changes", "expected"), STRUCTURE, ids=lambda value: str(value)[:40])
def test_another_structure_stops(tmp_path: Path, changes, expected) -> None:
    result = check(tmp_path, passengers(**changes), max_quarantine_fraction=1.0)
    assert (result.decision.verdict, result.decision.consequence) == ("Failed", "stop")
    assert result.parameters == {"gate": "closed"}
    assert (*expected, "structure") in [found[:4] for found in findings(result)]
    assert result.decision.reasons[0].text.startswith(f"train: {expected[1]}: ")
    assert {split: result.outputs["accepted"].rows(split) for split in ("train", "eval")} == {"train": 0, "eval": 0}


def test_too_many_missing_values_are_counted_and_shown(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(fare=dict.fromkeys(range(5, 16))))
    assert findings(result) == [("train", "fare", "feature_type_low_fraction_present", "structure", 11)]
    [finding] = result.outputs["anomalies"].read_json("anomalies.json")["findings"]
    assert finding["fraction"] == 0.11
    assert [row["_row"] for row in finding["examples"]] == [5, 6, 7, 8, 9]


def test_ten_in_a_hundred_may_be_missing_where_the_schema_says_so(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(fare=dict.fromkeys(range(10))))
    assert findings(result) == []


ROWS = [
    ({"age": {4: -1}}, "int_type_small_int", "below 0"),
    ({"age": {4: 121}}, "int_type_big_int", "above 120"),
    ({"late": {4: 2}}, "int_type_big_int", "above 1"),
    ({"age": {4: None}}, "feature_type_low_fraction_present", "the value is missing"),
    ({"port": {4: "XXX"}}, "enum_type_unexpected_string_values", "not in the domain: 'XXX'"),
    ({"port": {4: None}}, "feature_type_low_fraction_present", "the value is missing"),
    ({"fare": {4: -0.5}}, "float_type_small_float", "below 0"),
    ({"fare": {4: 1000.5}}, "float_type_big_float", "above 1000"),
    ({"fare": {4: float("nan")}}, "float_type_has_nan", "not a number"),
]


@pytest.mark.parametrize(("changes", "rule", "text"), ROWS, ids=lambda value: str(value)[:40])
def test_a_bad_row_is_set_aside_with_its_reason(tmp_path: Path, changes, rule, text) -> None:
    feature = next(iter(changes))
    train = passengers(**changes)
    result = check(tmp_path, train)
    assert (result.decision.verdict, result.decision.consequence) == ("Successful", "quarantine")
    assert findings(result) == [("train", feature, rule, "rows", 1)]
    value = next(iter(changes[feature].values()))
    shown = str(value) if str(value) == "nan" else value  # JSON has no NaN
    has = "none" if value is None else repr(shown)
    assert result.decision.reasons[0].text == f"train: {feature}: 1 of 100 rows (1.000%): {text}; row 4 has {has}"
    evidence = {"split": "train", "rows": 1, "fraction": 0.01, "examples": [{"_row": 4, feature: shown}]}
    assert result.decision.reasons[0].evidence == evidence
    accepted = result.outputs["accepted"]
    assert accepted.rows("train") == 99
    assert 5 not in accepted.read("train", ["age"]).slice(3, 2).column("age").to_pylist()
    [row] = accepted.read("quarantine").to_pylist()
    assert (row["_split"], row["_reasons"]) == ("train", f"{feature}:{rule}")
    assert str(row[feature]) == str(next(iter(changes[feature].values())))
    # What is put out are the statistics of what was accepted.
    assert result.outputs["statistics"].read("train").datasets[0].num_examples == 99
    [shown] = result.outputs["anomalies"].read_json("anomalies.json")["findings"][0]["examples"]
    assert (shown["_row"], str(shown[feature])) == (4, str(next(iter(changes[feature].values()))))


def test_infinite_values_are_bad_whichever_rule_says_so(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(fare={4: float("inf"), 5: float("-inf")}), max_quarantine_fraction=0.02)
    assert result.decision.consequence == "quarantine"
    assert ("train", "fare", "float_type_has_inf", "rows", 2) in findings(result)
    assert result.outputs["accepted"].rows("quarantine") == 2


def test_more_bad_rows_than_are_borne_stop(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(age={4: -1, 5: -2}))
    assert (result.decision.verdict, result.decision.consequence) == ("Failed", "stop")
    assert result.decision.reasons[0].text == (
        "train: 2 of 100 rows (2.000%) are bad, 1.000% are borne: too many to go on without them"
    )
    accepted = result.outputs["accepted"]
    assert accepted.rows("train") == accepted.rows("eval") == 0
    assert accepted.rows("quarantine") == 2  # for whoever looks into it


def test_a_row_that_is_bad_twice_counts_once(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(age={4: -1}, port={4: "XXX"}))
    assert result.decision.consequence == "quarantine"
    [row] = result.outputs["accepted"].read("quarantine").to_pylist()
    assert row["_reasons"] == "age:int_type_small_int; port:enum_type_unexpected_string_values"


def test_values_outside_a_domain_are_borne_as_far_as_the_schema_says(tmp_path: Path) -> None:
    tolerant = SCHEMA.replace(
        'name: "port" type: BYTES', 'name: "port" type: BYTES distribution_constraints { min_domain_mass: 0.98 }'
    )
    borne = check(tmp_path / "a", passengers(port={4: "XXX", 5: "YYY"}), reviewed_schema=tolerant)
    assert borne.decision.consequence == "proceed"
    above = check(
        tmp_path / "b", passengers(port={4: "XXX", 5: "YYY", 6: "ZZZ"}), reviewed_schema=tolerant,
        max_quarantine_fraction=0.03,
    )  # fmt: skip
    assert findings(above) == [("train", "port", "enum_type_unexpected_string_values", "rows", 3)]


def test_rules_between_columns(tmp_path: Path) -> None:
    rules = {"fare_below_age": {"column": "fare", "must_be": "at_most", "other": "age"}}
    kept = check(tmp_path / "a", passengers(fare={4: 5.0, 5: None}), rules=rules)  # age 5, fare 5; age 6, no fare
    assert kept.decision.consequence == "proceed"
    broken = check(tmp_path / "b", passengers(fare={4: 5.01}), rules=rules)
    assert findings(broken) == [("train", "fare", "rule:fare_below_age", "rows", 1)]
    assert (
        broken.decision.reasons[0].text
        == "train: fare: 1 of 100 rows (1.000%): fare must be at most age; row 4 has 5.01"
    )


@pytest.mark.parametrize("fare", [None, ["dear"] * 100], ids=["gone", "text"])
def test_a_rule_on_a_column_that_is_not_as_it_should_be_leaves_the_word_to_the_schema(tmp_path: Path, fare) -> None:
    rules = {"fare_below_age": {"column": "fare", "must_be": "at_most", "other": "age"}}
    result = check(tmp_path, passengers(), passengers(fare=fare), rules=rules)
    assert (result.decision.verdict, result.decision.consequence) == ("Failed", "stop")
    assert result.decision.reasons[0].subject == "eval: fare"
    assert not [reason for reason in result.decision.reasons if reason.rule.startswith("rule:")]


@pytest.mark.parametrize("column", ["late", "port", "age"])
@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_column_missing_in_one_split_stops_and_is_named(tmp_path: Path, column: str, split: str) -> None:
    torn = passengers(**{column: None})
    result = check(tmp_path, *((torn, passengers()) if split == "train" else (passengers(), torn)))
    assert result.parameters == {"gate": "closed"}
    first = result.decision.reasons[0]
    assert (first.rule, first.subject) == ("schema_missing_column", f"{split}: {column}")
    assert first.evidence["rows"] == 100


def test_rules_against_a_number(tmp_path: Path) -> None:
    rules = {"adults": {"column": "age", "must_be": "greater_than", "value": 2}}
    result = check(tmp_path, passengers(), rules=rules, max_quarantine_fraction=0.02)
    assert sorted(findings(result)) == [
        ("eval", "age", "rule:adults", "rows", 2),
        ("train", "age", "rule:adults", "rows", 2),
    ]


def test_a_split_that_lies_elsewhere_says_retrain(tmp_path: Path) -> None:
    # EWR 33, JFK 34, LGA 33 of 100 against EWR 100: L-infinity 0.67.
    result = check(tmp_path, passengers(), passengers(port=["EWR"] * 100))
    assert (result.decision.verdict, result.decision.consequence) == ("Successful", "retrain")
    assert findings(result) == [("eval", "port", "comparator_l_infty_high", "values", None)]
    [measured] = result.outputs["anomalies"].read_json("anomalies.json")["distances"]["eval"]
    assert (measured["of"], round(measured["value"], 6), measured["threshold"]) == ("skew", 0.67, 0.1)
    assert result.outputs["accepted"].rows("eval") == 100


def test_drift_against_the_last_statistics_says_retrain(tmp_path: Path) -> None:
    ports = ["EWR"] * 60 + ["JFK"] * 20 + ["LGA"] * 20
    first = check(tmp_path / "a", passengers())
    same = check(tmp_path / "b", passengers(), previous=first.outputs["statistics"])
    assert same.decision.consequence == "proceed"
    moved = check(tmp_path / "c", passengers(port=ports), passengers(port=ports), previous=first.outputs["statistics"])
    assert moved.decision.consequence == "retrain"
    drift = [f for f in findings(moved) if f[0] == "train"]
    assert drift == [("train", "port", "comparator_l_infty_high", "values", None)]
    [measured] = moved.outputs["anomalies"].read_json("anomalies.json")["distances"]["train"]
    assert (measured["of"], round(measured["value"], 6)) == ("drift", 0.27)  # 0.60 - 0.33


def test_bad_rows_are_set_aside_also_where_values_moved(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(age={4: -1}), passengers(port=["EWR"] * 100))
    assert result.decision.consequence == "retrain"
    assert result.outputs["accepted"].rows("train") == 99
    assert result.outputs["accepted"].rows("quarantine") == 1


def test_without_a_schema_one_is_inferred_and_holds_the_structure(tmp_path: Path) -> None:
    result = check(tmp_path / "a", passengers(), passengers(port={0: "XXX"}, age={0: 500}), reviewed_schema="")
    assert result.decision.consequence == "proceed"
    assert "review it" in result.decision.reasons[0].text
    features = {f.name: f.type for f in result.outputs["schema"].read().feature}
    assert features == {"age": 2, "port": 1, "fare": 3, "late": 2}  # INT, BYTES, FLOAT, INT
    torn = check(tmp_path / "b", passengers(), passengers(port=None), reviewed_schema="")
    assert (torn.decision.verdict, findings(torn)[0][:3]) == ("Failed", ("eval", "port", "schema_missing_column"))


def test_no_rows_are_no_evidence(tmp_path: Path) -> None:
    result = check(tmp_path, passengers(), passengers().slice(0, 0))
    assert (result.decision.verdict, result.decision.consequence) == ("Inconclusive", "stop")
    assert result.decision.reasons[0].text == "eval: there are no rows, so there is nothing to go on with"


def test_environments_of_the_schema_hold(tmp_path: Path) -> None:
    without = passengers(late=None)
    serving = check(tmp_path / "a", without, without, environment="SERVING")
    assert serving.decision.gate == "open"
    training = check(tmp_path / "b", without, without, environment="TRAINING")
    assert training.decision.gate == "closed"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"reviewed_schema": 'feature {\n  nme: "age"\n}'}, "reviewed_schema: line 2:3"),
        ({"reviewed_schema": "# nothing"}, "reviewed_schema: it has no feature"),
        ({"environment": "PRODUCTION"}, "has no default_environment 'PRODUCTION'"),
        ({"train_split": "trian"}, "train_split: the examples have no split 'trian'"),
        ({"rules": {"r": {"column": "agee", "must_be": "at_most", "value": 1}}}, "rules.r: no column 'agee'"),
        ({"rules": {"r": {"column": "port", "must_be": "at_most", "value": 1}}}, "rules.r: 'port' is string"),
        ({"rules": {"r": {"column": "age", "must_be": "at_most"}}}, "either 'value' or 'other'"),
        ({"max_quarantine_fraction": 1.5}, "max_quarantine_fraction"),
    ],
)
def test_bad_parameters_are_told_in_one_line(tmp_path: Path, params, message: str) -> None:
    with pytest.raises(BadInput) as error:
        check(tmp_path, passengers(), **params)
    assert message in str(error.value)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_previous_statistics_may_lack_a_split(tmp_path: Path) -> None:
    first = check(tmp_path / "a", passengers())
    previous = Statistics(tmp_path / "previous")
    previous.write("test", first.outputs["statistics"].read("train"))
    assert check(tmp_path / "b", passengers(), previous=previous).decision.consequence == "proceed"
