"""The numbers of the types: read in one go, made when a new component or noun turns up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.lineage.mlmd.nodes import label

if TYPE_CHECKING:
    from penstock.lineage.mlmd.connection import Connection

RUN_TYPE = "penstock.Run"
PIPELINE_TYPE = "penstock.Pipeline"


def execution_type(component: str) -> str:
    """The name of a component's execution type."""
    return f"penstock.{label(component)}"


def artifact_type(kind: str) -> str:
    """The name of a noun's artifact type.

    Example:
        >>> artifact_type("model_blessing")
        'penstock.ModelBlessing'
    """
    return f"penstock.{''.join(word.capitalize() for word in label(kind).split('_'))}"


class Types:
    """The types of one store.

    Args:
        connection: Where they are.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, int]] = {}

    def execution(self, component: str) -> int:
        """The number of a component's execution type."""
        return self._number("execution", execution_type(component))

    def artifact(self, kind: str) -> int:
        """The number of a noun's artifact type."""
        return self._number("artifact", artifact_type(kind))

    def context(self, name: str) -> int:
        """The number of a context type."""
        return self._number("context", name)

    def _number(self, family: str, name: str) -> int:
        if family not in self._known:
            types = self._connection.find(f"get_{family}_types")
            self._known[family] = {type_.name: type_.id for type_ in types}
        known = self._known[family]
        if name not in known:
            from ml_metadata.proto import metadata_store_pb2 as mlmd

            message = {"execution": mlmd.ExecutionType, "artifact": mlmd.ArtifactType, "context": mlmd.ContextType}
            known[name] = self._connection.call(f"put_{family}_type", message[family](name=name))
        return known[name]
