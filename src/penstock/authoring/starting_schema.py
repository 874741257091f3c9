"""The first schema of a new pipeline, for people to review: what the table showed, with room for what it did not.

It says of each column what `ingest` puts out and no more than is sure: a type, whether it may be missing, the values of
short lists, and how far the values may move before a model should be trained again. Bounds of numbers are left to
people, who know what a number means; a table shows only what has happened so far.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.authoring.starting_yaml import one_line
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import ColumnProfile, Profile

_WIDTH = 118
_SLACK = 0.05
"""By how much more of a column may be missing than was seen [fraction]."""
_JUDGED = 0.2
_NEW_VALUES = 0.01
"""Share of the rows that may have values that are not in a list."""
_FEWEST_FOR_QUANTILES = 30
"""Numbers with fewer values have no comparator: they are compared between quantiles, which then say little."""
_OTHER_VALUES = 0.8
"""A divergence that is always told: hardly any value is as it was, as when a unit changes [bits]."""
_FEWEST_A_VALUE = 5
"""A list is only taken for complete where its values come up so often, on average [rows]."""
_LONGEST_VALUE = 1024
"""Longer values are all one to TFDV's statistics, and so cannot be held against a list [bytes]."""


def write_schema(profile: Profile, uses: Mapping[str, Use]) -> str:
    """Write the schema as text, with what was seen as comments.

    Args:
        profile: What was seen.
        uses: What becomes of each column; only features and the label are in the schema.

    Returns:
        A TensorFlow Metadata `Schema` in text format.
    """
    used = [c for c in profile.columns if c.name == profile.label.column or uses[c.name].feature]
    label = profile.column(profile.label.column)
    domains = [column for column in used if column is not label and _is_list(column)]
    parts = [_HEADER, *(_domain(column) for column in domains)]
    described = (
        _label(profile, column) if column is label else _feature(profile, column, listed=column in domains)
        for column in used
    )
    return "\n".join([*parts, *described])


_HEADER = """\
# What the data must be: written from what the table showed, for you to review.
#
# How to read it: a value outside its domain, or missing where min_fraction is 1, makes a bad row, which is set aside;
# more of them than the pipeline bears, a column too few or too many, or a wrong type stops the run. A distance above
# the threshold of a comparator (skew: training split against another split; drift: this run against the last) says
# "retrain". Numbers have no bounds yet: add them where you know what is impossible, such as
#   int_domain { min: 0 max: 120 }    or    float_domain { min: -60 max: 135 disallow_nan: true disallow_inf: true }

# A request at serving time has no label.
default_environment: "TRAINING"
default_environment: "SERVING"
"""


def _is_list(column: ColumnProfile) -> bool:
    """Whether the values of a text are a list that is surely known, or nearly."""
    often = column.present >= _FEWEST_A_VALUE * column.distinct
    told_apart = all(len(str(value).encode()) <= _LONGEST_VALUE for value in column.values)
    return column.role == "category" and column.type == "string" and bool(column.values) and often and told_apart


def _domain(column: ColumnProfile) -> str:
    text = " ".join(f"value: {_SPACE.join(_quoted(value).split(' '))}" for value in column.values)
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)  # a text ends on its line
    values = "\n".join(f"  {line}" for line in lines).replace(_SPACE, " ")
    return f'string_domain {{\n  name: "{column.name}"\n{values}\n}}\n'


def _feature(profile: Profile, column: ColumnProfile, *, listed: bool) -> str:
    least = _least_present(column, profile.rows)
    fields = [*_shape(column), f"presence {{ min_fraction: {least:g} min_count: 1 }}"]
    if listed:
        fields.append(f'domain: "{column.name}"')
        fields.append(f"distribution_constraints {{ min_domain_mass: {1 - _NEW_VALUES:g} }}")
    elif column.type == "bool":
        fields.append("int_domain { min: 0 max: 1 }")
    elif column.type == "float":
        fields.append("float_domain { disallow_nan: true disallow_inf: true }")
    fields += _comparators(column, profile.rows, listed=listed)
    return _block(column, fields, list(_seen(column)))


