"""The words in which a configuration says what table to read, and how its text becomes values."""

from __future__ import annotations

import codecs
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from penstock.tables.formats import NUMBER_FORMATS, check_date_format

ColumnType = Literal["string", "int", "float", "bool", "date", "timestamp"]
"""The types that a column may have; a timestamp is UTC, in microseconds."""


class Declaration(BaseModel):
    """Base of all: closed and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class JsonField(Declaration):
    """One value inside a column of JSON texts; missing where the text has no such value."""

    column: str
    """The column that holds the JSON, by its new name."""
    path: tuple[str | int, ...] = Field(min_length=1)
    """The way to the value: keys of objects, and numbers in lists from 0. A text is taken as it is, anything else as
    its JSON."""


class Source(Declaration):
    """One table: where it is and how its text becomes values."""

    uri: str = Field(min_length=1)
    """A file, a directory or a pattern: a path, `https://...`, `s3://...` or any address that fsspec knows, or
    `package://NAME/PATH` for a file inside an installed Python package. `{YYYY}`, `{MM}`, `{DD}`, `{HH}`, `{SPAN}`
    and `{VERSION}` stand for the digits of a span. With `query`, the SQLAlchemy URL of a database. A secret in the URL
    of a database or in a parameter of a web address is the name of an environment variable, `${NAME}`."""
    query: str = ""
    """What to ask a database for, in its SQL. `ORDER BY` makes the rows come in the same order each time."""
    format: Literal["auto", "csv", "json_lines", "parquet"] = "auto"
    """`auto` goes by the name. CSV and JSON lines may be inside `.gz` or `.zip`."""
    encoding: str = "utf-8"
    """How the bytes of a CSV are letters, by Python's name: `utf-8`, `utf-16`, `cp1252`."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What separates the values of a CSV."""
    header: bool = True
    """Whether the first line of a CSV names the columns. Where not, they are `column_1`, `column_2` and so on."""
    strip: bool = False
    """Whether spaces around the values of a CSV are left out."""
    columns: dict[str, str] = {}
    """New name: name in the file. Everything else here, and all that comes later, knows the column by its new name."""
    fields: dict[str, JsonField] = {}
    """New columns from values inside columns of JSON, by name."""
    types: dict[str, ColumnType] = {}
    """Types by column. A CSV column that is not named gets the narrowest of int, float, bool, date and timestamp that
    holds all its values unchanged (`007` stays a string)."""
    formats: dict[str, str] = {}
    """How dates, timestamps and numbers are written, by column: `%d/%m/%Y`, `%m/%d/%y %I:%M %p`; or one of `1,234.5`,
    `1.234,5`, `1 234,5`, `1'234.5` and `1234,5`. ISO 8601 and `1234.5` need none."""
    nulls: tuple[str, ...] = ("",)
    """Texts that mean "missing" in a CSV."""
    quoted_nulls: bool = False
    """Whether they mean it inside quotes too."""
    first_span: str = ""
    """The first span to read, its digits run together (`20130101`); empty: from the beginning."""
    last_span: str = ""
    """The last span to read, itself included; empty: to the end."""
    newest_spans: int = Field(default=0, ge=0)
    """Read only so many of the newest spans; 0: all of them."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            text = codecs.lookup(encoding)._is_text_encoding  # as str.encode asks it
        except (LookupError, ValueError):
            text = False
        if not text:
            raise ValueError(f"{encoding!r} is no encoding of text that Python knows, such as utf-8, utf-16 or cp1252")
        return encoding

    @field_validator("formats")
    @classmethod
    def _readable(cls, formats: dict[str, str]) -> dict[str, str]:
        for column, form in formats.items():
            if form not in NUMBER_FORMATS:
                check_date_format(form, column)
        return formats

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for column, form in self.formats.items():
            fits = ("int", "float") if form in NUMBER_FORMATS else ("date", "timestamp")
            declared = self.types.get(column)
            if declared is not None and declared not in fits:
                raise ValueError(f"column {column!r} has the format of a {fits[-1]}, {form!r}, but type {declared!r}")
        both = sorted(set(self.fields) & set(self.columns))
        if both:
            raise ValueError(f"in 'columns' and in 'fields': {', '.join(both)}; give one of them another name")
        if self.query and (self.first_span or self.last_span or self.newest_spans):
            raise ValueError("the answer to a query has no spans; choose its rows by WHERE")
        if self.query and self.format != "auto":
            raise ValueError("the answer to a query has no format of its own; leave 'format' out")
        return self

    def renamed(self, names: dict[str, str]) -> Source:
        """Give columns other names, in every key.

        Args:
            names: New name: the name until now, one of a column or of a field.

        Example:
            >>> Source(uri="a.csv", types={"Total $": "float"}).renamed({"total": "Total $"}).types
            {'total': 'float'}
        """
        new = {old: name for name, old in names.items()}
        for column in {field.column for field in self.fields.values()} - set(new) & set(names):
            new[column] = f"{column}_json"  # its name is taken by another; nobody asks for it but its fields
            names = {**names, new[column]: self.columns.get(column, column)}
        fields = {
            new.get(name, name): field.model_copy(update={"column": new.get(field.column, field.column)})
            for name, field in self.fields.items()
        }
        kept = {new.get(name, name): old for name, old in self.columns.items()}
        moved = {name: old for name, old in names.items() if old not in self.columns and old not in self.fields}
        changes = {
            "columns": {**kept, **{name: old for name, old in moved.items() if name != old}},
            "fields": fields,
            "types": {new.get(name, name): kind for name, kind in self.types.items()},
            "formats": {new.get(name, name): form for name, form in self.formats.items()},
        }
        return Source.model_validate({**self.model_dump(exclude_defaults=True), **changes})
