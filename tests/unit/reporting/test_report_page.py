"""The page of a run: what is on it, in which order, and what can never get onto it."""

from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from components.reporter.logic import parts
from penstock.reporting.page import render, render_comparison
from penstock.reporting.reading import read_findings
from penstock.reporting.views import ComparisonView, Findings, FindingView, Row, RunView
from tests.unit.reporting.report_samples import HOSTILE, MULTICLASS, REGRESSION, run_view, write_artifacts

VOID = {"meta", "link", "input", "br", "wbr", "img", "hr"}


class Outline(HTMLParser):
    """Reads a page strictly: every element closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append((self.open[-1] if self.open else "", data.strip()))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return read_findings(parts(write_artifacts(tmp_path_factory.mktemp("given"))))


@pytest.fixture(scope="module")
def page(findings: Findings) -> str:
    return render(run_view(findings))


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


SECTIONS = ["verdicts", "pipeline", "data", "training", "performance", "slices", "importance", "fairness", "tuning"]
SECTIONS += ["parameters", "lineage"]


def test_sections_come_in_the_order_of_reading(outline: Outline) -> None:
    assert [section["id"] for section in outline.of("section")] == SECTIONS
    assert [a["href"] for a in outline.of("a") if (a["href"] or "")[1:] in SECTIONS] == [
        f"#{name}" for name in SECTIONS
    ]


def test_a_refusal_is_told_first_and_open(page: str) -> None:
    first = page.index("auc of carrier=HA is 0.4; asked: 0.5")
    assert page.index('id="verdicts"') < first < page.index('id="pipeline"')
    assert page.index(">evaluation</span>") < page.index(">serving</span>")
    assert '<details class="gate bad" open>' in page
    assert '<details class="gate good">' in page


def test_equal_views_give_equal_bytes(page: str, findings: Findings) -> None:
    assert render(run_view(findings)) == page


def test_nothing_is_asked_of_any_address(outline: Outline, page: str) -> None:
    addresses = [
        value
        for _, attributes in outline.elements
        for key, value in attributes.items()
        if key in ("href", "src", "action", "data", "srcset", "poster", "xlink:href", "formaction")
    ]
    assert {value for value in addresses if not (value or "").startswith("#")} == {"data:,"}
    assert "@import" not in page
    assert "url(http" not in page
    for tag in ("iframe", "object", "embed", "img", "form", "base"):
        assert outline.of(tag) == []


def test_what_comes_from_the_data_stays_text(outline: Outline, page: str) -> None:
    assert HOSTILE not in page
    assert len(outline.of("script")) == 1
    assert outline.of("script")[0] == {}
    assert outline.of("b") == []
    assert outline.of("i") == []
    shown = [text for tag, text in outline.text if "alert" in text and tag != "script"]
    assert HOSTILE in shown


def test_no_attribute_runs_code(outline: Outline) -> None:
    assert [key for _, attributes in outline.elements for key in attributes if key.startswith("on")] == []
    assert [a for _, at in outline.elements for a in at.values() if (a or "").strip().startswith("javascript:")] == []


def test_ids_are_unique(outline: Outline) -> None:
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_labels_lead_somewhere(outline: Outline) -> None:
    ids = {attributes["id"] for _, attributes in outline.elements if "id" in attributes}
    named = [at[key] for _, at in outline.elements for key in ("aria-labelledby", "data-search") if key in at]
    anchors = [(a["href"] or "")[1:] for a in outline.of("a")]
    assert {name for name in (*named, *anchors) if name} <= ids


def test_headings_go_down_one_level_at_a_time(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_pictures_and_tables_are_told_in_words(outline: Outline) -> None:
    for svg in outline.of("svg"):
        assert svg.get("aria-label") or svg.get("aria-hidden") == "true"
    assert all(th.get("scope") or th == {} for th in outline.of("th"))
    assert outline.of("html") == [{"lang": "en"}]
    for region in (at for _, at in outline.elements if at.get("role") == "region"):
        assert region["aria-label"]
        assert region["tabindex"] == "0"


def test_what_drifted_is_marked_and_first(page: str) -> None:
    columns = page[page.index('<table id="columns-1"') :]
    assert columns.index(">hour<") < columns.index("alert")
    assert columns[: columns.index("alert")].count("too far") == 1
    assert "1 of 2 columns" in page


def test_example_rows_have_the_column_at_fault_beside_their_place(page: str) -> None:
    table = page[page.index("<caption>Example rows") :]
    head = table[: table.index("</thead>")]
    assert head.index(">row<") < head.index("alert") < head.index(">hour<")
    assert "&lt;b&gt;odd&lt;/b&gt;" in table


def test_slices_worst_first(page: str) -> None:
    table = page[page.index('<table id="slices-1-1"') :]
    places = [table.index(f">{name}<") for name in ("overall", "carrier=HA", "carrier=B6", "carrier=UA")]
    assert places == sorted(places)


def test_problems_are_told_at_the_top(findings: Findings) -> None:
    page = render(run_view(replace(findings, problems=("train: model/history.json: damaged",))))
    assert page.index("model/history.json: damaged") < page.index('id="verdicts"')


def test_a_run_of_which_nothing_is_known_is_a_page_too() -> None:
    outline = Outline(render(RunView(title="empty", findings=Findings())))
    assert outline.of("section") == []
    assert ("h1", "empty") in outline.text


@pytest.mark.parametrize("plots", [REGRESSION, MULTICLASS], ids=["regression", "multiclass"])
def test_other_tasks_have_their_own_pictures(findings: Findings, plots: object) -> None:
    evaluation = replace(findings.evaluations[0], plots=plots)
    page = render(RunView(title="t", findings=Findings(evaluations=(evaluation,))))
    Outline(page)
    assert ("Residuals" in page) == (plots is REGRESSION)
    assert ("Estimate and label" in page) == (plots is REGRESSION)
    assert ("Confusion matrix, candidate" in page) == (plots is MULTICLASS)
    assert ("Each class against the rest" in page) == (plots is MULTICLASS)


def test_values_of_endless_length_are_cut() -> None:
    finding = FindingView(split="s", feature="f", rule="r", kind="rows", text="t", examples=({"f": "x" * 10_000},))
    from penstock.reporting.views import DataView

    page = render(RunView(title="t", findings=Findings(data=(DataView(task="v", findings=(finding,)),))))
    assert "x" * 2000 + "…" in page
    assert "x" * 2001 not in page


def comparison(findings: Findings) -> ComparisonView:
    second = replace(findings.evaluations[0], slices=findings.evaluations[0].slices[:3])
    rows = (Row(name="epochs", values=(1, 2), differs=True), Row(name=HOSTILE, values=("a", "a"), differs=False))
    return ComparisonView(
        first=run_view(findings),
        second=replace(run_view(replace(findings, evaluations=(second,))), run_id="flights-2"),
        aspects={"parameter": rows, "verdict": (Row(name="e", values=("Failed, stop", None), differs=True),)},
    )


def test_a_comparison_tells_differences_first(findings: Findings) -> None:
    page = render_comparison(comparison(findings))
    outline = Outline(page)
    ids = [section["id"] for section in outline.of("section")]
    assert ids == ["differences", "metrics", "slices", "training", "performance", "data", "agreements"]
    assert page.index("differ-verdict") < page.index("differ-parameter") < page.index('id="metrics"')
    assert page.index("agree-parameter") > page.index('id="agreements"')
    assert HOSTILE not in page
    assert "0 of 2 columns have other statistics" in page
    all_ids = [at["id"] for _, at in outline.elements if "id" in at]
    assert len(all_ids) == len(set(all_ids))


def test_intervals_that_lie_apart_are_marked(findings: Findings) -> None:
    view = comparison(findings)
    overall = view.second.findings.evaluations[0].slices[0]
    estimate = replace(overall.metrics["auc"]["candidate"], value=0.9, lower=0.88, upper=0.92)
    moved = replace(overall, metrics={"auc": {"candidate": estimate}})
    evaluation = replace(view.second.findings.evaluations[0], slices=(moved,))
    second = replace(view.second, findings=replace(view.second.findings, evaluations=(evaluation,)))
    assert "lie apart" not in render_comparison(view)
    page = render_comparison(replace(view, second=second))
    assert page.count(">lie apart<") == 1
    assert "+0.15" in page


def test_a_value_does_not_turn_around_the_figures_beside_it() -> None:
    overridden = "a\N{RIGHT-TO-LEFT OVERRIDE}b\N{LEFT-TO-RIGHT ISOLATE}c"
    page = render(RunView(title=overridden, parameters={"p": overridden}, findings=Findings()))
    assert not set("\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}") & set(page)
    assert page.count(r"a\u202eb\u2066c") >= 2
