"""Every worked example in a docstring is worked here."""

import doctest
import importlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "components").rglob("*.py")]
WITH_EXAMPLES = sorted(path for path in SOURCES if ">>> " in path.read_text())


def _name(path: Path) -> str:
    root = REPOSITORY / "src" if path.is_relative_to(REPOSITORY / "src") else REPOSITORY
    return ".".join(path.relative_to(root).with_suffix("").parts)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=_name)
def test_examples_give_what_they_say(path):
    outcome = doctest.testmod(importlib.import_module(_name(path)))
    assert outcome.attempted > 0
    assert outcome.failed == 0
