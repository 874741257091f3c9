"""What every part of the ModelRelease resource is: closed, frozen, and spelled as Kubernetes spells."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A part of the resource: `camelCase` in YAML, `snake_case` here; docstrings become descriptions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )
