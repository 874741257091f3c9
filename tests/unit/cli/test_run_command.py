"""`penstock run --profile`: which profiles it takes, and what it says of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.run import _profile
from penstock.profiles.containers import ContainersProfile
from penstock.profiles.local import LocalProfile
from penstock.sdk import BadInput


def test_takes_profiles_of_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("kind: containers\nmounts: [/data]\n")
    assert _profile("local") == LocalProfile()
    assert _profile("containers") == ContainersProfile()
    assert _profile(str(file)) == ContainersProfile(mounts=(Path("/data"),))


def test_sends_a_clusters_profile_to_where_it_belongs(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text("kind: cluster\n")
    with pytest.raises(BadInput, match=r"profile of a cluster.*penstock submit"):
        _profile(str(file))


def test_an_unknown_profile_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"no profile 'container'.*local, containers"):
        _profile("container")
