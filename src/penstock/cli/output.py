"""Showing things: tables for people, one JSON document for machines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import BaseModel

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.artifacts import Decision

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")

_BLANKS_AT_THE_END = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)
_ENDLESS = 100_000
"""A width that no line reaches [characters]."""

VERDICT_STYLE = {
    "Successful": "green",
    "Failed": "bold red",
    "Inconclusive": "yellow",
    "Error": "bold magenta",
    "complete": "green",
    "done": "green",
    "cached": "cyan",
    "failed": "bold red",
    "interrupted": "yellow",
    "skipped": "dim",
    "running": "blue",
}
"""Colour by verdict and by state; rich leaves colours out where NO_COLOR is set or no terminal is there."""


def console() -> Console:
    """A console on standard output; where nobody looks, a line is as long as it must be."""
    from rich.console import Console

    found = Console(highlight=False)
    if not found.is_terminal:
        found.width = _ENDLESS
    return found


def print_json(value: BaseModel | Sequence[BaseModel] | dict[str, Any] | list[Any]) -> None:
    """Print one JSON document on standard output."""

    def plain(item: Any) -> Any:
        return item.model_dump(mode="json") if isinstance(item, BaseModel) else item

    document = [plain(item) for item in value] if isinstance(value, list | tuple) else plain(value)
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """Print a plain table: a heading, no frame; known verdicts and states get their colour.

    Args:
        columns: The headings.
        rows: The cells.
        right: Columns of numbers.
        whole: Columns that people copy from: never folded. The last column then runs over the edge.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*(Text(cell, style=VERDICT_STYLE.get(cell, "")) for cell in row))
    out = console()
    if columns[-1] in whole:
        out.width = _ENDLESS
    with out.capture() as captured:
        out.print(table)
    click.echo(_BLANKS_AT_THE_END.sub(r"\1", captured.get()), nl=False, color=out.is_terminal)


def print_decisions(decided: Sequence[tuple[str, Decision]], *, most: int | None = None) -> None:
    """Print what gates said: the verdict of each with its consequence, then its reasons, worst first.

    Args:
        decided: Tasks and their decisions, in the order to print.
        most: How many reasons of a gate to print; all when None.
    """
    rows = []
    for task, decision in decided:
        rows.append([task, str(decision.verdict), str(decision.consequence), ""])
        rows += [["", str(reason.verdict), reason.subject, reason.text] for reason in decision.reasons[:most]]
    if rows:
        console().print()
        print_table(["gate", "verdict", "about", "why"], rows)


def seconds(value: float | None) -> str:
    """A duration as people read it [s]; empty when unknown.

    Example:
        >>> seconds(3.14159), seconds(0.0123), seconds(754.0), seconds(None)
        ('3.1', '0.01', '12:34', '')
    """
    if value is None:
        return ""
    if value >= 600:
        return f"{int(value // 60)}:{int(value % 60):02d}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def short(digest: str) -> str:
    """The first twelve hex digits of a digest.

    Example:
        >>> short("sha256:0123456789abcdef")
        '0123456789ab'
    """
    return digest.removeprefix("sha256:")[:12]


def megabytes(size: int | None) -> str:
    """Bytes as whole megabytes [MB = 10^6 bytes]; empty when unknown."""
    return f"{size / 1e6:,.0f}" if size is not None else ""
