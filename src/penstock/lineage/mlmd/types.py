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
        from ml_metadata import errors

        if name not in self._known.setdefault(family, {}):
            self._read(family)
        if name not in self._known[family]:
            try:
                self._known[family][name] = self._make(family, name)
            except errors.AlreadyExistsError:  # another process was first
                self._read(family)
        return self._known[family][name]

    def _read(self, family: str) -> None:
        self._known[family] |= {type_.name: type_.id for type_ in self._connection.find(f"get_{family}_types")}

    def _make(self, family: str, name: str) -> int:
        """Make a type; its external id is what keeps PostgreSQL from holding it twice after a race."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        message = {"execution": mlmd.ExecutionType, "artifact": mlmd.ArtifactType, "context": mlmd.ContextType}[family]
        number: int = self._connection.call(f"put_{family}_type", message(name=name, external_id=f"{family}:{name}"))
        return number
