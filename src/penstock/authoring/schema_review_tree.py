"""The text of a schema as a tree that knows where each part stands.

It reads what protocol buffers have read before; what they refuse never comes here.

Source:
    Protocol Buffers, Text Format Language Specification: tokens, messages in braces or angle brackets, lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from penstock.sdk import BadInput

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f\v]+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>\[\]:,;])
      | (?P<word>[^\s{}<>\[\]:,;\#"']+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "<": ">"}


@dataclass
class Field:
    """One field: its name, where it stands, and its value: a text or a message."""

    name: str
    start: int
    value_start: int
    end: int = 0
    """Behind its last character; what separates it from the next is not in it."""
    text: str = ""
    message: Message | None = None
    listed: bool = False
    """Whether it is one of several in brackets."""


@dataclass
class Message:
    """What is between two brackets."""

    start: int
    """Behind the opening bracket."""
    end: int = 0
    """Before the closing one."""
    fields: list[Field] = field(default_factory=list)

    def every(self, name: str) -> list[Field]:
        """The fields of a name, in their order."""
        return [each for each in self.fields if each.name == name]

    def name(self) -> str:
        """What its field `name` says; empty where it has none."""
        return next((unquoted(each.text) for each in self.every("name")), "")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def read(text: str) -> Message:
    """The tree of a text that protocol buffers can read."""
    tokens = [token for token in _tokens(text) if token.kind != "space"]
    root = Message(0, len(text))
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


def _read_fields(tokens: Sequence[_Token], at: int, message: Message, closing: str) -> int:
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


def _read_field(tokens: Sequence[_Token], at: int, message: Message) -> int:
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
            made = Field(name.text, tokens[at].start, tokens[at].start, listed=True)
            at = _read_value(tokens, at, made)
            message.fields.append(made)
        return at + 1
    made = Field(name.text, name.start, tokens[at].start)
    at = _read_value(tokens, at, made)
    message.fields.append(made)
    return at


def _read_value(tokens: Sequence[_Token], at: int, made: Field) -> int:
    token = tokens[at]
    if token.text in _CLOSING:
        made.message = Message(token.end)
        at = _read_fields(tokens, at + 1, made.message, _CLOSING[token.text])
        made.end = tokens[at - 1].end
        return at
    made.text, made.end = token.text, token.end
    at += 1
    while token.kind == "string" and at < len(tokens) and tokens[at].kind == "string":  # strings side by side are one
        made.text, made.end = made.text + tokens[at].text, tokens[at].end
        at += 1
    return at


def unquoted(text: str) -> str:
    """The text that one or several quoted strings stand for."""
    from google.protobuf.text_encoding import CUnescape

    parts = re.findall(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", text, re.DOTALL)
    return b"".join(CUnescape(part[1:-1]) for part in parts).decode("utf-8", "replace")


def quoted(text: str) -> str:
    """A text as the text format of protocol buffers writes it."""
    from google.protobuf.text_encoding import CEscape

    return f'"{CEscape(text, as_utf8=True)}"'
