"""Train in a process of its own; says on standard output how far it is, and the digest at the end.

Usage: python train_once.py ARGUMENTS_AS_JSON
"""

import json
import os
import sys
from pathlib import Path

from components.trainer.main import SPEC, run
from penstock.sdk import entry
from penstock.sdk.executor import ExecutorInput


def main(document: dict, scratch: str, cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    executor_input = ExecutorInput.model_validate(document)
    result = entry.execute(
        SPEC, run, executor_input, progress=lambda done, *_: print(done, flush=True), scratch=Path(scratch)
    )
    print(result.outputs["model"].digest)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
