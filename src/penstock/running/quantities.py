"""Kubernetes quantities: `500m`, `512Mi`, `1.5G`."""

from __future__ import annotations

import re
from decimal import Decimal

_SUFFIXES = {"n": Decimal(10) ** -9, "u": Decimal(10) ** -6, "m": Decimal(10) ** -3, "": Decimal(1)}
_SUFFIXES |= {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)}
_SUFFIXES |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})")


def parse_quantity(text: str) -> Decimal:
    """Read a quantity as a number of its base unit: cores, bytes.

    Raises:
        ValueError: It is not one (caller).

    Source:
        Kubernetes API reference, common definitions, Quantity (kubernetes.io/docs/reference/kubernetes-api).

    Example:
        >>> parse_quantity("500m"), int(parse_quantity("512Mi"))
        (Decimal('0.500'), 536870912)
    """
    found = _QUANTITY.fullmatch(text.strip())
    if not found or found[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity such as '500m' or '512Mi'")
    return Decimal(found[1]) * _SUFFIXES[found[2]]
