"""Tables for people."""

from __future__ import annotations

import doctest
from typing import Literal

from pydantic import Field

from penstock import strict_yaml
from penstock.artifacts import Examples, ModelBlessing
from penstock.authoring import documents, naming
from penstock.authoring.interface import describe
from penstock.sdk import ComponentSpec, In, Out, Params


class Cost(Params):
    """What a mistake costs."""

    amount: float
    """How much [currency]."""


class JudgeParams(Params):
    min_auc: float
    """Smallest area | in (0, 1)."""
    mode: Literal["a", "b"] = "a"
    """How."""
    names: list[str] = Field(default=["a long default that nobody wants to read", "in a table of parameters"])
    """Which."""
    cost: Cost | None = None
    """What it costs."""


SPEC = ComponentSpec(
    name="judge",
    stage="analyse",
    image="runtime",
    summary="Judge.",
    params=JudgeParams,
    inputs={"examples": In(Examples, optional=True)},
    outputs={"blessing": Out(ModelBlessing)},
    gate=True,
)
TABLES = """\
Runs in the `runtime` environment as `python -m components.judge.main`.

**Inputs**

| input | artifact | what |
|---|---|---|
| `examples` | examples, optional | Rows per split, typed, without duplicates. |

**Outputs**

| output | artifact | what |
|---|---|---|
| `blessing` | model_blessing | The evaluator's verdict about one model. |
| `gate` | parameter | `open` or `closed`: whether what hangs on this task may start. |

**Parameters**

| parameter | type | default | what |
|---|---|---|---|
| `min_auc` | number | **required** | Smallest area \\| in (0, 1). |
| `mode` | "a" or "b" | `"a"` | How. |
| `names` | list of string | (long) | Which. |
| `cost` | Cost | none | What it costs. |

**`Cost`**: What a mistake costs.

| key | type | default | what |
|---|---|---|---|
| `amount` | number | **required** | How much [currency]. |"""


def test_an_interface_becomes_tables() -> None:
    assert documents.interface_tables(describe(SPEC)) == TABLES


def test_components_become_a_list_with_links() -> None:
    assert documents.component_list([describe(SPEC)]).splitlines()[-1] == (
        "| [judge](components/judge/README.md) | analyse | Judge. | yes |"
    )


def test_only_the_marked_part_is_replaced() -> None:
    text = "# a\n<!-- generated: one -->\nold\n\nold\n<!-- end -->\nkept \\1\n<!-- generated: two -->\n<!-- end -->\n"
    once = documents.with_section(text, "one", "new \\1")
    assert once == text.replace("old\n\nold", "new \\1")
    assert documents.with_section(once, "one", "new \\1") == once
    assert documents.with_section(once, "two", "x").endswith("<!-- generated: two -->\nx\n<!-- end -->\n")


def test_a_part_without_marks_comes_to_the_end() -> None:
    assert documents.with_section("# a\n\n\n", "x", "b") == "# a\n\n<!-- generated: x -->\nb\n<!-- end -->\n"


def test_an_empty_part_is_two_marks() -> None:
    assert documents.with_section("", "x", "") == "<!-- generated: x -->\n<!-- end -->\n"


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (documents, naming, strict_yaml):
        result = doctest.testmod(module)
        assert (result.attempted > 0, result.failed) == (True, 0)
