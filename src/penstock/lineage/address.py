"""Where a lineage store is: one URL, taken apart without touching it.

Pure. A password is never part of what this module shows, neither in errors nor in `repr`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from penstock.sdk import BadInput

Scheme = Literal["sqlite", "mysql", "postgresql", "grpc", "grpcs"]
_PORTS: dict[Scheme, int] = {"mysql": 3306, "postgresql": 5432, "grpc": 8080, "grpcs": 8443}
_TLS: dict[Scheme, frozenset[str]] = {
    "mysql": frozenset({"ssl_ca", "ssl_cert", "ssl_key"}),
    "postgresql": frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey"}),
    "grpc": frozenset(),
    "grpcs": frozenset({"ca", "cert", "key"}),
}
PASSWORD_VARIABLE = "PENSTOCK_LINEAGE_PASSWORD"  # noqa: S105 - the name of a variable
"""The environment variable with the password of a database whose URL has none: from a Secret."""
PASSWORD_FILE_VARIABLE = "PENSTOCK_LINEAGE_PASSWORD_FILE"  # noqa: S105
"""The environment variable that names a file with that password instead: a Secret that is mounted."""
_FORMS = (
    "Use sqlite:///folder/lineage.sqlite, mysql://user:password@host:3306/database, "
    "postgresql://user:password@host:5432/database, grpc://host:8080 or grpcs://host:8443?ca=/file"
)


@dataclass(frozen=True)
class StoreAddress:
    """A lineage store's address, by its parts."""

    scheme: Scheme
    path: Path | None = None
    """The file, for SQLite."""
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    tls: tuple[tuple[str, str], ...] = ()
    """TLS options by the names that the server's own tools use: `ssl_ca` (MySQL), `sslmode` (PostgreSQL); for gRPC the
    files `ca`, `cert` and `key`."""

    @property
    def shown(self) -> str:
        """The address for messages: without the password.

        Example:
            >>> parse_address("mysql://penstock:secret@db.example.com/lineage").shown
            'mysql://penstock@db.example.com:3306/lineage'
        """
        if self.path is not None:
            return str(self.path)
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}" + (f"/{self.database}" if self.database else "")


def sqlite_url(path: Path) -> str:
    """The URL of a store in a file.

    Example:
        >>> sqlite_url(Path("/var/lib/penstock/lineage.sqlite"))
        'sqlite:///var/lib/penstock/lineage.sqlite'
    """
    return f"sqlite://{path.absolute()}"


def parse_address(url: str) -> StoreAddress:
    """Take a store's URL apart.

    User, password and database may be percent-encoded; a file's path is taken as it is.

    Args:
        url: See the four forms in the error.

    Raises:
        BadInput: The scheme is unknown, a part is missing or too much, or the port is no number (caller).
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        if not rest.startswith("/") or rest.endswith("/") or "\0" in rest:
            raise BadInput("lineage store: sqlite:// needs the absolute path of a file", f"{_FORMS}.")
        return StoreAddress("sqlite", path=Path(rest))
    for known in _PORTS:
        if scheme == known and separator:
            return _parse_server(known, url)
    raise BadInput(f"lineage store: unknown kind of address {scheme if separator else 'without ://'!r}", f"{_FORMS}.")


def with_password(address: StoreAddress, environment: Mapping[str, str] = os.environ) -> StoreAddress:
    """Add the password that a Secret provides to the address of a database that has none.

    Raises:
        BadInput: The file with the password cannot be read (operator).
    """
    if address.scheme not in ("mysql", "postgresql") or address.password:
        return address
    password, file = environment.get(PASSWORD_VARIABLE, ""), environment.get(PASSWORD_FILE_VARIABLE, "")
    if not password and file:
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise BadInput(f"{PASSWORD_FILE_VARIABLE}: {file} cannot be read: {why}") from None
    return replace(address, password=password)


def _parse_server(scheme: Scheme, url: str) -> StoreAddress:
    parts, port = _split(url)
    database = unquote(parts.path.strip("/"))
    if not parts.hostname:
        raise BadInput(f"lineage store: {scheme}:// names no host", f"{_FORMS}.")
    if scheme in ("grpc", "grpcs"):
        if database or parts.username or (scheme == "grpc" and parts.query):
            raise BadInput(f"lineage store: {scheme}:// takes a host and a port only", f"{_FORMS}.")
    elif not database or "/" in database or not parts.username:
        raise BadInput(f"lineage store: {scheme}:// needs a user and one database", f"{_FORMS}.")
    options = parse_qsl(parts.query, keep_blank_values=True)
    unknown = sorted({name for name, _ in options} - _TLS[scheme])
    if unknown:
        known = ", ".join(sorted(_TLS[scheme]))
        raise BadInput(f"lineage store: {scheme}:// does not know the option {unknown[0]!r}; known: {known}")
    return StoreAddress(
        scheme,
        host=parts.hostname,
        port=port or _PORTS[scheme],
        database=database,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tuple(options),
    )


def _split(url: str) -> tuple[SplitResult, int | None]:
    """Split a URL; Python's own errors would quote the password."""
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        hint = "Percent-encode '@', '/', ':', '#' and '?' in the password (urllib.parse.quote)."
        raise BadInput("lineage store: the address's host or port cannot be read", hint) from None
