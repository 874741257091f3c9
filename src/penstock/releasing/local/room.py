"""Whether this machine has the memory for one more model server."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, TypeAdapter, ValidationError

from penstock.releasing.planning.observed import Room
from penstock.releasing.resource.bundle import Version


def room_in_memory(version: Version) -> Room:
    """Hold what a version asks for against what the machine can give without swapping."""
    wanted = bytes_of(version.serving.resources.requests.get("memory", "0"))
    free = _available_bytes()
    if wanted is None or wanted <= free:
        return Room()
    text = f"the candidate asks for {wanted / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free"
    return Room(enough=False, text=text)


def bytes_of(quantity: str) -> int | None:
    """Kubernetes' amount of memory in bytes; None where it is none.

    Example:
        >>> bytes_of("2Gi"), bytes_of("512M"), bytes_of("1000"), bytes_of("much")
        (2147483648, 512000000, 1000, None)
    """
    text = quantity if quantity.isdigit() else f"{quantity}B"
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        return None


def _available_bytes() -> int:
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
