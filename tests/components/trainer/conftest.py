import pytest

from components.transform.main import SPEC, run
from penstock.sdk.testkit import run_component
from tests.components.transform import flights


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Inputs of the trainer: 4,000 real flights, transformed."""
    folder = tmp_path_factory.mktemp("prepared")
    given = {"examples": flights.examples(folder, 4000), "schema": flights.schema(folder)}
    made = run_component(SPEC, run, folder, params={"label": "late", "features": flights.FEATURES}, inputs=given)
    return {**given, **made.outputs}
