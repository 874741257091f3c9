"""Kubernetes' quantities: `500m`, `2Gi`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def amount_of(quantity: Any) -> Decimal | None:
    """The amount that a quantity stands for; None where it is none.

    Example:
        >>> amount_of("500m"), amount_of("2Ki"), amount_of("many")
        (Decimal('0.500'), Decimal('2048.000'), None)
    """
    from lightkube.utils.quantity import parse_quantity

    try:
        amount: Decimal | None = parse_quantity(str(quantity))
    except (ValueError, ArithmeticError):
        return None
    return amount


def same_quantity(one: Any, other: Any) -> bool:
    """Whether two quantities are the same amount."""
    if not isinstance(one, str | int) or not isinstance(other, str | int) or isinstance(one, bool):
        return False
    amount = amount_of(one)
    return amount is not None and amount == amount_of(other)
