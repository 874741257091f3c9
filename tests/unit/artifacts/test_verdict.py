"""A gate opens on evidence only."""

import pytest
from pydantic import ValidationError

from penstock.artifacts import Consequence, Decision, Verdict


@pytest.mark.parametrize("consequence", [Consequence.PROCEED, Consequence.QUARANTINE, Consequence.RETRAIN])
def test_success_opens_whatever_else_follows(consequence):
    assert Decision(verdict=Verdict.SUCCESSFUL, consequence=consequence).gate == "open"


def test_success_may_still_stop():
    assert Decision(verdict=Verdict.SUCCESSFUL, consequence=Consequence.STOP).gate == "closed"


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_without_success_no_decision_that_opens_can_be_made(verdict):
    assert Decision(verdict=verdict, consequence=Consequence.STOP).gate == "closed"
    for consequence in (Consequence.PROCEED, Consequence.QUARANTINE, Consequence.RETRAIN):
        with pytest.raises(ValidationError, match="must stop"):
            Decision(verdict=verdict, consequence=consequence)
