"""How the table is read, what identifies its rows, and which of them judge what was learnt from the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.profiling.choices import Because
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import Profile
from penstock.tables.source import Source

TABLE = "table"
"""The source's name."""
_FEWEST_TO_JUDGE = 40
"""Rows that the evaluation should have, as far as the table has them [rows]."""
_EQUAL_BY_CHANCE = 10
"""Possible rows for each row of the table up to which equal ones are taken for chance."""


def raw_label(profile: Profile) -> str:
    """The label's column as it is read: by another name where the label is made from it."""
    label = profile.label.column
    if not profile.label.encoded:
        return label
    taken = {column.name for column in profile.columns}
    name = f"{label}_as_given"
    while name in taken:
        name += "_"
    return name


def choose_ingest(profile: Profile, source: Source, uses: Mapping[str, Use]) -> dict[str, Any]:
    """Choose the parameters of `ingest`.

    Args:
        profile: What was seen.
        source: The source, with the profile's names.
        uses: What becomes of each column.
    """
    label = profile.label
    raw = raw_label(profile)
    if raw != label.column:
        source = source.renamed({raw: label.column})
    chosen: dict[str, Any] = {"sources": {TABLE: _source(source)}}
    chosen |= _identity(profile)
    if raw != label.column:
        answers = ", ".join(f"{number} for {value!r}" for number, value in list(enumerate(label.classes))[:10])
        derivation = {"op": "position_in", "column": raw, "values": list(label.classes)}
        chosen["derive"] = Because({label.column: derivation}, f"A model learns numbers: {answers}.")
    after = [name for name, use in uses.items() if use.known_after]
    if after:
        reasons = "\n".join(f"{uses[name].reason}." for name in after)
        chosen["known_after"] = Because(
            after,
            f"Suspects, which no feature may be made from. Look at each; take out what is known in time.\n{reasons}",
        )
    left = [f"{name} {use.reason}." for name, use in uses.items() if not use.feature and not use.known_after]
    features = [name for name, use in uses.items() if use.feature]
    chosen["features"] = Because(features, "Left out:\n" + "\n".join(left)) if left else features
    chosen["label"] = label.column
    chosen["split"] = _split(profile, [*features, label.column])
    return chosen


def _source(source: Source) -> dict[str, Any]:
    """The source as it is written: what is the default is left out, what was found about it is explained."""
    written: dict[str, Any] = source.model_dump(mode="json", exclude_defaults=True)
    reasons = {
        "columns": "Every part downstream takes such names: new name: name in the data.",
        "types": "As all rows showed them; declared, so that other rows cannot change them.",
        "nulls": "What stands for a missing value.",
        "fields": "Values inside columns of JSON.",
    }
    if "://" not in source.uri:
        reasons["uri"] = (
            "A place on this machine; a cluster needs an address that it can reach (s3://, gs://, https://)."
        )
    return {key: Because(value, reasons[key]) if key in reasons else value for key, value in written.items()}


def _identity(profile: Profile) -> dict[str, Any]:
    if profile.key:
        repeated = [found for found in profile.findings if found.kind == "duplicate_key"]
        why = (
            f"{repeated[0].text[0].upper()}{repeated[0].text[1:]}; the first of them stays."
            if repeated
            else "No two rows have the same."
        )
        return {"key": Because(list(profile.key), why)}
    if profile.equal_rows > 0.01 * profile.rows or not profile.equal_rows:
        why = "Nothing names a row, so equal rows are different events."
        return {"duplicates": Because("keep_all", why)}
    why = f"Rows that equal an earlier one in every column: {profile.equal_rows:,}, so few that they are copies."
    return {"duplicates": Because("keep_first", why)}


def _split(profile: Profile, put_out: Sequence[str]) -> Because:
    if profile.time_column and profile.time_boundary is not None:
        split = {"by": "time", "column": profile.time_column, "starts": {"eval": profile.time_boundary}}
        return Because(split, "The past learns, the future judges, as it will be in use.")
    share = round(min(0.5, max(0.3 if profile.rows < 1000 else 0.2, _FEWEST_TO_JUDGE / profile.rows)), 2)
    fractions = {"train": round(1 - share, 2), "eval": share}
    if profile.group:
        group, why = (
            [profile.group],
            f"All rows of one {profile.group} are on one side: no model is judged on whom it knows.",
        )
    elif profile.key:
        group, why = list(profile.key), "By a hash of the key: a row stays on its side when others come or go."
    elif profile.equal_rows and _possible_rows(profile, put_out) <= _EQUAL_BY_CHANCE * profile.rows:
        split = {"by": "hash", "equal_rows": "apart", "fractions": fractions}
        return Because(split, "So few different rows are possible that equal ones are no copies: each falls by itself.")
    else:
        group, why = [], "By a hash of the row's content: equal rows are on the same side, and stay there."
    return Because({"by": "hash", "group": group, "fractions": fractions}, why)


def _possible_rows(profile: Profile, names: Sequence[str]) -> int:
    """How many different rows the values of some columns can make [rows]."""
    columns = [profile.column(name) for name in names]
    return math.prod(max(column.distinct, 1) + (column.missing > 0) for column in columns)
