"""Writes numbers."""

from pathlib import Path

from parts.numbers.spec import SPEC, NumbersParams
from penstock.artifacts import Examples
from penstock.sdk import Context, main


def observe(params: NumbersParams) -> str:
    return Path(params.source).read_text() if params.source else ""


def run(context: Context[NumbersParams]) -> None:
    output = context.output("examples", Examples)
    for number in range(context.params.count):
        output.write_text(f"numbers/{number}", str(number) * 1000)
        context.progress(number + 1, context.params.count)
    output.write_text("source", observe(context.params))
    context.processed(context.params.count)


if __name__ == "__main__":
    main(SPEC, run)
