"""Changing a schema's text where it is to be changed, and leaving every other byte as it was.

A reviewed schema lives in Git with its comments, its order and its line breaks; protocol buffers would write it anew.
So the text is read into a tree that knows where each part stands, and edits are cut into the text.

Source:
    Protocol Buffers, Text Format Language Specification: tokens, messages in braces or angle brackets, lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from penstock.authoring.schema_review import Domain, Edit, NewFeature, Setting, _quoted
from penstock.sdk import BadInput
from penstock.sdk.entry import write_atomically

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f\v]+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>\[\]:,;])
      | (?P<word>[^\s{}<>\[\]:,;\#"']+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "<": ">"}


@dataclass
class _Field:
    """One field: its name, where it stands, and its value: a text or a message."""

    name: str
    start: int
    value_start: int
    end: int = 0
    """Behind its last character; what separates it from the next is not in it."""
    text: str = ""
    message: _Message | None = None
    listed: bool = False
    """Whether it is one of several in brackets."""


@dataclass
class _Message:
    start: int
    """Behind the opening bracket."""
    end: int = 0
    """Before the closing one."""
    fields: list[_Field] = field(default_factory=list)

    def every(self, name: str) -> list[_Field]:
        return [each for each in self.fields if each.name == name]

    def name(self) -> str:
        return next((_unquoted(each.text) for each in self.every("name")), "")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Make the edits in a schema's text.

    Args:
        text: The content of a `schema.pbtxt`.
        edits: What is to be changed.

    Returns:
        The new text; outside of what was changed every byte is as it was.

    Raises:
        BadInput: The text is no schema (its author).
    """
    parse(text)
    changed = reduce(_apply_one, edits, text)
    parse(changed)
    return changed


def write(path: Path, text: str, edits: Sequence[Edit]) -> bool:
    """Make the edits in a schema's file, as a whole or not at all.

    Args:
        path: The file.
        text: What was read from it.
        edits: What is to be changed.

    Returns:
        Whether that changed it.

    Raises:
        BadInput: The file is not what was read any more (caller).
    """
    changed = apply(text, edits)
    if path.read_bytes() != text.encode():
        raise BadInput(f"{path} was changed meanwhile", "Review it again")
    if changed != text:
        write_atomically(path, changed)
    return changed != text


