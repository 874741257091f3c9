"""The digest of a component's code: of every file that can change what it puts out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import penstock.artifacts
import penstock.sdk
from penstock.artifacts.digest import digest_file, digest_json
from penstock.sdk import BadInput


def code_digest(folder: Path, uses: Sequence[str]) -> str:
    """Digest a component's own code, the SDK's, and that of the packages that it uses.

    Args:
        folder: Where the component's code is.
        uses: Packages, as its declaration names them.

    Raises:
        BadInput: One of the packages is not installed (caller).
    """
    return digest_json([_code(folder), _shared_code(), *(_package_code(name) for name in uses)])


@cache
def _shared_code() -> Mapping[str, str]:
    return {**_code(Path(penstock.artifacts.__path__[0])), **_code(Path(penstock.sdk.__path__[0]))}


@cache
def _package_code(name: str) -> Mapping[str, str]:
    found = importlib.util.find_spec(name)
    if found is None:
        raise BadInput(f"package {name!r}, which a component runs, is not installed")
    return _code(Path((found.submodule_search_locations or [str(found.origin)])[0]))


def _code(folder: Path) -> Mapping[str, str]:
    """Digest per source file, named from the package on."""
    if folder.is_file():
        return {folder.name: digest_file(folder)}
    base = folder.parent
    return {path.relative_to(base).as_posix(): digest_file(path) for path in folder.rglob("*.py")}
