"""What stands between a browser and the local pages: who may ask, for what, and what an answer may do in the browser.

The pages show what runs have made, and that is not for everybody: they listen on the loopback interface only. A page
of another site, open in the same browser, can still send requests there, under a name of its own that it lets point to
127.0.0.1 (DNS rebinding): so only requests that name this very server are answered, and no answer can be read, framed
or run by another site.

Source:
    Fetch Metadata, Content Security Policy Level 3 and the HTML standard's `sandbox` attribute, as browsers have them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = ("GET", "HEAD")
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""For pages that runs have made: their scripts work, in an origin of their own, and reach nothing."""

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that say nothing else: errors of the frame itself."""


def policy(styles: str, script: str) -> str:
    """The Content-Security-Policy of our own pages: their one style sheet and one script, by digest, and nothing else.

    Args:
        styles: The text within `<style>`, exactly.
        script: The text within `<script>`, exactly.
    """
    return (
        f"default-src 'none'; style-src {_source(styles)}; script-src {_source(script)}; img-src 'self' data:; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Answers what must not be asked, and adds the headers that every answer has.

    Args:
        app: What answers everything else.
        hosts: The `Host` headers that mean this server.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", "").lower() not in self._hosts:
            await _refuse(send, 421, "This server answers only under its own address.")
        elif scope["method"] not in METHODS:
            await _refuse(send, 405, "These pages can only be read.", {"allow": ", ".join(METHODS)})
        elif headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(headers):
            await _refuse(send, 403, "Another site may link here, but not read from here.")
        else:
            await self._app(scope, receive, _with_headers(send))


def _is_visit(headers: dict[str, str]) -> bool:
    """Whether somebody follows a link, in a window of its own."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _with_headers(send: Send) -> Send:
    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = {**_ALWAYS, "content-security-policy": _NOTHING}
            message["headers"] = [
                *message["headers"],
                *((n.encode(), v.encode()) for n, v in more.items() if n.encode() not in given),
            ]
        await send(message)

    return complete


async def _refuse(send: Send, status: int, text: str, more: dict[str, str] | None = None) -> None:
    headers = {
        **_ALWAYS,
        "content-security-policy": _NOTHING,
        "content-type": "text/plain; charset=utf-8",
        **(more or {}),
    }
    body = f"{text}\n".encode()
    headers["content-length"] = str(len(body))
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [(n.encode(), v.encode()) for n, v in headers.items()]})
    await send({"type": "http.response.body", "body": body})


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
