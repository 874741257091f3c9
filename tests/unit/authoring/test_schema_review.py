"""What data would change in a schema, on statistics written by hand."""

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from penstock.authoring.schema_review import Change, chosen, review
from penstock.authoring.schema_review_diff import Difference, compare
from penstock.authoring.schema_review_observed import Observed, merge, observe, observe_rows
from penstock.authoring.schema_review_text import apply, parse
from penstock.sdk import BadInput

SCHEMA = """\
string_domain { name: "carrier" value: "AA" value: "UA" }
string_domain { name: "airport" value: "EWR" value: "JFK" }
feature { name: "hour" type: INT presence { min_fraction: 1 min_count: 1 } int_domain { min: 0 max: 23 } }
feature { name: "temp" type: FLOAT presence { min_fraction: 0.9 min_count: 1 } float_domain { min: 0 max: 100 } }
feature { name: "carrier" type: BYTES domain: "carrier" presence { min_fraction: 1 } }
feature { name: "origin" type: BYTES domain: "airport" }
feature { name: "dest" type: BYTES domain: "airport" }
feature {
  name: "tail" type: BYTES string_domain { value: "N1" value: "N2" }
  distribution_constraints { min_domain_mass: 0.5 }
}
"""


def schema(text: str = SCHEMA) -> schema_pb2.Schema:
    return parse(text)


def good(**others: Observed) -> dict[str, Observed]:
    """Data that the schema describes to the letter."""
    return {
        "hour": Observed("INT", 10, 10, 0, 23),
        "temp": Observed("FLOAT", 10, 9, 0, 100, fraction=0.9),
        "carrier": Observed("BYTES", 10, 10, values={"AA": 5, "UA": 5}),
        "origin": Observed("BYTES", 10, 10, values={"EWR": 10}),
        "dest": Observed("BYTES", 10, 10, values={"JFK": 10}),
        "tail": Observed("BYTES", 10, 10, values={"N1": 5, "N2": 5}),
        **others,
    }


def found(**others: Observed) -> list[tuple[str, str, str, str, str]]:
    return [(c.feature, c.aspect, c.says, c.shows, c.direction) for c in review(schema(), good(**others))]


def test_data_that_the_schema_describes_change_nothing() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (
            {"hour": Observed("INT", 10, 10, -1, 24)},
            [
                ("hour", "maximum", "at most 23", "up to 24", "relax"),
                ("hour", "minimum", "at least 0", "down to -1", "relax"),
            ],
        ),
        ({"hour": Observed("INT", 10, 10, 5, 23)}, [("hour", "minimum", "at least 0", "down to 5", "tighten")]),
        ({"hour": Observed("FLOAT", 10, 10, 0.5, 99)}, [("hour", "type", "INT", "FLOAT values", "relax")]),
        (
            {"hour": Observed("INT", 200, 199, 0, 23, fraction=0.99)},
            [
                (
                    "hour",
                    "presence",
                    "in at least 100% of the rows",
                    "in 99.000% of the rows (1 of 200 missing)",
                    "relax",
                )
            ],
        ),
        (
            {"temp": Observed("FLOAT", 10, 10, 0, 100)},
            [("temp", "presence", "in at least 90.000% of the rows", "in every row", "tighten")],
        ),
        (
            {"carrier": Observed("BYTES", 100, 100, values={"AA": 90, "UA": 5, "ZZ": 4, "Q": 1})},
            [
                (
                    "carrier",
                    "values",
                    "2 values in the domain 'carrier'",
                    '2 others, in 5.000% of the rows: "Q", "ZZ"',
                    "relax",
                )
            ],
        ),
        (
            {"carrier": Observed("BYTES", 10, 10, values={"AA": 10})},
            [("carrier", "values", "2 values in the domain 'carrier'", '1 of them nowhere: "UA"', "tighten")],
        ),
        # Not all values were counted: nothing can be said of those that are not there.
        ({"carrier": Observed("BYTES", 10, 10, values={"AA": 10}, complete=False)}, []),
        # Half of the values may be others.
        ({"tail": Observed("BYTES", 10, 10, values={"N1": 3, "N2": 2, "X": 5})}, []),
        (
            {"tail": Observed("BYTES", 10, 10, values={"N1": 2, "N2": 2, "X": 6})},
            [("tail", "values", "2 values", '1 other, in 60.000% of the rows: "X"', "relax")],
        ),
        (
            {"gate": Observed("INT", 10, 5, 1, 9, fraction=0.5)},
            [("gate", "column", "nothing", "INT, in 50.000% of the rows", "relax")],
        ),
        # A column without any value has no type to differ.
        (
            {"carrier": Observed("", 10, 0, fraction=0.0)},
            [
                (
                    "carrier",
                    "presence",
                    "in at least 100% of the rows",
                    "in 0% of the rows (10 of 10 missing)",
                    "relax",
                )
            ],
        ),
    ],
)
def test_each_change_is_told_and_once_accepted_is_no_change_any_more(others, expected) -> None:
    assert found(**others) == expected
    observed = good(**others)
    changes = review(schema(), observed)
    changed = parse(apply(SCHEMA, [change.edit for change in changes]))
    assert review(changed, observed) == []


def test_a_column_that_is_gone() -> None:
    observed = good()
    del observed["dest"]
    (change,) = review(schema(), observed)
    assert (change.feature, change.aspect, change.shows) == ("dest", "column", "no such column")
    changed = parse(apply(SCHEMA, [change.edit]))
    assert changed.feature[4].lifecycle_stage == schema_pb2.DEPRECATED
    assert review(changed, observed) == []


