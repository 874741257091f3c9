"""The words in which a configuration says what table to read, and how its text becomes values."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ColumnType = Literal["string", "int", "float", "bool", "date", "timestamp"]
"""The types that a column may have; a timestamp is UTC, in microseconds."""


class Declaration(BaseModel):
    """Base of all: closed and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Source(Declaration):
    """One table: where it is and how its text becomes values."""

    uri: str = Field(min_length=1)
    """A file, a directory or a pattern: a path, `https://...`, `s3://...` or any address that fsspec knows, or
    `package://NAME/PATH` for a file inside an installed Python package. `{YYYY}`, `{MM}`, `{DD}`, `{HH}`, `{SPAN}`
    and `{VERSION}` stand for the digits of a span."""
    format: Literal["auto", "csv", "parquet"] = "auto"
    """`auto` goes by the name. CSV may be inside `.gz` or `.zip`."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What separates the values of a CSV."""
    types: dict[str, ColumnType] = {}
    """Types by column. A CSV column that is not named gets the narrowest of int, float, bool, date and timestamp that
    holds all its values unchanged (`007` stays a string)."""
    nulls: tuple[str, ...] = ("",)
    """Texts that mean "missing" in a CSV."""
    first_span: str = ""
    """The first span to read, its digits run together (`20130101`); empty: from the beginning."""
    last_span: str = ""
    """The last span to read, itself included; empty: to the end."""
    newest_spans: int = Field(default=0, ge=0)
    """Read only so many of the newest spans; 0: all of them."""
