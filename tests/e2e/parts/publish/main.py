"""Publishes numbers."""

import shutil

from parts.publish.spec import SPEC, PublishParams
from penstock.artifacts import Examples, PushedModel
from penstock.sdk import Context, main


def run(context: Context[PublishParams]) -> None:
    shutil.copytree(context.input("examples", Examples).path, context.output("pushed_model", PushedModel).path / "all")


if __name__ == "__main__":
    main(SPEC, run)
