"""Addresses without secrets: what is written into configurations, lineage and messages never lets anybody in.

A secret is the name of an environment variable in an address, `${NAME}`; its value is put in where the address is
opened, and nowhere else.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, urlsplit

from penstock.sdk import BadInput

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEY = re.compile(
    r"(?i)(?:^|[^a-z])(?:pass|sig|credentials?|signature)$"  # whole words: `passenger` is none
    r"|(?:password|passwd|passphrase|pwd|secret|token)$"
    r"|(?:api|access|account|private|secret)[_-]?key$"
)
"""What the parameters of an address are called that hold a secret."""
_INSIDE = re.compile(r"(?i)\b(?:pwd|password)\s*=\s*([^;]*)")
"""A secret inside a parameter, as ODBC's `odbc_connect` has it."""
_NAMED = "Write ${NAME} in its place, and give the process an environment variable of that name"


def refuse_secret(address: str, where: str, *, database: bool = False) -> None:
    """Refuse an address that holds a secret, without telling it.

    Args:
        address: A path or a URL.
        where: Names the source in messages.
        database: Whether it is the URL of a database, which may name a person.

    Raises:
        BadInput: It does (author of the configuration).
    """
    scheme, _, rest = address.partition("://")
    if database:
        secret = rest.rpartition("@")[0].partition(":")[2]
        if holds_secret(address) or (secret and not _REFERENCE.fullmatch(secret)):
            raise BadInput(f"{where}: the URL of the {scheme} database holds a secret", _NAMED)
        return
    for link in map(urlsplit, address.split("::")):  # fsspec chains addresses
        if link.username or link.password:
            shown = f"{link.scheme}://...@{link.hostname}{link.path}"
            raise BadInput(
                f"{where}: {shown}: credentials do not belong in it", "Give them to the process by its environment"
            )
    if holds_secret(address):
        raise BadInput(f"{where}: {address.partition('?')[0]}?...: a secret does not belong in it", _NAMED)


def holds_secret(address: str) -> bool:
    """Whether a parameter of an address is a secret, and not the name of an environment variable.

    Example:
        >>> holds_secret("https://example.com/a.csv?token=abc"), holds_secret("https://example.com/a.csv?token=${KEY}")
        (True, False)
    """
    given = parse_qsl(urlsplit(address).query)
    secrets = [value for key, value in given if _SECRET_KEY.search(key)]
    secrets += [inside.strip() for _, value in given for inside in _INSIDE.findall(value)]
    return any(secret and not _REFERENCE.fullmatch(secret) for secret in secrets)


def resolved(address: str, where: str) -> str:
    """An address with the values of environment variables in the place of their names.

    Raises:
        BadInput: A variable is not set (operator).
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise BadInput(f"{where}: the environment variable {match[1]!r} is not set")
        return os.environ[match[1]]

    return _REFERENCE.sub(value, address)
