"""The command that checks rules against a model: `python -m penstock.serving.rules RULES --model-dir DIR`.

Exit code 0 when the rules fit the model and every example comes out as it says; 3 with a line for each thing that does
not; 2 for a wrong argument.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from penstock.artifacts.features import FEATURES_FILE, FeatureSpec
from penstock.artifacts.task import TASK_FILE, Task
from penstock.sdk import BadInput

_REFUSED = 3


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Check, say what is wrong, exit."""
    parser = argparse.ArgumentParser(prog="penstock.serving.rules", description="Check rules against a model.")
    parser.add_argument("rules", type=Path, help="the rules, as YAML")
    parser.add_argument("--model-dir", type=Path, required=True, help="a Model artifact, or a bundle's model folder")
    options = parser.parse_args(argv)
    try:
        wrong = check(options.rules, options.model_dir)
    except BadInput as error:
        wrong = [error.message]
    except OSError as error:
        print(f"penstock.serving.rules: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    for line in wrong:
        print(line)  # noqa: T201
    sys.exit(_REFUSED if wrong else 0)


def check(rules_file: Path, model_folder: Path) -> list[str]:
    """What is wrong with rules for a model, in one line each.

    Raises:
        BadInput: The rules cannot be read, or do not fit the model (their author).
        OSError: The model cannot be read.
    """
    from penstock.serving.rules.applying import Rules
    from penstock.serving.rules.document import read_rules
    from penstock.serving.rules.examples import wrong_examples

    raw = FeatureSpec.model_validate_json((model_folder / FEATURES_FILE).read_bytes()).raw
    task_file = model_folder / TASK_FILE
    task = Task.model_validate_json(task_file.read_bytes()) if task_file.is_file() else None
    return wrong_examples(Rules(read_rules(rules_file), raw, task), raw)


if __name__ == "__main__":
    main()
