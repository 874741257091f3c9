"""Splits: nothing of the future in train, no group on both sides, the same rows everywhere and always."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.ingest.declare import Split
from components.ingest.splits import hash_keys, hash_rows, split_rows
from penstock.sdk import BadInput

DAYS = pa.table({"day": pa.array([15706, 15707, 15708, 15709], pa.date32()), "n": [1, 2, 3, 4], "who": list("abba")})


def rows_of(split: Split, table: pa.Table) -> dict[str, list[int]]:
    return {name: mask.nonzero()[0].tolist() for name, mask in split_rows(split, table).items()}


def test_by_date_the_boundary_belongs_to_the_later_split() -> None:
    # 15706 is 2013-01-01.
    split = Split(by="time", column="day", starts={"eval": "2013-01-03", "test": "2013-01-04"})
    assert rows_of(split, DAYS) == {"train": [0, 1], "eval": [2], "test": [3]}


def test_by_number_whatever_order_the_rows_have() -> None:
    table = pa.table({"month": [10, 9, 12, 1]})
    for start in (10, 10.0):
        split = Split(by="time", column="month", starts={"eval": start})
        assert rows_of(split, table) == {"train": [1, 3], "eval": [0, 2]}


def test_by_timestamp_the_zone_counts() -> None:
    four = 1380600000 * 10**6  # 2013-10-01T04:00:00Z
    table = pa.table({"at": pa.array([four - 1, four], pa.timestamp("us", tz="UTC"))})
    for start in ("2013-10-01T04:00:00Z", "2013-10-01T00:00:00-04:00"):
        assert rows_of(Split(by="time", column="at", starts={"eval": start}), table) == {"train": [0], "eval": [1]}


def test_by_column() -> None:
    table = pa.table({"fold": [1, 2, 3, 1]})
    split = Split(by="column", column="fold", values={"train": [1, 2.0], "eval": [3]})
    assert rows_of(split, table) == {"train": [0, 1, 3], "eval": [2]}
    named = pa.table({"set": ["eval", "train", "eval"]})
    assert rows_of(Split(by="column", column="set"), named) == {"eval": [0, 2], "train": [1]}


def test_by_hash_the_same_group_is_never_on_both_sides() -> None:
    table = pa.table({"who": [f"p{i % 1000}" for i in range(5000)]})
    found = rows_of(Split(by="hash", group=("who",)), table)
    sides = {name: {table.column("who")[row].as_py() for row in rows} for name, rows in found.items()}
    assert sides["train"] & sides["eval"] == set()
    assert sides["train"] | sides["eval"] == {f"p{i}" for i in range(1000)}
    assert 750 < len(sides["train"]) < 850  # 800 +- 4 standard deviations


def test_hashes_never_change() -> None:
    # Another value here means that every split by hash, of every user, has changed.
    columns = [pa.chunked_array([["a", None]]), pa.chunked_array([[1, 2]])]
    assert [int(h) for h in hash_keys(columns)] == [13610117293245240050, 6995116991765101935]


@given(st.lists(st.text() | st.none(), min_size=1, max_size=30), st.floats(0.1, 0.9))
def test_a_group_goes_where_it_went_before_whoever_else_is_there(values, share) -> None:
    split = Split(by="hash", group=("k",), fractions={"train": share, "eval": 1 - share})
    alone = {}
    for value in values:
        try:
            split_rows(split, pa.table({"k": pa.array([value], pa.string())}))
        except BadInput as error:  # one row leaves the other split empty, and says which
            alone[value] = "train" if "falls into eval" in str(error) else "eval"
    assume(len(set(alone.values())) == 2)
    together = split_rows(split, pa.table({"k": pa.array(values, pa.string())}))
    assert all(together[alone[value]][row] for row, value in enumerate(values))


def test_the_order_in_which_fractions_are_written_means_nothing() -> None:
    """A compiled pipeline has them in another one than pipeline.yaml."""
    shares = {"train": 0.7, "eval": 0.2, "test": 0.1}
    one, two = (
        split_rows(Split(by="hash", group=("n",), fractions=dict(written)), pa.table({"n": range(1000)}))
        for written in (shares.items(), sorted(shares.items()))
    )
    assert all((one[name] == two[name]).all() for name in shares)
    assert list(one) == list(shares)


ROWS = {
    "n": [n % 40 if n % 11 else None for n in range(4000)],
    "x": [(n % 7) / 4 for n in range(4000)],
    "text": [f"t{n % 5}" if n % 13 else None for n in range(4000)],
}


def test_without_a_group_a_row_goes_by_what_it_holds_wherever_it_stands() -> None:
    table = pa.table(ROWS)
    order = [(index * 1237) % 4000 for index in range(4000)]  # 1237 and 4000 have no common factor
    split = Split(by="hash")
    sides = [split_rows(split, rows, list(ROWS)) for rows in (table, table.take(order))]
    for name in ("train", "eval"):
        one, two = (
            rows.filter(pa.array(masks[name])) for rows, masks in zip((table, table.take(order)), sides, strict=True)
        )
        assert sorted(map(str, one.to_pylist())) == sorted(map(str, two.to_pylist()))
    assert 2864 < sides[0]["train"].sum() < 3536  # 3,200 +- 4 standard deviations, of 579 rows that are often there


def test_equal_rows_are_never_on_both_sides() -> None:
    masks = split_rows(Split(by="hash"), pa.table(ROWS), list(ROWS))
    sides = [{tuple(row.values()) for row in pa.table(ROWS).filter(pa.array(m)).to_pylist()} for m in masks.values()]
    assert sides[0] & sides[1] == set()
    assert len(sides[0] | sides[1]) == len(set(zip(*ROWS.values(), strict=True)))


def test_equal_rows_fall_apart_where_few_rows_are_possible() -> None:
    # Eight rows, 500 times each: kept together, all of a kind lie on one side, and a label may lie there alone.
    table = pa.table({"group": list("aabbccdd") * 500, "label": [0, 1] * 2000})
    for equal_rows, allowed in (("together", (0.0, 1.0)), ("apart", (0.8,))):
        train = split_rows(Split(by="hash", equal_rows=equal_rows), table, ["group", "label"])["train"]
        shares = [float(train[kind::8].mean()) for kind in range(8)]
        assert all(min(abs(share - one) for one in allowed) < 0.08 for share in shares)  # 4 standard deviations


def test_which_of_equal_rows_fall_where_does_not_hang_on_their_order() -> None:
    split, table = Split(by="hash", equal_rows="apart"), pa.table(ROWS)
    turned = table.take(list(range(len(table)))[::-1])
    rows = [
        Counter(
            tuple(row.values()) for row in t.filter(pa.array(split_rows(split, t, list(ROWS))["train"])).to_pylist()
        )
        for t in (table, turned)
    ]
    assert rows[0] == rows[1]


def test_only_what_is_put_out_decides() -> None:
    split = Split(by="hash")
    alone = split_rows(split, pa.table(ROWS), ["n", "x"])["train"]
    other = split_rows(split, pa.table({**ROWS, "text": ["other"] * 4000}), ["n", "x"])["train"]
    assert alone.tolist() == other.tolist()


def test_hashes_of_rows_never_change() -> None:
    # Another value here means that every such split, of every user, has changed.
    day = pa.chunked_array([pa.array([15706, None, 15706], pa.date32())])
    at = day.cast(pa.timestamp("us"))
    columns = [
        pa.chunked_array([[1, None, 1]]),
        pa.chunked_array([[0.0, 0.5, -0.0]]),
        pa.chunked_array([["a", None, "a"]]),
    ]
    first, second, third = (int(h) for h in hash_rows([*columns, day, at]))
    assert first == third
    assert (first, second) == (2993577079967163731, 140159037807363068)


def test_groups_are_checked_where_something_else_decides() -> None:
    split = Split(by="time", column="day", starts={"eval": "2013-01-03"}, group=("who",))
    with pytest.raises(BadInput) as error:
        split_rows(split, DAYS)
    assert "split by time: 2 groups would be on both sides, such as who='b'" in str(error.value)
    whole = DAYS.set_column(2, "who", pa.array(list("aabb")))
    assert rows_of(split, whole) == {"train": [0, 1], "eval": [2, 3]}


@pytest.mark.parametrize(
    ("split", "table", "message"),
    [
        ({"by": "time", "column": "day", "starts": {"eval": "2014-01-01"}}, DAYS, "no row falls into eval"),
        ({"by": "time", "column": "day", "starts": {"eval": "2012-01-01"}}, DAYS, "no row falls into train"),
        ({"by": "time", "column": "day", "starts": {"eval": "soon"}}, DAYS, "'soon' is no date32"),
        ({"by": "time", "column": "n", "starts": {"eval": "soon"}}, DAYS, "'soon' is no int64"),
        ({"by": "time", "column": "who", "starts": {"eval": "b"}}, DAYS, "'who' is string, which has no order in time"),
        ({"by": "time", "column": "n", "starts": {"eval": 3, "test": 2}}, DAYS, "'starts' must ascend"),
        ({"by": "time", "column": "n", "starts": {"eval": 2}}, pa.table({"n": [1, None, 3]}), "1 rows have no 'n'"),
        (
            {"by": "column", "column": "n", "values": {"train": [1], "eval": [2, 3]}},
            DAYS,
            "1 rows are in no split, such as n=4",
        ),
        (
            {"by": "column", "column": "n", "values": {"train": [1, 2, 3, 4], "eval": [2]}},
            DAYS,
            "in more than one split",
        ),
        ({"by": "column", "column": "n", "values": {"train": ["x"], "eval": [2]}}, DAYS, "are not all int64"),
        ({"by": "column", "column": "set"}, pa.table({"set": ["Train", "Eval"]}), "'Eval' cannot name a split"),
        (
            {"by": "column", "column": "set"},
            pa.table({"set": ["train", "quarantine"]}),
            "'quarantine' cannot name a split",
        ),
        (
            {"by": "column", "column": "set"},
            pa.table({"set": ["train", None]}),
            "1 rows are in no split, such as set=None",
        ),
        (
            {"by": "hash", "group": ["n"], "fractions": {"train": 0.999999999, "eval": 0.000000001}},
            DAYS,
            "no row falls",
        ),
    ],
)
def test_what_cannot_be_split_is_told(split, table, message) -> None:
    with pytest.raises(BadInput) as error:
        split_rows(Split(**split), table)
    assert message in str(error.value)
