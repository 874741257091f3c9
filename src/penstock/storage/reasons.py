"""Why a store said no: whether it may pass by itself, and one line for a person.

The libraries of the stores are not imported for it: they are known by the names of their errors, so that a machine that
never talks to S3 needs no botocore.

Source:
    Amazon S3 API Reference, "Error responses"; Google Cloud Storage JSON API, "HTTP status and error codes" and "Retry
    strategy"; botocore.exceptions.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import Any

from penstock.sdk import PenstockError
from penstock.storage.place import Damaged, NothingThere, StoreError

_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "Throttling"})
_PASSING_ERRNOS = frozenset(
    {
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT, errno.EHOSTUNREACH),
        *(errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.EAGAIN, errno.EINTR),
    }
)
_CONNECTION = frozenset(
    {"HTTPClientError", "ConnectionError", "EndpointConnectionError", "ResponseParserError", "ClientConnectionError"}
    | {"ClientPayloadError", "FSTimeoutError", "TimeoutError", "gaierror", "IncompleteRead", "ServerDisconnectedError"}
)
"""Classes of errors of botocore, aiohttp, urllib3, fsspec and Python that mean: nobody answered, or not to the end."""
_NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "DefaultCredentialsError"}
)
_DENIED_CODES = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidSecurity"}
    | {"AllAccessDisabled", "AccountProblem", "XAdminUserNotFound", "TokenRefreshRequired"}
)
_FULL_CODES = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLarge"})
_FORBIDDEN = re.compile(r"Forbidden\b")
"""How gcsfs begins what it tells of a 403."""
_FULL_STATUS = 507
_LONGEST = 300


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help.

    Example:
        >>> is_passing(ConnectionResetError(errno.ECONNRESET, "reset")), is_passing(PermissionError("403"))
        (True, False)
    """
    if isinstance(error, PenstockError):
        return False
    for link in _chain(error):
        status, code = _status(link), _code(link)
        if status or code:
            return status in _PASSING_STATUSES or code in _PASSING_CODES
        if _names(link) & _NO_CREDENTIALS:
            return False
        if _names(link) & _CONNECTION or (isinstance(link, OSError) and link.errno in _PASSING_ERRNOS):
            return True
    return False


def explain(uri: str, error: BaseException | None, *, tried_seconds: float | None = None) -> StoreError:
    """Say why a store said no, and what to do.

    Args:
        uri: What was asked for.
        error: What the library raised.
        tried_seconds: For how long it was tried again [s]; None where that made no sense.
    """
    if isinstance(error, StoreError) or error is None:
        return error or StoreError(uri, "no reason was given")
    links = list(_chain(error))
    code = next((found for link in links if (found := _code(link))), "")
    status = next((number for link in links if (number := _status(link))), 0)
    text = " ".join(str(error).split())[:_LONGEST]
    if code != "NoSuchBucket" and "bucket does not exist" not in text and _is_missing(error, code, status):
        return NothingThere(uri, "nothing is there")
    if any("FlexibleChecksumError" in _names(link) for link in links):
        return Damaged(uri, "it is damaged: its content does not have the checksum that the store keeps of it")
    lasted = f", and was tried again for {tried_seconds:.0f} s" if tried_seconds else ""
    reason, remedy = _reason(uri, links, code, status, text)
    return StoreError(uri, reason + lasted, remedy)


def _is_missing(error: BaseException, code: str, status: int) -> bool:
    denied = code in _DENIED_CODES
    return not denied and (isinstance(error, FileNotFoundError) or code in ("NoSuchKey", "404") or status == 404)


def _reason(uri: str, links: list[BaseException], code: str, status: int, text: str) -> tuple[str, str]:
    """Why, and what to do; the first that fits."""
    error = links[0]
    names = {name for link in links for name in _names(link)}
    bucket = uri.partition("://")[2].partition("/")[0]
    where = re.search(r'"(https?://[^/"]+)', text)
    denied = isinstance(error, PermissionError) or code in _DENIED_CODES or status in (401, 403)
    full = code in _FULL_CODES or status == _FULL_STATUS or _errno(links) in (errno.ENOSPC, errno.EDQUOT)
    candidates = (
        (
            code == "NoSuchBucket" or "bucket does not exist" in text,
            f"there is no bucket {bucket!r}",
            "Make it, or correct the address",
        ),
        (bool(names & _NO_CREDENTIALS), "there are no credentials for the store", _CREDENTIALS),
        (denied or bool(_FORBIDDEN.match(text)), f"access is denied ({code or status or text})", _CREDENTIALS),
        (full, f"no space is left ({code or status or text})", "Make space, or raise the quota"),
        (bool(status or code), f"the store answers {code or status}: {text}", ""),
        (
            is_passing(error),
            f"the store{f' at {where[1]}' if where else ''} cannot be reached ({type(error).__name__})",
            _REACH + next((f" ({name})" for start, name in _ENDPOINTS.items() if uri.startswith(start)), ""),
        ),
    )
    otherwise = (f"{type(error).__name__}: {text}" if text else type(error).__name__, "")
    return next(((reason, remedy) for fits, reason, remedy in candidates if fits), otherwise)


_CREDENTIALS = "Give the process credentials with the right to it, by its environment or its service account"
_REACH = "See that this machine reaches the store, and that its endpoint is right"
_ENDPOINTS = {"s3": "AWS_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST", "gcs": "STORAGE_EMULATOR_HOST"}
"""The variables that name another endpoint than the provider's own, by what an address begins with."""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it: fsspec wraps what botocore raised."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _names(error: BaseException) -> set[str]:
    return {known.__name__ for known in type(error).__mro__}


def _code(error: BaseException) -> str:
    """S3's word for it, as botocore's ClientError holds it."""
    response: Any = getattr(error, "response", None)
    found = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return str(found)


def _status(error: BaseException) -> int:
    """The HTTP status, as botocore's ClientError and gcsfs's HttpError hold it; 0 where there is none."""
    response: Any = getattr(error, "response", None)
    found = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    if not found and "HttpError" in _names(error):
        found = getattr(error, "code", 0)
    return int(found) if str(found).isdecimal() else 0


def _errno(links: list[BaseException]) -> int | None:
    return next((link.errno for link in links if isinstance(link, OSError)), None)
