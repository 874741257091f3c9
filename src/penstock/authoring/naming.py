"""Names that were not found, and the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Say what was probably meant, or what there is.

    Returns:
        A clause to end a message with: `did you mean 'train'?` or `known: evaluate, train`.

    Example:
        >>> nearest("trian", ["evaluate", "train"])
        "did you mean 'train'?"
        >>> nearest("x", ["evaluate", "train"])
        'known: evaluate, train'
        >>> nearest("x", [])
        'none is known'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"
