import pytest

from tests.components.transform import flights


@pytest.fixture(scope="session")
def some_flights(tmp_path_factory):
    """4,000 real flights over the whole year."""
    return flights.examples(tmp_path_factory.mktemp("flights"), 4000)


@pytest.fixture(scope="session")
def flights_schema(tmp_path_factory):
    return flights.schema(tmp_path_factory.mktemp("schema"))