def _label(profile: Profile, column: ColumnProfile) -> str:
    label = profile.label
    kind = "FLOAT" if label.task == "regression" and column.type == "float" else "INT"
    fields = [f"type: {kind}", "value_count { min: 1 max: 1 }", "presence { min_fraction: 1 min_count: 1 }"]
    if label.classes:
        fields.append(f"int_domain {{ min: 0 max: {len(label.classes) - 1} }}")
    elif kind == "FLOAT":
        fields.append("float_domain { disallow_nan: true disallow_inf: true }")
    fields.append('not_in_environment: "SERVING"')
    if label.task == "regression" and column.distinct >= _FEWEST_FOR_QUANTILES:
        fields += _moves_of_numbers(column, profile.rows)
    if label.task == "binary":
        fields += _moves("jensen_shannon_divergence", max(0.02, _noise(profile.rows, 20)))
    answers = [f"{number} is {value!r}" for number, value in enumerate(label.classes[:20])] if label.encoded else []
    return _block(column, fields, [f"The label. {', '.join(answers)}".rstrip(), *_seen(column)])


def _shape(column: ColumnProfile) -> list[str]:
    kinds = {"int": "INT", "bool": "INT", "float": "FLOAT"}
    return [f"type: {kinds.get(column.type, 'BYTES')}", "value_count { min: 1 max: 1 }"]


def _least_present(column: ColumnProfile, rows: int) -> float:
    """The share of rows that must have a value: all, where all had one; else what was seen, with slack."""
    if not column.missing:
        return 1.0
    share = column.present / rows
    slack = _SLACK + 3 * math.sqrt(share * (1 - share) / max(_JUDGED * rows, 1))
    return max(0.0, math.floor(100 * (share - slack)) / 100)


def _comparators(column: ColumnProfile, rows: int, *, listed: bool) -> list[str]:
    """Bounds on how far the values may move: above what chance moves them in a table of this size."""
    if listed:
        largest = max((count.rows for count in column.top), default=0) / max(column.present, 1)
        chance = 4 * math.sqrt(max(largest * (1 - largest), 0.01) * 2 / max(_JUDGED * rows, 1))
        return _moves("infinity_norm", max(0.05, chance))
    if column.role == "number" and column.distinct >= _FEWEST_FOR_QUANTILES:
        return _moves_of_numbers(column, rows)
    return []


def _moves_of_numbers(column: ColumnProfile, rows: int) -> list[str]:
    """The longer a tail, the more the largest value alone moves the bins that the divergence is approximated in."""
    floor = 0.15 + 0.05 * abs(column.skewness or 0.0)
    return _moves("jensen_shannon_divergence", min(_OTHER_VALUES, max(floor, _noise(rows, 30))))


def _noise(rows: int, bins: int) -> float:
    """Several times the divergence that chance gives two samples, one of a fifth of the rows, in so many bins.

    Source:
        Lin: Divergence measures based on the Shannon entropy (IEEE Transactions on Information Theory 37, 1991). To
        second order the divergence is a chi-square over 8 n ln 2, of bins - 1 degrees of freedom.
    """
    return 4 * (bins - 1) / (8 * math.log(2) * max(_JUDGED * rows, 1))


def _moves(measure: str, threshold: float) -> list[str]:
    bound = f"{{ {measure} {{ threshold: {min(threshold, 1.0):.2g} }} }}"
    return [f"skew_comparator {bound}", f"drift_comparator {bound}"]


def _seen(column: ColumnProfile) -> Iterator[str]:
    """What was seen of a column, as comments."""
    if column.name != column.original:
        yield f"In the data: {column.original!r}."
    missing = f"{column.missing_share:.1%} missing; " if column.missing else ""
    if column.least is not None:
        yield f"{missing}from {column.least} to {column.greatest}, {column.distinct:,} different values.".capitalize()
    elif missing:
        yield f"{missing}{column.distinct:,} different values.".capitalize()


def _block(column: ColumnProfile, fields: list[str], comments: list[str]) -> str:
    lines = [part for comment in comments for part in textwrap.wrap(one_line(comment), _WIDTH)]
    head = "".join(f"# {line}\n" for line in lines)
    body = "".join(f"  {field}\n" for field in fields)
    return f'{head}feature {{\n  name: "{column.name}"\n{body}}}\n'


_SPACE = "\ue000"
"""Stands for a space inside a value while lines are filled."""


def _quoted(value: Any) -> str:
    """A text as the text format of protocol buffers quotes it."""
    from google.protobuf import text_encoding

    return f'"{text_encoding.CEscape(str(value), as_utf8=True)}"'
