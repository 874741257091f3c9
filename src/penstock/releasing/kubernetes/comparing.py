"""Whether an object says what it was told, whatever else the API server and other controllers have added to it."""

from __future__ import annotations

from typing import Any

from penstock.releasing.kubernetes.quantities import same_quantity


def says(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is found; lists whole, in their order, and quantities by their value.

    Example:
        >>> says({"weight": 5, "group": "", "limits": {"memory": "1Gi"}}, {"weight": 5, "limits": {"memory": "1024Mi"}})
        True
    """
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(says(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(says(one, other) for one, other in zip(found, wanted, strict=True))
    return bool(found == wanted) or same_quantity(found, wanted)
