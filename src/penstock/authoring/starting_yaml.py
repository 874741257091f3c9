"""Values with their reasons as the YAML that people review: every reason a comment above what it is about.

What a table calls its columns and values goes into names, texts and comments here, so every text is quoted unless it is
plainly a word, and nothing in a comment can end it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.profiling.choices import Because, plain
from penstock.strict_yaml import reads_as_text

_WIDTH = 118
_WORD = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_TRUTH_ELSEWHERE = re.compile(r"(?i:y|n|yes|no|on|off)")
"""Words that are truth values to readers of YAML 1.1, and texts to those of YAML 1.2.

Source: YAML 1.1, type library, bool.
"""
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_yaml(values: Mapping[str, Any]) -> str:
    """Write a mapping as a YAML document.

    Args:
        values: Texts, numbers, booleans, None, and lists and mappings of them; a `Because` may stand for any.

    Returns:
        The document; read again it is `plain(values)`.

    Example:
        >>> print(write_yaml({"epochs": Because(5, "Few rows."), "columns": {"a": "A: b"}}), end="")
        # Few rows.
        epochs: 5
        columns: {a: "A: b"}
    """
    return "".join(f"{line}\n" for line in _mapping(values, 0))


def one_line(text: str) -> str:
    r"""A text of the data's as one line: what does not print is written as an escape.

    Example:
        >>> one_line("a\nb")
        'a\\nb'
    """
    return "".join(_ESCAPES.get(c, c) if c in "\n\t\r" else c if c.isprintable() else _escape(c) for c in text)


def _mapping(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in values.items():
        if isinstance(value, Because):
            yield from _comment(value.reason, indent)
            value = value.value  # noqa: PLW2901 - the rest is about what the reason is for
        head = f"{indent}{_scalar(key)}:"
        whole = f"{head} {_flow(plain(value))}"
        if not isinstance(value, dict | list | tuple) or (len(whole) <= _WIDTH and not _has_reasons(value)):
            yield whole
        elif isinstance(value, dict) and all(
            isinstance(item, str) and _WORD.fullmatch(item) for item in value.values()
        ):
            yield from _filled(f"{head} {{", [f"{_scalar(name)}: {_scalar(item)}" for name, item in value.items()], "}")
        elif isinstance(value, dict):
            yield head
            yield from _mapping(value, depth + 1)
        elif all(not isinstance(item, dict | list | tuple | Because) for item in value):
            yield from _filled(f"{head} [", [_scalar(item) for item in value], "]")
        else:
            yield head
            yield from _list(value, depth + 1)


def _list(values: Sequence[Any], depth: int) -> Iterator[str]:
    for item in values:
        if isinstance(item, dict) and (_has_reasons(item) or len(_flow(plain(item))) + 2 * depth + 2 > _WIDTH):
            # The mapping of an item begins on the line of its dash; a comment takes a line of its own before it.
            inside = list(_mapping(item, depth + 1))
            comments = [line for line in inside if line.lstrip().startswith("#")]
            first = next(n for n, line in enumerate(inside) if line not in comments)
            yield from (line.removeprefix("  ") for line in inside[:first])
            yield f"{'  ' * depth}- {inside[first].lstrip()}"
            yield from inside[first + 1 :]
        else:
            yield f"{'  ' * depth}- {_flow(plain(item))}"


def _comment(reason: str, indent: str) -> Iterator[str]:
    for part in reason.split("\n"):
        lines = textwrap.wrap(one_line(part), _WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
        yield from (f"{indent}# {line}" for line in lines)


def _filled(head: str, items: Sequence[str], end: str) -> Iterator[str]:
    """A list that goes over several lines, each filled."""
    line, indent = head, " " * len(head)
    for number, item in enumerate(items):
        piece = item + ("," if number < len(items) - 1 else end)
        if len(line) + len(piece) + 1 > _WIDTH and line.strip() != head.strip():
            yield line.rstrip()
            line = indent
        line += piece + " "
    yield line.rstrip()


def _has_reasons(value: Any) -> bool:
    if isinstance(value, Because):
        return True
    if isinstance(value, dict):
        return any(map(_has_reasons, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_reasons, value))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if _WORD.fullmatch(value) and reads_as_text(value) and not _TRUTH_ELSEWHERE.fullmatch(value):
        return str(value)
    return '"' + "".join(_ESCAPES.get(c, c) if c in _ESCAPES or c.isprintable() else _escape(c) for c in value) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
