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


def span_digits(pattern: str) -> int:
    """How many digits the spans of a pattern have; 0 where they may have any number of them (`{SPAN}`)."""
    kinds = set(_PLACEHOLDER.findall(pattern)) - {"VERSION"}
    return 0 if "SPAN" in kinds else sum(_DIGITS[kind] for kind in kinds)


def select(files: Sequence[Spanned], first: str, last: str, newest: int, *, digits: int = 0) -> list[Spanned]:
    """Choose a range of spans, and of each span the highest version.

    Args:
        files: All files that fit, each with a span.
        first: The first span; empty for no bound.
        last: The last span, itself included; empty for no bound.
        newest: How many of the newest spans within the bounds; 0 for all.
        digits: How many digits a span has; 0 for any number.

    Returns:
        The files, by span and then by name.

    Raises:
        ValueError: A bound is no number, or has another number of digits than the spans (caller).
    """
    for bound in filter(None, (first, last)):
        if not bound.isdigit():
            raise ValueError(f"a span is digits only, such as 20130101; got {bound!r}")
        if digits and len(bound) != digits:
            raise ValueError(f"spans here have {digits} digits; got {bound!r}")
    low, high = int(first or 0), int(last) if last else None
    chosen = [f for f in files if _number(f.span) >= low and (high is None or _number(f.span) <= high)]
    spans = sorted({_number(f.span) for f in chosen})
    kept = spans[-newest:] if newest else spans
    best = dict.fromkeys(kept, 0)
    for file in chosen:
        if _number(file.span) in best:
            best[_number(file.span)] = max(best[_number(file.span)], _number(file.version))
    chosen = [f for f in chosen if best.get(_number(f.span)) == _number(f.version)]
    return sorted(chosen, key=lambda f: (_number(f.span), f.name))


def _number(digits: str) -> int:
    """A span or a version as a number; 0 where a pattern has none."""
    return int(digits or 0)


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
            out += {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(token[0]) or _one_of(token[0])
    return re.compile(out + re.escape(pattern[at:]))


def _one_of(token: str) -> str:
    """A glob's `[abc]`, `[a-z]` or `[!abc]`; taken by the letter where it makes no sense."""
    inside = re.escape(token[1:-1].removeprefix("!"))
    inside = re.sub(r"([A-Za-z0-9])\\-(?=[A-Za-z0-9])", r"\1-", inside)  # a range, and no other use of a hyphen
    inside = f"^{inside}" if token.startswith("[!") else inside
    try:
        return re.compile(f"[{inside}]").pattern
    except re.error:
        return re.escape(token)
