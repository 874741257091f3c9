"""Tables: nothing that people copy is folded, and no line ends in blanks."""

import pytest

from penstock.cli.output import print_table
from penstock.cli.trace import _address

LONG = "/srv/penstock/runs/flights-20260101T120000-0a1b/condition-1/condition-2/push/outputs/pushed_model"
TEXT = "auc across origin: fewer than two slices have 1,000 rows, and so on to the edge of the screen and over"


def test_a_pipe_gets_one_line_per_row(capsys):
    print_table(["task", "why"], [["evaluate", TEXT], ["push", ""]])
    assert capsys.readouterr().out == f"task      why\nevaluate  {TEXT}\npush\n"


def test_a_terminal_folds_words_but_no_names(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    print_table(["run", "why"], [["flights-20260101T120000-0a1b", TEXT]], whole=["run"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert lines[1].startswith("flights-20260101T120000-0a1b  auc across")
    assert max(map(len, lines[1:])) <= 60  # the heading has its colours


def test_an_address_runs_over_the_edge_of_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    print_table(["task", "where"], [["push", LONG], ["t", "x"]], whole=["where"])
    assert capsys.readouterr().out.splitlines()[1:] == [f"push  {LONG}", "t     x"]


@pytest.mark.parametrize(
    "typed", [LONG, f"{LONG}/", f"file://{LONG}", f"{LONG}/model/saved_model.pb", f"{LONG}/../pushed_model"]
)
def test_a_path_in_an_artifact_is_the_artifact(typed):
    assert _address(typed) == LONG


@pytest.mark.parametrize("typed", ["3fa9c1d2", "12", "s3://bucket/outputs/model/x"])
def test_what_is_no_path_stays(typed):
    assert _address(typed) == typed


def test_a_relative_path_begins_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _address("./r/outputs/model/") == f"{tmp_path}/r/outputs/model"
