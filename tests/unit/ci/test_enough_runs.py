from __future__ import annotations

from typing import Any

import pytest

from ci.enough_runs import find_lack


def _run(number: int, state: str = "SUCCEEDED", version: str = "2") -> dict[str, Any]:
    return {"run_id": f"run-{number}", "state": state, "pipeline_version_reference": {"pipeline_version_id": version}}


@pytest.mark.parametrize(
    ("runs", "lack"),
    [
        ([], "no run has ended, and 2 successful ones are wanted"),
        ([_run(1, "RUNNING")], "no run has ended, and 2 successful ones are wanted"),
        ([_run(2)], "1 runs of the newest version have succeeded, and 2 are wanted"),
        ([_run(3), _run(2)], ""),
        ([_run(4, "RUNNING"), _run(3), _run(2)], ""),
        ([_run(3), _run(2, "FAILED"), _run(1)], "run run-2 is failed; the 2 newest must have succeeded"),
        ([_run(3, "CANCELED"), _run(2), _run(1)], "run run-3 is canceled; the 2 newest must have succeeded"),
        ([_run(3), _run(2), _run(1, "FAILED")], ""),
        (
            [_run(3), _run(2, version="1"), _run(1, version="1")],
            "1 runs of the newest version have succeeded, and 2 are wanted",
        ),
    ],
)
def test_only_the_newest_runs_of_the_newest_version_count(runs: list[dict[str, Any]], lack: str) -> None:
    assert find_lack(runs, 2) == lack
