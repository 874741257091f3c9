"""The interface of `transform`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.transform.kinds import Feature
from penstock.artifacts import Examples, Schema, TransformedExamples, TransformGraph
from penstock.sdk import ComponentSpec, In, Out, Params


class TransformParams(Params):
    """Which columns become which features."""

    label: str
    """The column to learn. It is copied, never a feature."""
    features: dict[str, Feature] = {}
    """Features by name, each with its `kind`."""
    preprocessing_fn: str = ""
    """Python source of a module with `def preprocessing_fn(inputs)` of ordinary TensorFlow Transform code, instead of
    `features`. It is the pipeline author's code and runs as such. Inputs are dense tensors of shape (n,)."""
    analyze_split: str = "train"
    """The split that means, vocabularies and quantiles are taken from."""
    leave_out: tuple[str, ...] = ("quarantine",)
    """Splits that are not transformed."""
    engine: Literal["auto", "in_process", "beam"] = "auto"
    """Who computes the analysis. `in_process`: vectorised, in this process; refuses analyzers that it does not know.
    `beam`: Apache Beam. `auto`: in process where possible, else Beam."""
    batch_rows: int = Field(default=131_072, ge=1)
    """How many rows are in memory at once [rows]."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.features) == bool(self.preprocessing_fn.strip()):
            raise ValueError("give either 'features' or 'preprocessing_fn'")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        made: dict[str, str] = {}
        for name, feature in self.features.items():
            for output in feature.outputs(name):
                if output == self.label:
                    raise ValueError(f"the label {self.label!r} cannot be a feature")
                if output in made:
                    raise ValueError(f"features {made[output]!r} and {name!r} both put out {output!r}; rename one")
                made[output] = name
        return self


SPEC = ComponentSpec(
    name="transform",
    stage="transform",
    image="runtime",
    summary="Fit the TFT graph on the training split and apply it to every split.",
    params=TransformParams,
    inputs={"examples": In(Examples), "schema": In(Schema)},
    outputs={"transform_graph": Out(TransformGraph), "transformed_examples": Out(TransformedExamples)},
    warm=("tensorflow_transform",),
)
