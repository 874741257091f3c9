"""Tables for people, made from interfaces: READMEs show what the code says, or the check fails.

Texts in, texts out. A generated part of a document stands between two marks, `<!-- generated: NAME -->` and
`<!-- end -->`; what is around it belongs to its author.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.authoring.interface import GATE, Interface, Key, Port, Structure
from penstock.authoring.run_parameters import RunParameter

_LONG = 60
"""Defaults longer than this [characters] are not worth their room in a table."""


def interface_tables(interface: Interface) -> str:
    """Write a component's interface: inputs, outputs, parameters, and the keys of structured parameters."""
    outputs = [*map(_port_row, interface.outputs)]
    if interface.gate:
        outputs.append([f"`{GATE}`", "parameter", "`open` or `closed`: whether what hangs on this task may start."])
    parts = [
        f"Runs in the `{interface.image}` environment as `python -m {interface.module}`.",
        _titled("Inputs", ["input", "artifact", "what"], map(_port_row, interface.inputs)),
        _titled("Outputs", ["output", "artifact", "what"], outputs),
        _titled("Parameters", ["parameter", *_KEY_HEADS[1:]], map(_key_row, interface.parameters)),
    ]
    return "\n\n".join(filter(None, [*parts, structure_tables(interface.structures)]))


def structure_tables(structures: Iterable[Structure]) -> str:
    """Write the keys of each structure, under its name and description."""
    tables = [_titled(f"`{item.name}`", _KEY_HEADS, map(_key_row, item.keys), item.description) for item in structures]
    return "\n\n".join(filter(None, tables))


def component_list(interfaces: Iterable[Interface]) -> str:
    """Write the table of a project's components, in the order given."""
    rows = [
        [f"[{item.name}](components/{item.name}/README.md)", item.stage, item.summary, "yes" if item.gate else ""]
        for item in interfaces
    ]
    return _table(["component", "stage", "what it does", "gate"], rows)


def run_parameter_table(parameters: Iterable[RunParameter]) -> str:
    """Write the table of what a run of a pipeline may set."""
    rows = [[f"`{item.task}.{item.parameter.name}`", *_key_row(item.parameter)[1:]] for item in parameters]
    return _table(["parameter", *_KEY_HEADS[1:]], rows)


def with_section(text: str, name: str, body: str) -> str:
    r"""Put a generated part into a document.

    Args:
        text: The document.
        name: The name of the part.
        body: What is to stand between its marks.

    Returns:
        The document with the part replaced; where it has none of that name, with the part at its end.

    Example:
        >>> with_section("a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n", "x", "new")
        'a\n<!-- generated: x -->\nnew\n<!-- end -->\nb\n'
    """
    begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
    part = "\n".join(filter(None, [begin, body, end]))
    marked = re.compile(re.escape(begin) + r"\n.*?" + re.escape(end), re.DOTALL)
    if marked.search(text):
        return marked.sub(lambda _: part, text, count=1)
    return f"{text.rstrip()}\n\n{part}\n".lstrip()


_KEY_HEADS = ["key", "type", "default", "what"]


def _port_row(port: Port) -> list[str]:
    kind = f"{port.kind}, optional" if port.optional else port.kind
    return [f"`{port.name}`", kind, port.description]


def _key_row(key: Key) -> list[str]:
    return [f"`{key.name}`", key.shown, "**required**" if key.required else _default(key.default), key.description]


def _default(value: Any) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _LONG else "(long)"


def _titled(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], text: str = "") -> str:
    table = _table(heads, rows)
    head = f"**{title}**: {text}" if text else f"**{title}**"
    return f"{head}\n\n{table}" if table else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(row) for row in rows]
    return "\n".join([_line(heads), "|" + "---|" * len(heads), *lines]) if lines else ""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
