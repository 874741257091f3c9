"""What the libraries of the stores raise, and what is made of it; the errors are theirs, made as they make them."""

from __future__ import annotations

import errno
import os
import socket

import botocore.exceptions as botocore
import pytest
from gcsfs.retry import HttpError

from penstock.storage import NothingThere, StoreError
from penstock.storage.reasons import explain, is_passing


def s3(code: str, status: int) -> Exception:
    response = {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.ClientError(response, "PutObject")


def wrapped(inner: Exception) -> Exception:
    """As s3fs raises what it has no better word for."""
    try:
        raise OSError(errno.EIO, str(inner)) from inner
    except OSError as error:
        return error


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "passing", "reason"),
    [
        (s3("SlowDown", 503), True, "the store answers SlowDown"),
        (wrapped(s3("InternalError", 500)), True, "the store answers InternalError"),
        (s3("AccessDenied", 403), False, "access is denied (AccessDenied)"),
        (wrapped(s3("ExpiredToken", 400)), False, "access is denied (ExpiredToken)"),
        (s3("NoSuchBucket", 404), False, "there is no bucket 'bucket'"),
        (s3("NoSuchKey", 404), False, "nothing is there"),
        (s3("QuotaExceeded", 409), False, "no space is left (QuotaExceeded)"),
        (botocore.NoCredentialsError(), False, "there are no credentials for the store"),
        (botocore.EndpointConnectionError(endpoint_url="http://s3:9000/bucket"), True, "the store cannot be reached"),
        (botocore.ReadTimeoutError(endpoint_url="http://s3:9000/bucket"), True, "cannot be reached"),
        (HttpError({"code": 503, "message": "busy"}), True, "the store answers 503"),
        (HttpError({"code": 429, "message": "slower"}), True, "the store answers 429"),
        (HttpError({"code": 401, "message": "who"}), False, "access is denied (401)"),
        (OSError("Forbidden: bucket/key\nno"), False, "access is denied"),
        (FileNotFoundError("bucket/key"), False, "nothing is there"),
        (system(errno.ECONNREFUSED), True, "cannot be reached"),
        (system(errno.ENOSPC), False, "no space is left"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True, "cannot be reached"),
        (ZeroDivisionError("a fault of ours"), False, "ZeroDivisionError: a fault of ours"),
    ],
)
def test_what_may_pass_and_what_is_final(error: Exception, passing: bool, reason: str) -> None:
    assert is_passing(error) is passing
    told = explain("s3://bucket/key", error)
    assert reason.removeprefix("the store cannot") in str(told)
    assert str(told).startswith("s3://bucket/key: ")
    assert "\n" not in str(told)
    assert isinstance(told, NothingThere) is (reason == "nothing is there")


def test_what_is_told_already_is_not_told_again() -> None:
    told = StoreError("s3://bucket/key", "so it is")
    assert explain("s3://other", told) is told
    assert not is_passing(told)
