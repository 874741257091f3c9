"""Which files of a pattern are read: spans of time and their versions, found in the names of the files.

Pure: names in, names out. A span is a day, an hour or any numbered piece of the data; of each span only the highest
version counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2, "SPAN": 0, "VERSION": 0}
_PLACEHOLDER = re.compile(r"\{(" + "|".join(_DIGITS) + r")\}")
_WILDCARD = re.compile(r"\*\*/|\*|\?|\[[^]]*\]")


@dataclass(frozen=True)
class Spanned:
    """A file with the span that its name says; span and version are empty where the pattern has none."""

    name: str
    span: str = ""
    version: str = ""


def has_spans(pattern: str) -> bool:
    """Whether a pattern names spans."""
    return _PLACEHOLDER.search(pattern) is not None


def to_glob(pattern: str) -> str:
    """Write a pattern as a glob.

    Example:
        >>> to_glob("data/{YYYY}-{MM}/*.csv")
        'data/[0-9][0-9][0-9][0-9]-[0-9][0-9]/*.csv'
    """
    return _PLACEHOLDER.sub(lambda match: "[0-9]" * _DIGITS[match[1]] or "*", pattern)


def match_spans(pattern: str, names: Sequence[str]) -> list[Spanned]:
    """Read the span and the version out of every name; names that do not fit the pattern are left out.

    Example:
        >>> match_spans("{YYYY}-{MM}/v{VERSION}.csv", ["2013-01/v2.csv", "readme"])
        [Spanned(name='2013-01/v2.csv', span='201301', version='2')]
    """
    regex = _regex(pattern)
    matches = [(name, regex.fullmatch(name)) for name in names]
    return [
        Spanned(
            name,
            "".join(m[k] for k in _DIGITS if k != "VERSION" and k in m.groupdict()),
            m.groupdict().get("VERSION", ""),
        )
        for name, m in matches
        if m
    ]


def select(files: Sequence[Spanned], first: str, last: str, newest: int) -> list[Spanned]:
    """Choose a range of spans, and of each span the highest version.

    Args:
        files: All files that fit.
        first: The first span; empty for no bound.
        last: The last span, itself included; empty for no bound.
        newest: How many of the newest spans within the bounds; 0 for all.

    Returns:
        The files, by span and then by name.

    Raises:
        ValueError: A bound is no number, or has another number of digits than the spans (caller).
    """
    for bound in filter(None, (first, last)):
        if not bound.isdigit():
            raise ValueError(f"a span is digits only, such as 20130101; got {bound!r}")
    low, high = int(first or 0), int(last) if last else None
    chosen = [f for f in files if int(f.span) >= low and (high is None or int(f.span) <= high)]
    spans = sorted({int(f.span) for f in chosen})
    kept = set(spans[-newest:] if newest else spans)
    best = {span: max(int(f.version or 0) for f in chosen if int(f.span) == span) for span in kept}
    chosen = [f for f in chosen if int(f.span) in kept and int(f.version or 0) == best[int(f.span)]]
    return sorted(chosen, key=lambda f: (int(f.span), f.name))


def _regex(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression with a group for each kind of placeholder."""
    out, seen, at = "", set(), 0
    for token in re.finditer(f"{_PLACEHOLDER.pattern}|{_WILDCARD.pattern}", pattern):
        out += re.escape(pattern[at : token.start()])
        at = token.end()
        name = token[1]
        if name in seen:
            out += f"(?P={name})"
        elif name:
            seen.add(name)
            out += rf"(?P<{name}>\d{{{_DIGITS[name]}}})" if _DIGITS[name] else rf"(?P<{name}>\d+)"
        else:
            out += {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(token[0], token[0])
    return re.compile(out + re.escape(pattern[at:]))
