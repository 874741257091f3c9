"""What a container is told of its place in a run."""

from __future__ import annotations

import pytest

from penstock.launching.settings import Settings
from penstock.provenance import variables
from penstock.sdk import BadInput

KNOWN = {
    variables.LINEAGE: "grpc://lineage.example.com",
    variables.PIPELINE: "flights",
    variables.TASK: "train",
    variables.RUN_ID: "1a2b",
}


def test_without_a_lineage_there_is_nothing_to_know() -> None:
    assert Settings.from_environment({}) is None


def test_what_is_not_said_has_a_default() -> None:
    settings = Settings.from_environment(KNOWN)
    assert settings is not None
    assert (settings.task, settings.use_cache, settings.lineage_patience_seconds) == ("train", True, 180.0)
    patient = Settings.from_environment({**KNOWN, variables.CACHE: "OFF", variables.LINEAGE_PATIENCE: "5"})
    assert patient is not None
    assert (patient.use_cache, patient.lineage_patience_seconds) == (False, 5.0)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_patience_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=f"{variables.LINEAGE_PATIENCE}: '{text}' is not a number of seconds"):
        Settings.from_environment({**KNOWN, variables.LINEAGE_PATIENCE: text})
