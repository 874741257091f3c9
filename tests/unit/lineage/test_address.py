"""What a store's URL may look like, and what is said of one that may not."""

from pathlib import Path

import pytest

from penstock.lineage.address import StoreAddress, parse_address, sqlite_url
from penstock.sdk import BadInput

SECRET = "s3cret"  # noqa: S105 - the tests see that it shows nowhere


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///var/a b/?#%20.sqlite", StoreAddress("sqlite", path=Path("/var/a b/?#%20.sqlite"))),
        ("grpc://mlmd.example.com", StoreAddress("grpc", host="mlmd.example.com", port=8080)),
        (
            "mysql://ann:p%40ss%2F@db.example.com/lineage?ssl_ca=/etc/ca.pem",
            StoreAddress(
                "mysql", None, "db.example.com", 3306, "lineage", "ann", "p@ss/", (("ssl_ca", "/etc/ca.pem"),)
            ),
        ),
        (
            "postgresql://ann@[::1]:5433/lineage?sslmode=verify-full",
            StoreAddress("postgresql", None, "::1", 5433, "lineage", "ann", "", (("sslmode", "verify-full"),)),
        ),
    ],
)
def test_the_parts(url: str, address: StoreAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize("path", ["/a/lineage.sqlite", "/a b/ü?#%/x"])
def test_any_path_has_a_url(path: str) -> None:
    assert parse_address(sqlite_url(Path(path))).path == Path(path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "without ://"),
        ("/a/lineage.sqlite", "without ://"),
        ("oracle://db", "'oracle'"),
        ("sqlite:a", "without ://"),
        ("sqlite://relative.sqlite", "absolute path"),
        ("sqlite:///folder/", "absolute path"),
        (f"mysql://ann:{SECRET}@/lineage", "names no host"),
        (f"mysql://ann:{SECRET}@db", "one database"),
        ("mysql://db/lineage", "a user"),
        (f"mysql://ann:{SECRET}@db/lineage/more", "one database"),
        (f"mysql://ann:{SECRET}@db:port/lineage", "cannot be read"),
        (f"mysql://ann:{SECRET}@db:99999/lineage", "cannot be read"),
        (f"mysql://ann:{SECRET}@[db/lineage", "cannot be read"),
        (f"mysql://ann:{SECRET}/x@db/lineage", "cannot be read"),
        (f"mysql://ann:{SECRET}@db/lineage?sslmode=require", "'sslmode'; known: ssl_ca"),
        ("grpc://host/database", "a host and a port only"),
    ],
)
def test_a_wrong_url_is_refused_in_one_line_without_the_password(url: str, says: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_address(url)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (
        SECRET
        not in f"{raised.value!r} {raised.value} {raised.value.__context__ and raised.value.__suppress_context__}"
    )


def test_the_password_is_not_shown() -> None:
    address = parse_address(f"postgresql://ann:{SECRET}@db/lineage")
    assert address.password == SECRET
    assert SECRET not in repr(address) + str(address) + address.shown
