"""Sending one request: transient failures are tried again, every other failure becomes one line.

What may be sent twice without harm is tried again whenever the answer is a "not now" or does not come; what may not
(starting a run) only when it surely did not arrive.

Source:
    RFC 9110, section 9.2.2 (idempotent methods); the codes are those of grpc-gateway for UNAVAILABLE and of proxies.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from penstock.kubeflow.connection import Connection
from penstock.sdk import BadInput, PenstockError

if TYPE_CHECKING:
    import httpx

PATIENCE_SECONDS = 30.0
"""How long a server that does not answer is tried again, unless the caller says otherwise [s]."""
_NOT_NOW = frozenset({429, 502, 503, 504})
_NOT_TAKEN = frozenset({429})
"""Codes by which a server says that it did nothing."""
_DENIED = re.compile(r".*PermissionDenied: (.+?)(?: with reason: .*)?$")
"""The innermost reason, out of a chain of messages that each repeat the ones inside."""
_LONGEST = 400
"""Characters of a server's own message that are shown."""


class Unreachable(PenstockError):
    """No answer, however often it was asked."""


class Refused(BadInput):
    """The credentials are not good, or not good enough."""


class NotFound(BadInput):
    """There is no such thing on the server."""


class Exists(BadInput):
    """There is such a thing already."""


class Sender:
    """Sends requests over a connection.

    Args:
        connection: The way to the server.
        patience_seconds: How long a server that does not answer is tried again [s].
        sleep: Waits [s]; tests hand in their own.
    """

    def __init__(
        self, connection: Connection, patience_seconds: float = PATIENCE_SECONDS, sleep: Any = time.sleep
    ) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._connection = connection
        self._patience = patience_seconds
        self._sleep = sleep

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        json: Any = None,
        file: tuple[str, bytes] | None = None,
        twice: bool = True,
    ) -> Any:
        """Send a request and return the answer's JSON; its text where it is none.

        Args:
            method: GET, POST, DELETE.
            path: From `/apis/` on.
            query: Parameters of the URL; empty ones are left out.
            json: A body.
            file: A file to upload, as `uploadfile`: its name and content.
            twice: Whether it does no harm when it arrives twice.

        Raises:
            Unreachable: There was no answer in time (operator).
            Refused: The credentials were not taken (caller).
            NotFound: There is no such thing (caller).
            Exists: There is such a thing already (caller).
            BadInput: The server found fault with what was sent (caller).
            PenstockError: The server failed (operator).
        """
        import httpx
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

        known = {name: value for name, value in (query or {}).items() if value not in ("", None)}
        files = {"uploadfile": file} if file else None

        def once() -> httpx.Response:
            try:
                answer = self._connection.http.request(method, path, params=known, json=json, files=files)
            except httpx.TransportError as error:
                again = twice or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                raise (_Again if again and not _is_tls(error) else Unreachable)(self._no_answer(error)) from None
            if answer.status_code in (_NOT_NOW if twice else _NOT_TAKEN):
                raise _Again(f"{self._connection.where} is not ready: {answer.status_code} {_message(answer)}".strip())
            return answer

        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=wait_random_exponential(multiplier=0.2, max=5.0),
            stop=stop_after_delay(self._patience),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return self._read(retrying(once))
        except _Again as error:
            raise Unreachable(
                error.message, f"It was tried for {self._patience:.0f} s; is it there, and is this network its own?"
            ) from None

    def _no_answer(self, error: httpx.TransportError) -> str:
        reason = " ".join(str(error).split()) or type(error).__name__
        if _is_tls(error):
            return f"{self._connection.where}: its certificate is not trusted: {reason}. Set kubeflow.ca_file"
        return f"{self._connection.where} cannot be reached: {reason}"

    def _read(self, answer: httpx.Response) -> Any:
        code, where = answer.status_code, self._connection.where
        is_html = "text/html" in answer.headers.get("content-type", "")
        if code in (401, 403) or answer.is_redirect or (answer.is_success and is_html):
            raise Refused(*self._refusal(answer))
        if answer.is_success:
            if "json" not in answer.headers.get("content-type", ""):
                return answer.text
            return answer.json()
        message = _message(answer) or answer.reason_phrase
        if code == 404 and _kind(answer) == "Status":  # the Kubernetes API, on the way
            raise PenstockError(
                f"{where} is not there: {message}", "Is Kubeflow Pipelines installed in that namespace?"
            )
        if code == 404 and not _is_status(answer):
            raise PenstockError(f"{where} is no API server of Kubeflow Pipelines: 404 at {answer.request.url.path}")
        if code in (404, 409):
            raise (NotFound if code == 404 else Exists)(f"{where}: {message}")
        if code < 500:
            raise BadInput(f"{where}: {message}")
        raise PenstockError(f"{where} failed: {code} {message}")

    def _refusal(self, answer: httpx.Response) -> tuple[str, str]:
        """Why somebody was not let in, as far as it can be told, and what helps."""
        where, credentials = self._connection.where, self._connection.credentials
        if self._connection.read_token and (ended := _expiry(self._connection.read_token())):
            moment = datetime.fromtimestamp(ended, UTC)
            if moment < datetime.now(UTC):
                return f"{credentials} has expired, on {moment:%Y-%m-%d %H:%M:%S} UTC", "Get a new one"
        if not credentials:
            return f"{where} wants credentials, and kubeflow.auth in the profile is none", ""
        if answer.status_code == 403:
            return f"{where} does not allow this with {credentials}: {_message(answer)}", ""
        return f"{where} does not take {credentials}", "Expired, or made for another server (audience)? Get new ones"


class _Again(PenstockError):
    """A failure that may pass."""


def _is_tls(error: BaseException) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate verify failed" in str(error)


def _is_status(answer: httpx.Response) -> bool:
    """Whether an error comes from the API server itself, and not from something in front of it."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and ("code" in body or "error_message" in body)


def _kind(answer: httpx.Response) -> str:
    """Which kind of Kubernetes object an answer is; empty for anything else."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("kind", "")) if isinstance(body, dict) else ""


def _message(answer: httpx.Response) -> str:
    """What the server says went wrong, in one line: the innermost reason of a google.rpc.Status, or the text."""
    try:
        body = answer.json()
    except ValueError:
        body = {} if "html" in answer.headers.get("content-type", "") else answer.text
    if isinstance(body, dict):
        body = body.get("message") or body.get("error_message") or body.get("error") or body.get("error_details") or ""
    text = " ".join(str(body).split())
    if denied := _DENIED.search(text):
        text = denied[1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _expiry(token: str) -> float | None:
    """When a JSON Web Token expires [s since 1970]; None for other tokens. Nothing is verified: it only explains."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
