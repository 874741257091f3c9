"""The page for people: the right figures, and nothing of the data as markup."""

from __future__ import annotations

import re

import pyarrow as pa

from components.data_validator.report import statistics_page
from components.data_validator.statistics import compute_statistics


def cells(page: str) -> list[list[str]]:
    return [re.findall(r"<td>(.*?)</td>", row) for row in page.split("<tr>")[2:]]


def test_every_feature_of_every_split_is_told() -> None:
    train = pa.table({"n": [1, 2, 3, None], "s": ["a", "a", "b", "c"]})
    statistics = {"train": compute_statistics(train, None), "eval": compute_statistics(train.slice(0, 2), None)}
    assert cells(statistics_page(statistics)) == [
        ["n", "eval", "2", "0.00%", "", "1", "1.5", "2", "2", ""],
        ["n", "train", "4", "25.00%", "", "1", "2", "2", "3", ""],
        ["s", "eval", "2", "0.00%", "1", "", "", "", "", "a (2)"],
        ["s", "train", "4", "0.00%", "3", "", "", "", "", "a (2), c (1), b (1)"],
    ]


def test_data_are_never_markup() -> None:
    table = pa.table({"<b>": ["<script>alert(1)</script>"]})
    page = statistics_page({"train": compute_statistics(table, None)})
    assert "&lt;b&gt;" in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"<(script|b|i|link|img)\b", page)


def test_no_rows_make_a_page_too() -> None:
    table = pa.table({"n": pa.array([], pa.int64())})
    assert cells(statistics_page({"train": compute_statistics(table, None)}))[0][:3] == ["n", "train", "0"]
