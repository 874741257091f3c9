"""The interface of `ingest`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.ingest.declare import Derivation, Join, Split
from components.ingest.plan import Plan, make_plan
from penstock.artifacts import Examples, RawData
from penstock.sdk import BadInput, ComponentSpec, Out, Params
from penstock.tables.secrets import refuse_secret
from penstock.tables.source import Source


class IngestParams(Params):
    """What to read, how to type it, how to split it."""

    sources: dict[str, Source] = Field(min_length=1)
    """The tables, by name; each with its `uri`, and how its text becomes values."""
    base: str = ""
    """The source whose rows become the examples; may be empty when there is only one."""
    key: tuple[str, ...] = ()
    """The columns of the base that name a row: a second row with the same key is a duplicate. Empty: only rows that
    are equal in every column are."""
    duplicates: Literal["keep_first", "keep_last", "keep_all"] = "keep_first"
    """Which of the rows with one key stays, in the order of the files and of the rows in them. `keep_all`: rows
    have no identity, and equal rows are different events."""
    joins: tuple[Join, ...] = ()
    """Tables to look up in. No join ever adds or removes a row."""
    derive: dict[str, Derivation] = {}
    """Columns made from others, each by one `op`; they may build on each other and on joins."""
    known_after: tuple[str, ...] = ()
    """Columns known only after the event that is to be predicted. They, and whatever is derived from them, may make
    the label but can never be a feature."""
    features: tuple[str, ...] = Field(min_length=1)
    """The columns to put out as features."""
    label: str = ""
    """The column to put out as the label."""
    split: Split
    """Which rows go where."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = ", ".join(self.sources)
        if self.base_name not in self.sources:
            raise ValueError(f"'base' must be one of the sources ({names}), not {self.base!r}")
        for join in self.joins:
            if join.source not in self.sources or join.source == self.base_name:
                raise ValueError(
                    f"a join looks up in {join.source!r}, which is not another one of the sources ({names})"
                )
        for name, source in self.sources.items():  # before a run notes its parameters
            try:
                refuse_secret(source.uri, f"source {name!r}", database=bool(source.query))
            except BadInput as error:
                raise ValueError(str(error)) from None
        outputs = self.outputs
        twice = sorted({name for name in outputs if outputs.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice among the features and the label: {', '.join(twice)}")
        tainted = self.plan().tainted
        for feature in self.features:
            if feature in tainted:
                origin = tainted[feature]
                how = "is" if origin == feature else f"is made from {origin!r}, which is"
                raise ValueError(f"feature {feature!r} {how} known only after the event ('known_after')")
        return self

    @property
    def base_name(self) -> str:
        """The source whose rows become the examples."""
        return self.base or (next(iter(self.sources)) if len(self.sources) == 1 else "")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns to put out, in order."""
        return (*self.features, *([self.label] if self.label else []))

    def plan(self) -> Plan:
        """The steps from the sources to the outputs."""
        wanted = (*self.outputs, *self.split.columns())
        return make_plan(self.base_name, wanted, self.joins, self.derive, self.known_after)


SPEC = ComponentSpec(
    name="ingest",
    stage="ingest",
    image="runtime",
    summary="Copy source files by digest, fix types, join, remove duplicates, and split without leaking.",
    params=IngestParams,
    outputs={"raw": Out(RawData), "examples": Out(Examples)},
    observes=True,
    uses=("penstock.tables", "penstock.storage"),
    warm=("pyarrow.parquet", "pyarrow.csv", "pyarrow.compute", "pandas"),
)
