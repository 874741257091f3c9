"""How much may run at once: cores and memory of this machine against the limits that tasks declare."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from penstock.profiles.containers import ContainersProfile
from penstock.profiles.local import LocalProfile
from penstock.running.work import Container


class Capacity:
    """What tasks may take together.

    A task without a CPU limit counts as one core; one without a memory limit as no memory. A task that asks for more
    than there is runs alone.

    Args:
        cores: Cores, at least 1.
        memory_bytes: Memory [bytes].

    Example:
        >>> small = Container("i", (), (), cpu_limit=1.0)
        >>> Capacity(2, 0).fits(small, [small]), Capacity(2, 0).fits(small, [small, small])
        (True, False)
    """

    def __init__(self, cores: float, memory_bytes: int) -> None:
        self._cores = cores
        self._memory = memory_bytes

    @classmethod
    def of(cls, profile: LocalProfile | ContainersProfile) -> Capacity:
        """What the profile allows, or what this process may use now."""
        cores = profile.cores or len(os.sched_getaffinity(0))
        return cls(cores, profile.memory_bytes or _available_memory())

    def fits(self, container: Container, running: Iterable[Container]) -> bool:
        """Whether a container may start beside those that are running."""
        together = [container, *running]
        if len(together) == 1:
            return True
        cores = sum(min(c.cpu_limit or 1.0, self._cores) for c in together)
        memory = sum(c.memory_limit_bytes or 0 for c in together)
        return cores <= self._cores and memory <= self._memory


def _available_memory() -> int:
    """Memory that can be had without swapping [bytes]."""
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
