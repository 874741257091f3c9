"""Changing a schema's text where it is to be changed, and leaving every other byte as it was.

A reviewed schema lives in Git with its comments, its order and its line breaks; protocol buffers would write it anew.
So the text is read into a tree that knows where each part stands, and edits are cut into the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from penstock.authoring.schema_review import Domain, Edit, NewFeature, Setting
from penstock.authoring.schema_review_tree import Message, quoted, read, unquoted
from penstock.sdk import BadInput
from penstock.sdk.entry import write_atomically


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


def _apply_one(text: str, edit: Edit) -> str:
    root = read(text)
    match edit:
        case Setting():
            return _set(text, root, edit.path, edit.value)
        case Domain():
            return _change_values(text, edit)
        case NewFeature():
            return _add_feature(text, root, edit)


def _set(text: str, root: Message, path: tuple[str, ...], value: str) -> str:
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


def _steps(path: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """The names of a path, each with the member that is meant; None where there is but one."""
    selectors = [*path[1:], ""]
    pairs = zip(path, selectors, strict=True)
    return [(name, after[1:-1] if after.startswith("[") else None) for name, after in pairs if not name.startswith("[")]


def _find(message: Message, name: str, selector: str | None) -> Message | None:
    for each in message.every(name):
        if each.message and selector in (None, each.message.name()):
            return each.message
    return None


def _put_in(text: str, message: Message, piece: str) -> str:
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


def _message_at(text: str, path: tuple[str, ...]) -> Message:
    message = read(text)
    for step in _steps(path):
        found = _find(message, *step)
        if found is None:
            raise BadInput(f"the schema has no {' '.join(path)}")
        message = found
    return message


def _with(text: str, domain: Message, value: str) -> str:
    """Add a value: in its place where the others are sorted, else behind the last."""
    fields = domain.every("value")
    if not fields:
        return _put_in(text, domain, f"value: {quoted(value)}")
    texts = [unquoted(each.text) for each in fields]
    ahead = [n for n, other in enumerate(texts) if other < value] if texts == sorted(texts) else [len(texts) - 1]
    if not ahead:
        first = fields[0]
        piece = f"{quoted(value)}, " if first.listed else f"value: {quoted(value)} "
        return text[: first.start] + piece + text[first.start :]
    before = fields[ahead[-1]]
    gap = re.match(r"[ \t]*[,;]", text[before.end :])
    end = before.end + (gap.end() if gap and not before.listed else 0)
    if before.listed:
        return f"{text[:end]}, {quoted(value)}{text[end:]}"
    start_of_line = text.rfind("\n", 0, before.start) + 1
    alone = not text[start_of_line : before.start].strip() and not re.match(r"[ \t]*\w", text[end:])
    between = "\n" + text[start_of_line : before.start] if alone and len(fields) > 1 else " "
    return f"{text[:end]}{between}value: {quoted(value)}{text[end:]}"


def _without(text: str, domain: Message, value: str) -> str:
    """Take a value out; a line that is left empty goes with it."""
    for each in domain.every("value"):
        if unquoted(each.text) != value:
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


def _add_feature(text: str, root: Message, edit: NewFeature) -> str:
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
