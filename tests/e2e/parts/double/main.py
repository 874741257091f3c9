"""Doubles numbers."""

import os
import subprocess
import time
from pathlib import Path

from parts.double.spec import SPEC, DoubleParams
from penstock.artifacts import Examples
from penstock.sdk import Context, PenstockError, main


def run(context: Context[DoubleParams]) -> None:
    params, source = context.params, context.input("examples", Examples)
    output = context.output("examples_out", Examples)
    numbers = sorted((source.path / "numbers").iterdir())
    if params.touch:
        child = subprocess.Popen(["sleep", "600"]).pid if params.leave else 0
        Path(params.touch).write_text(f"{os.getpid()} {child}")
    for place, number in enumerate(numbers):
        output.write_text(number.name, number.read_text() * params.factor)
        context.scratch.joinpath(f"{number.name}.mark").write_text("seen")
        time.sleep(params.seconds / len(numbers))
        context.progress(place + 1, len(numbers))
    for part in range(params.megabytes):
        output.file(f"heavy/{part}").write_bytes(bytes(1_000_000))
    if params.fail_until:
        with Path(params.fail_until).open("a+") as file:
            file.write("x")
            file.seek(0)
            if len(file.read()) < 3:
                raise PenstockError("not yet")
    if params.crash:
        raise ZeroDivisionError("one over nothing\nand more")
    context.processed(len(numbers))


if __name__ == "__main__":
    main(SPEC, run)
