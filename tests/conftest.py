"""What holds for all tests."""

from __future__ import annotations

import gc
from collections import Counter

import pytest
from hypothesis import settings

# The same examples in every run, however busy the machine: what is green stays green until the code changes. To search
# on: pytest --hypothesis-profile=default
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Real servers, and which tests are left out where one cannot be had; and what is made once for all tests.
pytest_plugins = ["tests.servers.tools", "tests.servers.kubernetes", "tests.servers.s3", "tests.made_once"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have the most slow tests: begun last, one would keep the other processes waiting.

    The order of the tests in a file, and of files that are alike in this, stays as it was.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What was imported by now stays: it need not be looked through for garbage again and again."""
    gc.collect()
    gc.freeze()
