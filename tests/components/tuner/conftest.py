import pytest

from penstock.artifacts.repeatable import make_tensorflow_repeatable


@pytest.fixture(autouse=True, scope="session")
def _repeatable() -> None:
    make_tensorflow_repeatable()
