"""Whether a pipeline has run well often enough on a cluster to go on to the next.

    ci/enough-runs --profile staging --pipeline flights --least 3

The newest runs that have ended must all be of one version, the newest, and all have succeeded. Exits with 0 if so, with
1 and the reason otherwise. A gate that said no is no failure: this judges pipelines, the gates judge models.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_UNDER_WAY = ("PENDING", "RUNNING", "CANCELING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", required=True, help="the cluster that is asked")
    parser.add_argument("--pipeline", required=True, help="the pipeline's name")
    parser.add_argument("--least", type=int, default=3, help="how many successful runs are wanted (default: 3)")
    arguments = parser.parse_args()
    command = [str(ROOT / ".venv" / "bin" / "penstock"), "runs", "list", "--profile", arguments.profile]
    command += ["--pipeline", arguments.pipeline, "--limit", str(max(100, arguments.least)), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return done.returncode
    lack = find_lack(json.loads(done.stdout), arguments.least)
    print(lack or f"{arguments.pipeline}: its {arguments.least} newest runs on {arguments.profile} succeeded")
    return int(bool(lack))


def find_lack(runs: Sequence[Mapping[str, Any]], least: int) -> str:
    """Say what is missing for going on; empty where nothing is.

    Args:
        runs: Runs as Kubeflow Pipelines describes them, newest first.
        least: How many successful ones are wanted.
    """
    ended = [run for run in runs if run["state"] not in _UNDER_WAY]
    if not ended:
        return f"no run has ended, and {least} successful ones are wanted"
    version = _version(ended[0])
    newest = [run for run in ended if _version(run) == version]
    failed = next((run for run in newest[:least] if run["state"] != "SUCCEEDED"), None)
    if failed:
        return f"run {failed['run_id']} is {str(failed['state']).lower()}; the {least} newest must have succeeded"
    if len(newest) < least:
        return f"{len(newest)} runs of the newest version have succeeded, and {least} are wanted"
    return ""


def _version(run: Mapping[str, Any]) -> str:
    return str(run["pipeline_version_reference"]["pipeline_version_id"])


if __name__ == "__main__":
    sys.exit(main())
