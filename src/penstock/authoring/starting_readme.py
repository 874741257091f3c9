"""The README of a new pipeline: what was seen, what to look at first, and how its model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.authoring.starting_yaml import one_line
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import ColumnProfile, Profile

_NOT_SAID = ("renamed",)
_MOST = 25


def write_readme(name: str, profile: Profile, uses: Mapping[str, Use]) -> str:
    """Write the README, without the table of what a run may set.

    Args:
        name: The pipeline's name.
        profile: What was seen.
        uses: What becomes of each column.
    """
    label = profile.label
    features = sum(use.feature for use in uses.values())
    command = name.replace("_", "-")
    asked = json.dumps({"instances": [example_request(profile, uses)]}, ensure_ascii=False)
    asked = asked if asked.isprintable() else json.dumps(json.loads(asked))
    return _TEXT.format(
        name=name,
        rows=f"{profile.rows:,}",
        columns=len(profile.columns),
        features=features,
        label=label.column,
        task=label.task,
        why=_plain(label.reason),
        look=_findings(profile),
        used=_columns(profile, uses),
        model=command,
        request=asked.replace("'", "'\\''"),
    )


def example_request(profile: Profile, uses: Mapping[str, Use]) -> dict[str, Any]:
    """One row as the served model takes it: the commonest value of every feature, by its safe name."""
    return {
        column.name: _example(column) for column in profile.columns if column.name in uses and uses[column.name].feature
    }


def _example(column: ColumnProfile) -> Any:
    if column.top:
        value = column.top[0].value
        return int(value) if isinstance(value, bool) else value
    if column.role == "number" and column.mean is not None:
        return round(column.mean) if column.type == "int" else round(column.mean, 3)
    if column.role == "moment":
        return column.greatest
    return column.values[0] if column.values else "a text" if column.type == "string" else column.least


def _findings(profile: Profile) -> str:
    told = [finding for finding in profile.findings if finding.kind not in _NOT_SAID]
    lines = [f"- {'**Look at this first:** ' if f.grave else ''}{_plain(f.text)}." for f in told[:_MOST]]
    more = [f"- and {len(told) - _MOST} more."] if len(told) > _MOST else []
    return "\n".join([*lines, *more]) or "Nothing that should worry you."


def _columns(profile: Profile, uses: Mapping[str, Use]) -> str:
    rows = ["| column | in the data | type | missing | different values | use |", "|---|---|---|---|---|---|"]
    for column in profile.columns:
        use = _use(uses[column.name]) if column.name in uses else "label"
        cells = [f"`{column.name}`", _plain(column.original), f"{column.type}, {column.role}".replace("_", " ")]
        cells += [f"{column.missing_share:.1%}" if column.missing else "", f"{column.distinct:,}", use]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _use(use: Use) -> str:
    return "suspect: left out" if use.known_after else _plain(use.reason) or "feature"


def _plain(text: str) -> str:
    """A text of the data's as Markdown shows it: nothing in it is markup."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in one_line(text)).strip()


_TEXT = """\
# {name}

Predicts `{label}` ({task}: {why}) from {features} of {columns} columns of a table of {rows} rows.

```
penstock run {name}                    # everything
penstock run {name} --until validate   # only as far as the first gate
```

## What to look at

{look}

What is left out and why stands in [pipeline.yaml](pipeline.yaml), beside every other choice; what the data must be, in
[schema.pbtxt](schema.pbtxt). Review both as you would review code: they were written from one look at one table.

## What happens

| task | what comes out |
|---|---|
| `ingest` | the table as it came, and typed rows per split |
| `validate` | statistics, anomalies, bad rows set aside, and whether to go on |
| `transform` | the feature transformation, fitted once, and the rows as the model sees them |
| `train` | a model with the transformation inside |
| `evaluate` | its metrics by slice against the last blessed model, and a verdict |
| `prove` | whether a real server answers as the trainer did, within its budgets |
| `report` | one page of all that was found; `penstock report latest` adds tasks, times and lineage |
| `push` | the release bundle |

Three gates: `validate` must open for `transform` and all after it, `evaluate` and `prove` both for `push`.

## The columns

{used}

## Asking the model

The bundle that `push` wrote (the last lines of the run say where) is served as it lies. A request names the columns as
above; a missing value is `null`.

```
curl localhost:8080/v1/models/{model}:predict -d '{request}'
```

After a change here: `penstock compile {name}`.

## What a run may set

<!-- generated: run parameters -->
<!-- end -->
"""
