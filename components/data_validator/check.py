"""What can be wrong with `data_validator` before it runs: the schema, against the columns that come."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from components.data_validator.spec import DataValidatorParams
from components.data_validator.statistics import parse_schema
from penstock.artifacts.features import FeatureType
from penstock.sdk.checking import Check, Known, missing

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_KEY = "reviewed_schema"
_FEATURE = re.compile(r"^[^#\n]*\bfeature\s*:?\s*[{<]", re.MULTILINE)
_NAME = re.compile(r"\bname\s*:\s*([\"'])(.*?)\1")


def check(at: Check[DataValidatorParams]) -> None:
    """Read the schema, and look whether its features are the columns that come."""
    params, examples = at.params, at.input("examples")
    at.outputs["accepted"] = examples
    at.outputs["schema"] = Known(examples.columns)
    at.member("train_split", name=params.train_split, of=examples.splits, where="the splits")
    for name, rule in params.rules.items():
        for key in ("column", "other"):
            if column := getattr(rule, key):
                at.member("rules", name, key, name=column, of=examples.columns, where="the examples")
    if params.reviewed_schema.strip() and (schema := _read(at)) is not None:
        at.outputs["schema"] = Known({feature.name: None for feature in schema.feature})
        _compare(at, schema, examples)


def _read(at: Check[DataValidatorParams]) -> schema_pb2.Schema | None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        text_format.Parse(at.params.reviewed_schema, schema_pb2.Schema())
    except text_format.ParseError as error:
        reason = str(error).split(" : ", 1)[-1]
        at.problem(_KEY, text=f"no schema: {reason}", line=error.GetLine() or 0)
        return None
    with at.noting(_KEY):
        return parse_schema(at.params.reviewed_schema, at.params.environment)
    return None


def _compare(at: Check[DataValidatorParams], schema: schema_pb2.Schema, examples: Known) -> None:
    from tensorflow_metadata.proto.v0 import schema_pb2

    lines = _lines(at.params.reviewed_schema)
    domains = {domain.name for domain in schema.string_domain}
    for feature in schema.feature:
        line = lines.get(feature.name, 0)
        if feature.HasField("domain") and feature.domain not in domains:
            at.problem(_KEY, text=f"feature {feature.name!r}: there is no domain {feature.domain!r}", line=line)
        if examples.columns is None or feature.lifecycle_stage in (schema_pb2.DEPRECATED, schema_pb2.PLANNED):
            continue
        if at.params.environment and at.params.environment in feature.not_in_environment:
            continue
        if feature.name not in examples.columns:
            text = f"feature {missing(feature.name, examples.columns, 'the examples')}"
            at.problem(_KEY, text=text, line=line)
            continue
        seen, says = examples.columns[feature.name], _type(feature)
        if seen and says and _differ(seen, says, exact=examples.exact):
            text = f"feature {feature.name!r} is {says} here and {seen} in the examples"
            at.problem(_KEY, text=text, line=line)
    for column in examples.columns or ():
        if column not in {feature.name for feature in schema.feature}:
            at.problem(_KEY, text=f"there is no feature {column!r}, which is a column of the examples")


def _differ(seen: FeatureType, says: FeatureType, *, exact: bool) -> bool:
    """Whether a type that was seen cannot be the one that the schema has, however the rest of the values are."""
    width: dict[FeatureType, int] = {"int": 0, "float": 1, "string": 2}
    return seen != says if exact else width[seen] > width[says]


def _type(feature: schema_pb2.Feature) -> FeatureType | None:
    from tensorflow_metadata.proto.v0 import schema_pb2

    types: dict[int, FeatureType] = {schema_pb2.BYTES: "string", schema_pb2.INT: "int", schema_pb2.FLOAT: "float"}
    return types.get(feature.type)


def _lines(text: str) -> dict[str, int]:
    """The line on which each feature begins, by its name, from 1."""
    found = {}
    for begin in _FEATURE.finditer(text):
        if name := _NAME.search(text, begin.end()):
            found.setdefault(name[2], text.count("\n", 0, begin.end()) + 1)
    return found
