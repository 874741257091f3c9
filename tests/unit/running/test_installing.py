from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock.running.installing import fill_environments, missing, pinned
from penstock.sdk import BadInput

LOCK = "# by hand\nnumpy==1.26.4 \\\n    --hash=sha256:00\nPyYAML==6.0.2 \\\n    # via kfp\ntyping_extensions==4.12.0\n"


def test_what_is_installed_in_another_version_is_missing(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in ("numpy-1.26.3", "PyYAML-6.0.2", "typing_extensions-4.12.0"):
        (site / f"{name}.dist-info").mkdir(parents=True)
    assert missing(LOCK, tmp_path) == ["numpy==1.26.4"]
    assert missing(LOCK, tmp_path / "nowhere") == ["numpy==1.26.4", "pyyaml==6.0.2", "typing-extensions==4.12.0"]


@pytest.mark.parametrize("name", ["runtime", "serving"])
def test_the_locks_are_read_whole(name: str) -> None:
    import penstock

    lock = (Path(penstock.__path__[0]) / "locks" / name / "requirements.lock").read_text()
    starts = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pinned(lock)) == len(starts) > 50


def test_this_environment_lacks_nothing() -> None:
    import penstock

    lock = Path(penstock.__path__[0]) / "locks" / "runtime" / "requirements.lock"
    assert missing(lock.read_text(), Path(sys.prefix)) == []


def test_a_working_copy_says_how_it_is_set_up() -> None:
    with pytest.raises(BadInput, match=r"working copy of Penstock\. Run: make setup"):
        list(fill_environments(print))
