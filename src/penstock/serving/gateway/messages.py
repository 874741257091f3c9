"""Requests and answers as the gateway knows them, and their bytes on the wire. It looks at as little as it can."""

from __future__ import annotations

import http
import json
import random
import re
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order in which they came."""

REQUEST_ID = b"x-request-id"
EVENT_ID = b"ce-id"
BUNDLE = b"penstock-bundle"
RULES = b"penstock-rules"
FALLBACK = b"penstock-fallback"
SHADOW = b"penstock-shadow"

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect")
)
"""Headers that speak of one connection and are never passed on (RFC 9110, section 7.6.1); bodies are sent whole."""
_OURS = frozenset((b"content-length", REQUEST_ID, EVENT_ID, SHADOW))
_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
GRPC_INFER = b"/inference.GRPCInferenceService/ModelInfer"
"""The method of KServe's gRPC service that predicts."""
_PREDICT = re.compile(rb"/v1/models/([^/:?]+):predict|/v2/models/([^/?]+)(?:/versions/[^/?]+)?/infer")
_IDS = random.Random()  # noqa: S311  # ids are no secrets, and asking the kernel for each takes a while
_REASONS = {status.value: status.phrase.encode() for status in http.HTTPStatus}


@dataclass(slots=True)
class Request:
    """One request, read whole."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes
    time_seconds: float
    """When it had been read [s since 1970]."""
    id: str = ""
    """Set by `identify`."""

    def header(self, name: bytes) -> bytes:
        """The first value of a header; empty where there is none."""
        return next((value for found, value in self.headers if found == name), b"")

    def identify(self) -> None:
        """Take the client's id where it gave a sound one, else make one."""
        given = (self.header(EVENT_ID) or self.header(REQUEST_ID)).decode("latin-1")
        self.id = given if _ID.fullmatch(given) else f"{_IDS.getrandbits(128):032x}"

    def model(self) -> tuple[str, str]:
        """The protocol and the model's name where it asks for a prediction; else two empty words.

        The name that a gRPC request asks for is in its body: empty here.
        """
        if self.target == GRPC_INFER:
            return "grpc", ""
        found = _PREDICT.fullmatch(self.target.partition(b"?")[0]) if self.method == b"POST" else None
        if found is None:
            return "", ""
        name = found[1] or found[2]
        return ("v1" if found[1] else "v2"), name.decode("latin-1")

    def may_be_repeated(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.method in {b"GET", b"HEAD", b"OPTIONS"} or bool(self.model()[0])

    def encode(self, *, shadow: bool = False) -> bytes:
        """The request as it goes to a model server."""
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers if name not in _HOP_BY_HOP and name not in _OURS]
        given = self.id.encode()
        lines += [REQUEST_ID + b": " + given, EVENT_ID + b": " + given, b"content-length: %d" % len(self.body)]
        if shadow:
            lines.append(SHADOW + b": 1")
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(slots=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The first value of a header; empty where there is none."""
        return next((value for found, value in self.headers if found == name), b"")

    def encode(self, *, close: bool, bodyless: bool = False) -> bytes:
        """The answer as it goes to the client.

        Args:
            close: Whether the connection ends with it.
            bodyless: Whether it answers HEAD.
        """
        lines = [b"HTTP/1.1 %d %b" % (self.status, _REASONS.get(self.status, b""))]
        lines += [
            name + b": " + value
            for name, value in self.headers
            if name not in _HOP_BY_HOP and (name != b"content-length" or bodyless)
        ]
        if not bodyless and self.status not in {204, 304}:
            lines.append(b"content-length: %d" % len(self.body))
        if close:
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if bodyless else self.body)


def say(status: int, text: str, **more: object) -> Answer:
    """An answer of the gateway's own, in the form of the model server's errors."""
    return json_answer(status, {"error": text, **more})


def json_answer(status: int, document: object) -> Answer:
    """A JSON document as an answer."""
    return Answer(status, [(b"content-type", b"application/json")], json.dumps(document).encode())
