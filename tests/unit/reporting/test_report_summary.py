"""The summary in Markdown: what is in it, what is left out, and that names are only ever text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from penstock.artifacts import Consequence, Decision, Verdict
from penstock.reporting.reading import read_findings
from penstock.reporting.summary import summarize, text
from penstock.reporting.views import Findings
from tests.unit.reporting.report_samples import HOSTILE, reason, write_artifacts


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    given = write_artifacts(tmp_path)
    data = [given["statistics"], given["anomalies"]]
    evaluation = [given["evaluation"], given["blessing"]]
    return read_findings([("data", data), ("evaluation", evaluation), ("serving", [given["infra_blessing"]])])


def test_it_begins_with_the_verdicts(findings: Findings) -> None:
    lines = summarize("Flights", findings).splitlines()
    assert lines[:2] == ["# Flights", ""]
    assert lines[2:6] == ["## Verdicts", "", "| gate | verdict | what follows |", "|---|---|---|"]
    assert "| evaluation | ✘ **Failed** | stop |" in lines
    assert "| serving | ✔ **Successful** | proceed |" in lines


def test_what_closed_a_gate_comes_first(findings: Findings) -> None:
    said = summarize("Flights", findings).split("### evaluation\n\n")[1].splitlines()
    assert said[0] == "- ✘ auc of carrier=HA is 0.4; asked: 0.5"


def test_metrics_stand_beside_the_baselines_with_their_intervals(findings: Findings) -> None:
    page = summarize("Flights", findings)
    assert "## Metrics on 100 rows of eval" in page
    assert "| AUC | 0.75 (0.74 to 0.76) | 0.74 (0.73 to 0.75) | +0.01 |" in page
    assert "| carrier=HA | 10 | 0.4 (0.39 to 0.41) |" in page


def test_names_of_columns_are_only_text(findings: Findings) -> None:
    page = summarize(HOSTILE, findings)
    assert "<" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("two\nlines\t# here", r"two lines \# here"),
        ("a|b `c` *d* _e_ [f](g)", r"a\|b \`c\` \*d\* \_e\_ \[f\](g)"),
        ("https://example.com", r"https\://example.com"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_nothing_in_a_text_is_markup(words: str, shown: str) -> None:
    assert text(words) == shown


def test_many_reasons_are_counted() -> None:
    bad = [reason("auc", f"s{i}", Verdict.FAILED, f"bad {i}") for i in range(14)]
    good = [reason("auc", f"t{i}", Verdict.SUCCESSFUL, f"good {i}") for i in range(7)]
    decision = Decision(verdict=Verdict.FAILED, consequence=Consequence.STOP, reasons=(*good, *bad))
    page = summarize("x", Findings(gates=(("evaluate", decision),)))
    assert [page.count(f"- ✘ bad {i}\n") for i in (0, 9, 10)] == [1, 1, 0]
    assert "- and 4 more\n" in page
    assert page.endswith("- ✔ 7 rules met\n")


def test_a_few_rules_that_were_met_are_listed_behind_the_others() -> None:
    reasons = (reason("p99", "x", Verdict.SUCCESSFUL, "fast"), reason("qps", "x", Verdict.INCONCLUSIVE, "unclear"))
    decision = Decision(verdict=Verdict.INCONCLUSIVE, consequence=Consequence.STOP, reasons=reasons)
    assert summarize("x", Findings(gates=(("prove", decision),))).endswith("- ? unclear\n- ✔ fast\n")


def test_what_is_not_known_has_no_place(findings: Findings) -> None:
    assert summarize("Nothing", Findings()) == "# Nothing\n"
    alone = summarize("x", replace(findings, data=(), gates=(), problems=("evaluation: gone",)))
    assert "## Data" not in alone
    assert alone.endswith("- could not be read: evaluation: gone\n")
