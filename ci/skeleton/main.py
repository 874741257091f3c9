"""The work of `skeleton`: read, decide, write."""

from components.skeleton.logic import large_enough
from components.skeleton.spec import SPEC, SkeletonParams
from penstock.artifacts import Examples
from penstock.sdk import Context, PenstockError, main


def run(context: Context[SkeletonParams]) -> None:
    """Copy the splits that are large enough."""
    examples = context.input("examples", Examples)
    rows = {split: examples.rows(split) for split in examples.splits()}
    kept = large_enough(rows, context.params.min_rows)
    if not kept:
        raise PenstockError(f"no split has {context.params.min_rows} rows", f"There are {rows}")
    for split in kept:
        context.output("kept", Examples).write(split, examples.read(split))
    context.processed(sum(rows[split] for split in kept))


if __name__ == "__main__":
    main(SPEC, run)
