"""Tables in splits, and the way raw values travel to a model."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.artifacts import Examples, digest_tree
from penstock.artifacts.features import MISSING, arrow_feature_type, dense_columns

TABLE = pa.table({"carrier": ["UA", None, "é"], "hour": pa.array([5, None, 7], pa.int16()), "late": [0, 1, 0]})


def test_what_is_written_is_read(tmp_path):
    examples = Examples(tmp_path)
    examples.write("train", TABLE)
    examples.write("eval", TABLE.slice(0, 1))
    assert examples.splits() == ["eval", "train"]
    assert examples.read("train").equals(TABLE)
    assert examples.read("train", ["late"]).column_names == ["late"]
    assert (examples.rows("train"), examples.rows("eval")) == (3, 1)


def test_vectors_are_read_as_they_were_written_and_only_words_get_a_dictionary(tmp_path):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(40, dtype=np.float32)), 4)
    words = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(20) % 3), 2)
    table = pa.table({"v": vectors, "w": words, "x": pa.array(np.arange(10) % 2)})
    examples = Examples(tmp_path)
    examples.write("train", table)
    assert examples.read("train").equals(table)
    columns = pq.ParquetFile(tmp_path / "Split-train/part-00000.parquet").metadata.row_group(0)
    assert ["RLE_DICTIONARY" in columns.column(number).encodings for number in range(3)] == [False, True, True]


def test_parts_are_read_in_order_and_in_bounded_batches(tmp_path):
    examples = Examples(tmp_path)
    for part in range(3):
        examples.write("train", pa.table({"x": [part * 2, part * 2 + 1]}), part=part)
    assert examples.read("train").column("x").to_pylist() == list(range(6))
    sizes = [batch.num_rows for batch in examples.batches("train", 1)]
    assert sizes == [1] * 6


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        Examples(tmp_path / name).write("train", TABLE)
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")


def test_an_unknown_split_names_the_known(tmp_path):
    examples = Examples(tmp_path)
    examples.write("train", TABLE)
    with pytest.raises(KeyError, match="has no split 'test'; it has train"):
        examples.read("test")
    with pytest.raises(ValueError, match="split name"):
        examples.write("../evil", TABLE)


def test_missing_values_travel_in_band():
    dense = dense_columns(TABLE, {"carrier": "string", "hour": "int", "late": "float"})
    assert dense["carrier"].tolist() == [b"UA", b"", "é".encode()]
    assert dense["hour"].tolist() == [5, MISSING["int"], 7]
    assert dense["late"].dtype == np.float32
    assert np.isnan(dense_columns(TABLE, {"hour": "float"})["hour"]).tolist() == [False, True, False]


def test_no_rows_are_no_rows():
    dense = dense_columns(TABLE.slice(0, 0), {"carrier": "string", "hour": "int"})
    assert [len(values) for values in dense.values()] == [0, 0]


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (pa.bool_(), "int"),
        (pa.uint8(), "int"),
        (pa.float64(), "float"),
        (pa.string(), "string"),
        (pa.date32(), "string"),
    ],
)
def test_every_arrow_type_has_a_feature_type(type_, expected):
    assert arrow_feature_type(type_) == expected