def parse(text: str, where: str = "schema") -> object:
    """Read a schema as protocol buffers do.

    Raises:
        BadInput: It is none; the message has the line and the column (its author).
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        line = f":{error.GetLine()}" if error.GetLine() else ""
        reason = str(error).split(" : ", 1)[-1]
        raise BadInput(f"{where}{line}: no schema: {reason}", "It is TensorFlow Metadata's, in text format") from None


def lines_of_features(text: str) -> dict[str, int]:
    """The line on which each feature of a schema begins, from 1, by its name; empty for what is no schema."""
    try:
        parse(text)
    except BadInput:
        return {}
    root = _read(text)
    found = [(each.message.name(), each.start) for each in root.every("feature") if each.message]
    return {name: text.count("\n", 0, start) + 1 for name, start in found}


def _apply_one(text: str, edit: Edit) -> str:
    root = _read(text)
    match edit:
        case Setting():
            return _set(text, root, edit.path, edit.value)
        case Domain():
            return _change_values(text, edit)
        case NewFeature():
            return _add_feature(text, root, edit)


def _set(text: str, root: _Message, path: tuple[str, ...], value: str) -> str:
    """Replace a scalar, or put it where it belongs, with the messages around it."""
    message, name = root, path[-1]
    steps = _steps(path[:-1])
    for number, step in enumerate(steps):
        found = _find(message, *step)
        if found is None:
            inner = f"{name}: {value}"
            for around, _ in reversed(steps[number:]):
                inner = f"{around} {{ {inner} }}"
            return _put_in(text, message, inner)
        message = found
    for each in message.every(name):
        return text[: each.value_start] + value + text[each.end :]
    return _put_in(text, message, f"{name}: {value}")


def _steps(path: tuple[str, ...]) -> list[tuple[str, str]]:
    """The names of a path, each with the member that is meant; empty where there is but one."""
    selectors = [*path[1:], ""]
    pairs = zip(path, selectors, strict=True)
    return [(name, after[1:-1] if after.startswith("[") else "") for name, after in pairs if not name.startswith("[")]


def _find(message: _Message, name: str, selector: str) -> _Message | None:
    for each in message.every(name):
        if each.message and (not selector or each.message.name() == selector):
            return each.message
    return None


def _put_in(text: str, message: _Message, piece: str) -> str:
    """Put a field behind the last one of a message, in the way in which the others stand."""
    if not message.fields:
        inside = text[message.start : message.end]
        put = f" {piece}{inside}" if inside.strip() else f" {piece} "
        return text[: message.start] + put + text[message.end :]
    last = message.fields[-1]
    first_on_line = not text[text.rfind("\n", 0, last.start) + 1 : last.start].strip()
    end = last.end
    if first_on_line:
        indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
        stop = text.find("\n", end)
        line_end = stop if 0 <= stop < message.end else end  # behind a comment that belongs to the last one
        return f"{text[:line_end]}\n{indent}{piece}{text[line_end:]}"
    return f"{text[:end]} {piece}{text[end:]}"


def _change_values(text: str, edit: Domain) -> str:
    for value in edit.remove:
        text = _without(text, _message_at(text, edit.path), value)
    for value in edit.add:
        text = _with(text, _message_at(text, edit.path), value)
    return text


def _message_at(text: str, path: tuple[str, ...]) -> _Message:
    message = _read(text)
    for step in _steps(path):
        found = _find(message, *step)
        if found is None:
            raise BadInput(f"the schema has no {' '.join(path)}")
        message = found
    return message


def _with(text: str, domain: _Message, value: str) -> str:
    """Add a value: in its place where the others are sorted, else behind the last."""
    fields = domain.every("value")
    if not fields:
        return _put_in(text, domain, f"value: {_quoted(value)}")
    texts = [_unquoted(each.text) for each in fields]
    ahead = [n for n, other in enumerate(texts) if other < value] if texts == sorted(texts) else [len(texts) - 1]
    if not ahead:
        first = fields[0]
        piece = f"{_quoted(value)}, " if first.listed else f"value: {_quoted(value)} "
        return text[: first.start] + piece + text[first.start :]
    before = fields[ahead[-1]]
    gap = re.match(r"[ \t]*[,;]", text[before.end :])
    end = before.end + (gap.end() if gap and not before.listed else 0)
    if before.listed:
        return f"{text[:end]}, {_quoted(value)}{text[end:]}"
    start_of_line = text.rfind("\n", 0, before.start) + 1
    alone = not text[start_of_line : before.start].strip() and not re.match(r"[ \t]*\w", text[end:])
    between = "\n" + text[start_of_line : before.start] if alone and len(fields) > 1 else " "
    return f"{text[:end]}{between}value: {_quoted(value)}{text[end:]}"


def _without(text: str, domain: _Message, value: str) -> str:
    """Take a value out; a line that is left empty goes with it."""
    for each in domain.every("value"):
        if _unquoted(each.text) != value:
            continue
        start, end = each.start, each.end
        after = re.match(r"[ \t]*[,;]", text[end:])
        before = re.search(r"[,;][ \t\r\n]*$", text[:start])
        if after:
            end += after.end()
            if each.listed:
                end += len(text[end:]) - len(text[end:].lstrip(" "))
        elif each.listed and before:
            start = before.start()
        line_start = text.rfind("\n", 0, start) + 1
        rest = re.match(r"[ \t]*(\r?\n|$)", text[end:])
        if not text[line_start:start].strip() and rest:
            return text[:line_start] + text[end + rest.end() :]
        blanks = re.match(r"[ \t]*", text[end:])
        lead = re.search(r"[ \t]*$", text[line_start:start])
        if text[line_start:start].strip() and lead:
            return text[: line_start + lead.start()] + text[end:]
        return text[:start] + text[end + (blanks.end() if blanks else 0) :]
    return text


def _add_feature(text: str, root: _Message, edit: NewFeature) -> str:
    body = "".join(f"  {line}\n" for line in edit.lines)
    piece = f"feature {{\n{body}}}\n"
    features = root.every("feature")
    if not features:
        return f"{text.rstrip()}\n\n{piece}" if text.strip() else piece
    end = features[-1].end
    stop = text.find("\n", end)
    end = stop if stop >= 0 else len(text)
    rest = text[end:]
    return f"{text[:end]}\n\n{piece}{rest[1:] if rest.startswith(chr(10)) else rest}"


def _read(text: str) -> _Message:
    """The tree of a text that protocol buffers can read."""
    tokens = [token for token in _tokens(text) if token.kind != "space"]
    root = _Message(0, len(text))
    _read_fields(tokens, 0, root, "")
    return root


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadInput(f"schema:{text.count(chr(10), 0, at) + 1}: no schema: {text[at : at + 20]!r}")
        yield _Token(str(match.lastgroup), match[0], at, match.end())
        at = match.end()


def _read_fields(tokens: Sequence[_Token], at: int, message: _Message, closing: str) -> int:
    """Read fields up to the closing bracket; returns the index of the token behind it."""
    while at < len(tokens):
        token = tokens[at]
        if token.text == closing:
            message.end = token.start
            return at + 1
        if token.text in (",", ";"):
            at += 1
            continue
        at = _read_field(tokens, at, message)
    return at


def _read_field(tokens: Sequence[_Token], at: int, message: _Message) -> int:
    name = tokens[at]
    at += 1
    if tokens[at].text == ":":
        at += 1
    if tokens[at].text == "[":
        at += 1
        while tokens[at].text != "]":
            if tokens[at].text == ",":
                at += 1
                continue
            made = _Field(name.text, tokens[at].start, tokens[at].start, listed=True)
            at = _read_value(tokens, at, made)
            message.fields.append(made)
        return at + 1
    made = _Field(name.text, name.start, tokens[at].start)
    at = _read_value(tokens, at, made)
    message.fields.append(made)
    return at


def _read_value(tokens: Sequence[_Token], at: int, made: _Field) -> int:
    token = tokens[at]
    if token.text in _CLOSING:
        made.message = _Message(token.end)
        at = _read_fields(tokens, at + 1, made.message, _CLOSING[token.text])
        made.end = tokens[at - 1].end
        return at
    made.text, made.end = token.text, token.end
    at += 1
    while token.kind == "string" and at < len(tokens) and tokens[at].kind == "string":  # strings side by side are one
        made.text, made.end = made.text + tokens[at].text, tokens[at].end
        at += 1
    return at


def _unquoted(text: str) -> str:
    """The text that one or several quoted strings stand for."""
    from google.protobuf.text_encoding import CUnescape

    parts = re.findall(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", text, re.DOTALL)
    return b"".join(CUnescape(part[1:-1]) for part in parts).decode("utf-8", "replace")