def test_a_new_column_of_few_texts_gets_a_domain_and_one_of_many_none() -> None:
    few = Observed("BYTES", 100, 100, values={"b": 60, 'a"': 40})
    many = Observed("BYTES", 300, 300, values={str(n): 1 for n in range(300)})
    changes = review(schema(), good(few=few, many=many))
    changed = parse(apply(SCHEMA, [change.edit for change in changes]))
    added = {feature.name: feature for feature in changed.feature}
    assert list(added["few"].string_domain.value) == ['a"', "b"]
    assert added["few"].presence.min_fraction == 1
    assert not added["many"].HasField("string_domain")


def test_a_shared_domain_is_never_made_smaller_for_one_of_its_features() -> None:
    only = Observed("BYTES", 10, 10, values={"EWR": 10})
    assert found(origin=only, dest=only) == []


@pytest.mark.parametrize("value", [100.0000001, 123.456789, 16777217.0, 1e-30, -0.1, 3.4e38, 0.1 + 0.2])
def test_a_relaxed_bound_holds_the_data_as_float32(value: float) -> None:
    observed = good(temp=Observed("FLOAT", 10, 10, min(value, 0), max(value, 100)))
    changed = parse(apply(SCHEMA, [c.edit for c in review(schema(), observed)]))
    domain = changed.feature[1].float_domain
    assert domain.min <= value <= domain.max
    assert review(changed, observed) == []


def test_statistics_of_several_splits_count_together() -> None:
    def statistics(low: int, present: int) -> statistics_pb2.DatasetFeatureStatisticsList:
        text = f"""datasets {{
          features {{ name: "hour" type: INT num_stats {{
            common_stats {{ num_non_missing: {present} num_missing: {10 - present} }} min: {low} max: 20 }} }}
          features {{ path {{ step: "carrier" }} type: STRING string_stats {{ unique: 2
            common_stats {{ num_non_missing: 10 }}
            rank_histogram {{ buckets {{ label: "AA" sample_count: 8 }} }} }} }}
        }}"""
        return text_format.Parse(text, statistics_pb2.DatasetFeatureStatisticsList())

    seen = observe([statistics(3, 10), statistics(5, 8)])
    assert seen["hour"] == Observed("INT", 20, 18, 3, 20, fraction=0.8)
    assert seen["carrier"] == Observed("BYTES", 20, 20, values={"AA": 16}, complete=False)


def test_rows_that_were_set_aside_count() -> None:
    rows = pa.table({"hour": [24, None], "carrier": ["ZZ", "AA"], "_split": ["train", "eval"]})
    aside = observe_rows(rows, ["hour", "carrier", "gone"])
    assert aside["hour"] == Observed("INT", 2, 1, 24, 24)
    both = merge({"hour": Observed("INT", 98, 98, 0, 23)}, aside)
    assert both == {"hour": Observed("INT", 100, 99, 0, 24, fraction=0.99)}
    assert aside["carrier"].values == {"ZZ": 1, "AA": 1}


def test_what_is_accepted_is_chosen() -> None:
    changes = review(schema(), good(hour=Observed("INT", 10, 10, 5, 24), temp=Observed("FLOAT", 10, 10, 0, 100)))

    def names(features: list[str], **directions: bool) -> list[tuple[str, str]]:
        given = {"relax": False, "tighten": False, **directions}
        return [(c.feature, c.direction) for c in chosen(changes, features, **given)]

    everything = [("hour", "relax"), ("hour", "tighten"), ("temp", "tighten")]
    assert names([]) == names([], relax=True, tighten=True) == everything
    assert names(["hour"]) == everything[:2]
    assert names([], relax=True) == everything[:1]
    assert names(["temp"], relax=True) == []
    with pytest.raises(BadInput, match="nothing to change about 'huor'; did you mean 'hour'"):
        names(["huor"])


def test_every_change_is_a_change() -> None:
    changes = review(schema(), good(hour=Observed("INT", 10, 10, 5, 24)))
    assert all(isinstance(change, Change) for change in changes)
    for change in changes:
        assert parse(apply(SCHEMA, [change.edit])) != schema()


def test_schemas_that_mean_the_same() -> None:
    other = """
    # another order, and the domain where it is used
    feature { type: BYTES name: "x" string_domain { value: "b" value: "a" } }
    feature { name: "y" type: INT }
    """
    one = """
    string_domain { name: "letters" value: "a" value: "b" }
    feature { name: "y" type: INT }
    feature { name: "x" type: BYTES domain: "letters" }
    """
    assert compare(parse(one), parse(other)) == []


def test_schemas_that_do_not() -> None:
    changed = SCHEMA.replace("max: 23", "max: 24").replace('value: "UA"', 'value: "US"').replace("INT", "FLOAT")
    changed = changed.replace('name: "tail"', 'name: "tailnum"').replace(" min_count: 1", "", 1)
    changed = f'default_environment: "TRAINING"\n{changed}'
    assert compare(schema(), parse(changed)) == [
        Difference("hour", "type", "INT", "FLOAT"),
        Difference("hour", "int_domain.max", "23", "24"),
        Difference("hour", "presence.min_count", "1", ""),
        Difference("carrier", "values", "only UA", "only US"),
        Difference("tail", "", "there", ""),
        Difference("tailnum", "", "", "there"),
        Difference("default_environment", "", "", "TRAINING"),
    ]
