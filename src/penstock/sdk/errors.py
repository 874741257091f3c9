"""Errors that a person reads, and the exit codes that a machine reads."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """How every command and every component ends."""

    OK = 0
    """Done, and every gate open."""
    ERROR = 1
    """Could not be done: something broke on the way."""
    BAD_INPUT = 2
    """Not tried: what was asked for is wrong, and nothing was changed."""
    GATE_CLOSED = 3
    """Done, and a gate said no."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; what was finished is kept."""


class PenstockError(Exception):
    """Something that went wrong, told in one line.

    Args:
        message: What is wrong, and where: the file, the key, the value.
        remedy: What to do about it, as a sentence; empty when the message says it.
        findings: Where the message tells of several things, each by itself.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, remedy: str = "", *, findings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


_FULL = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow that large",
    errno.EROFS: "the file system is read-only",
}


def explain_disk(error: BaseException) -> PenstockError | None:
    """What a disk may do to any work, in one line; None for what is a fault of the code.

    Libraries in C++ raise errors of their own, whose text has the system's words.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in _FULL:
            return PenstockError(f"{_FULL[link.errno]} ({link.filename or 'while writing'})", "Make space")
        for number, told in _FULL.items():
            if os.strerror(number) in str(link):
                return PenstockError(f"{told} (while writing)", "Make space")
        link = link.__cause__ or link.__context__
    return None


class BadInput(PenstockError):
    """What the user gave cannot be used; nothing was changed."""

    exit_code = ExitCode.BAD_INPUT
