from __future__ import annotations

import pytest

from penstock.profiles.local import LocalProfile
from penstock.running.capacity import Capacity
from penstock.running.work import Container


def container(cores: float | None = None, memory: int | None = None) -> Container:
    return Container("i", (), (), cpu_limit=cores, memory_limit_bytes=memory)


@pytest.mark.parametrize(
    ("asked", "running", "fits"),
    [
        (container(), [], True),
        (container(), [container()], True),
        (container(), [container(), container()], False),
        (container(0.5), [container(0.5), container()], True),
        (container(1.5), [container()], False),
        (container(8), [], True),
        (container(8), [container()], False),
        (container(memory=60), [container(memory=40)], True),
        (container(memory=61), [container(memory=40)], False),
        (container(memory=1000), [], True),
        (container(), [container(memory=1000)], False),
    ],
)
def test_two_cores_and_a_hundred_bytes(asked: Container, running: list[Container], fits: bool) -> None:
    assert Capacity(2, 100).fits(asked, running) is fits


def test_the_profile_goes_before_the_machine() -> None:
    capacity = Capacity.of(LocalProfile(cores=1, memory_bytes=10))
    assert not capacity.fits(container(), [container()])
    assert Capacity.of(LocalProfile(cores=4)).fits(container(memory=1_000_000), [container()])
