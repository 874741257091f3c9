"""What one property can hold exactly, and where everything else goes.

ML Metadata writes properties as SQL literals, and that loses or refuses things (measured with 1.17.1): doubles keep
six decimals on every backend; integers have 32 bits on MySQL and PostgreSQL; a backslash breaks the statement on
PostgreSQL, whose index also refuses strings over about 2,700 bytes; NUL ends a string; names have 255 characters and
are the same in upper and lower case on MySQL.
So a value that survives everywhere gets a property of its own, where other tools see and filter it; the others go
together into one JSON document, kept as bytes (`google.protobuf.StringValue`), which no backend touches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from penstock.sdk import BadInput

MORE = "penstock.more"
"""The property that holds the document of all values that no property can hold."""
LIMIT_BYTES = 4 * 2**20
"""Largest document of one record [bytes]: within MEDIUMBLOB and the default packet size of MySQL, quoting included."""

_NAME = re.compile(r"[a-z0-9_.]{1,200}")
_LONGEST_STRING_BYTES = 2000


def write_fields(properties: MutableMapping[str, Any], fields: Mapping[str, Any], what: str) -> None:
    """Write JSON values into a node's custom properties; nothing is cut, nothing is rounded.

    Args:
        properties: The node's custom properties; new.
        fields: Names and JSON values.
        what: What the node is, for the error.

    Raises:
        BadInput: The values are over `LIMIT_BYTES` together (caller).
    """
    more = {}
    for name, value in fields.items():
        if not fits(name, value):
            more[name] = value
        elif isinstance(value, str):
            properties[name].string_value = value
        elif isinstance(value, int):
            properties[name].int_value = value
        else:
            properties[name].double_value = value
    if more:
        _write_document(properties[MORE], more, what)


def read_fields(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Read what `write_fields` wrote: equal values of equal types."""
    fields = {}
    for name, value in properties.items():
        if name != MORE:
            fields[name] = getattr(value, value.WhichOneof("value"))
    return fields | _read_document(properties[MORE]) if MORE in properties else fields


def fits(name: str, value: Any) -> bool:
    """Whether a property of this name holds this value exactly on every backend.

    Example:
        >>> fits("auc", 0.75), fits("auc", 0.1234567), fits("bytes", 2**31), fits("pattern", chr(92) + "d")
        (True, False, False, False)
    """
    if name == MORE or not _NAME.fullmatch(name) or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return len(value) <= _LONGEST_STRING_BYTES and "\\" not in value and "\0" not in value and _short(value)
    if isinstance(value, int):
        return -(2**31) <= value < 2**31
    return isinstance(value, float) and abs(value) < 1e15 and float(f"{value:f}") == value


def _short(text: str) -> bool:
    try:
        return len(text.encode()) <= _LONGEST_STRING_BYTES
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return False


def _write_document(value: Any, document: Mapping[str, Any], what: str) -> None:
    from google.protobuf.wrappers_pb2 import StringValue

    text = json.dumps(document, separators=(",", ":"))
    if len(text) > LIMIT_BYTES:
        largest = max(document, key=lambda name: len(json.dumps(document[name])))
        raise BadInput(
            f"{what}: {len(text):,} bytes are too many for the lineage ({LIMIT_BYTES:,}); most are in {largest!r}",
            "Put it into a file of an output artifact.",
        )
    value.proto_value.Pack(StringValue(value=text))


def _read_document(value: Any) -> dict[str, Any]:
    from google.protobuf.wrappers_pb2 import StringValue

    text = StringValue()
    value.proto_value.Unpack(text)
    document: dict[str, Any] = json.loads(text.value)
    return document
