"""What an image says of itself, for who starts work in it: its packages and its components' code, as digests.

`python -m penstock.provenance.labels`, run where everything is installed, prints the labels as builders take them:
NAME=VALUE, one a line.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from penstock.provenance.code import code_digest
from penstock.provenance.environment import environment_digest
from penstock.sdk.standard import COMPONENTS, standard_root

ENVIRONMENT_DIGEST = "io.penstock.environment-digest"
"""Digest of the installed packages: what `environment_digest` gives inside."""
CODE_DIGESTS = "io.penstock.code-digests"
"""A JSON object, digest by component: what `code_digest` gives inside."""


def labels() -> dict[str, str]:
    """The labels of the image that this runs in, sorted.

    Components that cannot be imported here run in another image, and are left out.
    """
    root = standard_root()
    codes = {}
    for spec in sorted(root.glob(f"{COMPONENTS}/*/spec.py")) if root else ():
        name = spec.parent.name
        try:
            uses = importlib.import_module(f"{COMPONENTS}.{name}.spec").SPEC.uses
        except ImportError:
            continue
        codes[name] = code_digest(spec.parent, uses)
    return {
        CODE_DIGESTS: json.dumps(codes, sort_keys=True, separators=(",", ":")),
        ENVIRONMENT_DIGEST: environment_digest(Path(sys.prefix)),
    }


if __name__ == "__main__":
    for _name, _value in labels().items():
        sys.stdout.write(f"{_name}={_value}\n")
