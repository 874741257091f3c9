"""What a component says of the world outside its inputs: part of what its work is."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from penstock.sdk import ComponentSpec, Params, PenstockError


def observe(spec: ComponentSpec, load: Callable[[], ModuleType], params: Params) -> Any:
    """Ask a component; None where it depends on nothing outside.

    Args:
        spec: Its declaration.
        load: Gives its module, the one with `observe`.
        params: Its parameters.

    Raises:
        PenstockError: It cannot say: the source is not to be had (operator).
    """
    if not spec.observes:
        return None
    try:
        return load().observe(params)
    except PenstockError:
        raise
    except Exception as error:
        raise PenstockError(f"{spec.name} cannot observe its source: {type(error).__name__}: {error}") from error
