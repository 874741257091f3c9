"""Where the components are that come with Penstock: beside the package once installed, in the working copy else."""

from __future__ import annotations

import sys
from pathlib import Path

import penstock

COMPONENTS = "components"


def standard_root() -> Path | None:
    """The folder from which `components` can be imported; None where this package came without them."""
    package = Path(penstock.__path__[0]).resolve()
    places = (package.parent, package.parents[1])
    return next((place for place in places if (place / COMPONENTS / "__init__.py").is_file()), None)


def let_import(root: Path) -> None:
    """Let Python import the components of another folder beside those that it knows."""
    if str(root) not in sys.path:
        sys.path.append(str(root))
    package, own = sys.modules.get(COMPONENTS), str(root / COMPONENTS)
    if package and own not in package.__path__:  # imported before that folder was known
        package.__path__.append(own)


def is_installed() -> bool:
    """Whether this is an installed package, and not a working copy."""
    return Path(penstock.__path__[0]).resolve().parent.name in ("site-packages", "dist-packages")


def setup_command() -> str:
    """What fills the environments."""
    return "penstock setup" if is_installed() else "make setup"
