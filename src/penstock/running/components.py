"""Finding a component of ours behind a container's command.

The compiled pipeline only says `python -m components.trainer.main {{$}}`. The declaration beside that module says what
the runner must know before it starts: lookups, observation, what to import early, which code counts.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import penstock.sdk
from penstock.provenance.code import code_digest
from penstock.provenance.keys import EXECUTOR_INPUT
from penstock.provenance.observing import observe
from penstock.sdk import BadInput, ComponentSpec, Params
from penstock.sdk.standard import COMPONENTS, let_import, standard_root


@dataclass(frozen=True)
class DeclaredComponent:
    """A component whose declaration was found."""

    spec: ComponentSpec
    module: str
    """What the container runs, as `python -m`."""
    root: Path
    """The folder from which the module is imported."""

    @property
    def folder(self) -> Path:
        """Where its code is."""
        return self.root.joinpath(*self.module.split(".")[:-1])

    def code_digest(self) -> str:
        """Digest of all code that can change its outputs: its own, the SDK's, and what it uses."""
        return code_digest(self.folder, self.spec.uses)

    def observe(self, params: Params) -> Any:
        """What it says of the world outside its inputs, None where it depends on nothing there.

        Raises:
            PenstockError: It cannot say: the source is not to be had (operator).
        """
        return observe(self.spec, lambda: importlib.import_module(self.module), params)


def find_component(words: Sequence[str], roots: Sequence[Path]) -> DeclaredComponent | None:
    """Find the component that a container runs.

    Args:
        words: The container's command and arguments, as compiled.
        roots: Folders to look in, first match wins.

    Returns:
        The component, or None for any other command.

    Raises:
        BadInput: A package of the same name from another folder was imported already (caller).
    """
    if len(words) != 4 or not words[0].startswith("python") or words[1] != "-m" or words[3] != EXECUTOR_INPUT:
        return None
    module = words[2]
    package = module.removesuffix(".main")
    if package == module:
        return None
    relative = Path(*package.split(".")) / "spec.py"
    root = next((root for root in roots if (root / relative).is_file()), None)
    if root is None:
        return None
    let_import(root)
    declaration = importlib.import_module(f"{package}.spec")
    if Path(str(declaration.__file__)).resolve() != (root / relative).resolve():
        raise BadInput(f"{package} was imported from {declaration.__file__}, not from {root}")
    spec = declaration.SPEC
    if not isinstance(spec, ComponentSpec):
        raise BadInput(f"{root / relative}: SPEC is not a ComponentSpec")
    return DeclaredComponent(spec, module, root)


def component_roots(compiled: Path) -> list[Path]:
    """Where components may be: beside the pipeline, in the working folder, where Penstock's are, where Python looks."""
    standard = (root,) if (root := standard_root()) else ()
    places: Iterable[Path] = (*compiled.absolute().parents, Path.cwd(), *standard, *(Path(p) for p in sys.path if p))
    return list(dict.fromkeys(places))


def import_roots(links: Path, roots: Iterable[Path]) -> list[Path]:
    """Folders from which `penstock` and components can be imported, and nothing else that is installed beside them.

    Other environments need these packages but none of our libraries, so for installed ones there are links.

    Args:
        links: A folder to keep links in.
        roots: Folders that components were found in.
    """
    found = []
    package = Path(penstock.sdk.__path__[0]).resolve().parent
    for root, name in ((package.parent, package.name), *((root, COMPONENTS) for root in roots)):
        if root.name not in ("site-packages", "dist-packages"):
            found.append(root)
            continue
        links.mkdir(parents=True, exist_ok=True)
        fresh, link = links / f".{name}-{os.getpid()}", links / name
        fresh.symlink_to(root / name)
        fresh.replace(link)
        found.append(links)
    return list(dict.fromkeys(found))
