"""Where components and pipelines are: folders of the project, found and never named.

A project is a folder with `pipelines/` in it: the working folder or one above it. Its own `components/` stand beside
those that come with Penstock.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock.authoring.config import CONFIG_FILE, shown
from penstock.authoring.naming import nearest
from penstock.sdk import BadInput, ComponentSpec, PenstockError
from penstock.sdk.standard import COMPONENTS, let_import, standard_root

COMPILED_FILE = "compiled.yaml"
PIPELINES = "pipelines"


def project_root(start: Path | None = None) -> Path:
    """The nearest folder, from `start` upwards, that holds `pipelines/`.

    Args:
        start: Where to begin; the working folder by default.

    Raises:
        BadInput: There is none (caller).
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / PIPELINES).is_dir():
            return folder
    raise BadInput(
        f"{here} is not in a Penstock project",
        f"Go to a folder that has {PIPELINES}/ in it, or below it; `penstock init` starts one",
    )


def find_components(root: Path | None = None) -> dict[str, ComponentSpec]:
    """Every component that the project can use, its own and those that come with Penstock, by name, sorted.

    Raises:
        BadInput: There is no project here, or a `spec.py` does not declare its folder's component (its author).
    """
    return {name: load_spec(folder) for name, folder in _component_folders(root or project_root()).items()}


def find_component(name: str, root: Path | None = None) -> ComponentSpec:
    """One component that the project can use; its name may be written with hyphens.

    Raises:
        BadInput: There is none of that name; the nearest is told (caller).
    """
    return load_spec(_chosen("component", name, _component_folders(root or project_root())))


def find_pipelines(root: Path | None = None) -> dict[str, Path]:
    """The folders of the project's pipelines, by folder name, sorted.

    Raises:
        BadInput: There is no project here (caller).
    """
    root = root or project_root()
    return {folder.name: folder for folder in _folders(root / PIPELINES, CONFIG_FILE)}


def find_pipeline(name: str, root: Path | None = None) -> Path:
    """The folder of one pipeline; its name may be written with hyphens.

    Raises:
        BadInput: There is none of that name; the nearest is told (caller).
    """
    return _chosen("pipeline", name, find_pipelines(root))


def find_compiled(pipeline: str, root: Path | None = None) -> Path:
    """The `compiled.yaml` that is meant: by the file itself, by its folder, or by the pipeline's name.

    Args:
        pipeline: A path to a file or a folder, or a name under `pipelines/`.
        root: The project to look a name up in; the one around the working folder by default.

    Raises:
        BadInput: There is no such pipeline, or it was not compiled (caller).
    """
    given = Path(pipeline)
    if given.is_file():
        return given
    folder = given if (given / CONFIG_FILE).is_file() or (given / COMPILED_FILE).is_file() else None
    if folder is None and (len(given.parts) > 1 or given.suffix in (".yaml", ".yml")):
        raise BadInput(f"there is no compiled pipeline at {pipeline}")
    folder = folder or find_pipeline(pipeline, root)
    compiled = folder / COMPILED_FILE
    if not compiled.is_file():
        raise BadInput(f"{shown(compiled)} is missing", f"Make it: penstock compile {folder.name}")
    return compiled


def load_spec(folder: Path) -> ComponentSpec:
    """The `SPEC` of a component's folder.

    Raises:
        BadInput: It is missing, or names another component than its folder (the component's author).
    """
    spec = getattr(_load_spec_module(folder / "spec.py"), "SPEC", None)
    if not isinstance(spec, ComponentSpec):
        raise BadInput(f"{folder / 'spec.py'}: declares no SPEC", "Assign a ComponentSpec to SPEC")
    if spec.name != folder.name:
        raise BadInput(f"{folder / 'spec.py'}: SPEC is called {spec.name!r}, its folder {folder.name!r}")
    return spec


def load_check(spec: ComponentSpec) -> Callable[[Any], None] | None:
    """The function `check` of a component's `check.py`; None where it has no such file.

    Raises:
        BadInput: The file cannot be imported, or has no such function (the component's author).
    """
    dotted = spec.module.removesuffix("main") + "check"
    try:
        found = importlib.util.find_spec(dotted)
    except ModuleNotFoundError:  # a spec that is no component's own folder
        return None
    if found is None or found.origin is None:
        return None
    path = Path(found.origin)
    check = getattr(_explained(path, lambda: importlib.import_module(dotted)), "check", None)
    if not callable(check):
        raise BadInput(f"{path}: has no function `check(at: Check)`")
    return check  # type: ignore[no-any-return]


class _AsItStands(SourceFileLoader):
    """Leaves no compiled file beside the source: who looks at a pipeline changes nothing in its folder."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Keep nothing."""


def load_pipeline(folder: Path) -> ModuleType:
    """Execute a pipeline's `pipeline.py` as it stands now.

    Raises:
        BadInput: It is missing or cannot be executed (the pipeline's author).
    """
    path = folder / "pipeline.py"
    if not path.is_file():
        raise BadInput(f"{shown(path)} is missing")
    let_import(folder.resolve().parents[1])
    loader = _AsItStands(f"{PIPELINES}.{folder.name}.pipeline", str(path))
    module = ModuleType(loader.name)
    module.__file__ = str(path)
    _explained(path, lambda: loader.exec_module(module))
    return module


def _load_spec_module(path: Path) -> ModuleType:
    """Import a spec by its dotted name, the one that its container uses."""
    let_import(path.resolve().parents[2])
    dotted = f"{COMPONENTS}.{path.parent.name}.spec"
    module: ModuleType = _explained(path, lambda: importlib.import_module(dotted))
    if Path(module.__file__ or "").resolve() != path.resolve():
        remedy = "Work in one project at a time, and give a component of your own another name than Penstock's have"
        raise BadInput(f"{path}: Python finds {dotted} in {module.__file__}", remedy)
    return module


def _explained(path: Path, load: Callable[[], Any]) -> Any:
    """Load somebody's module; whatever it raises becomes one line."""
    try:
        return load()
    except PenstockError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        text = " ".join(str(error).split())
        if isinstance(error, SyntaxError) and error.filename == str(path):  # not executed at all, so in no frame
            lines, text = [error.lineno or 1], error.msg
        line = f":{lines[-1]}" if lines else ""
        raise BadInput(f"{shown(path)}{line}: cannot be imported: {type(error).__name__}: {text}") from error


def _component_folders(root: Path) -> dict[str, Path]:
    """Folders by component, sorted: the project's and those that come with Penstock."""
    roots = dict.fromkeys((standard_root() or root, root))
    found = {folder.name: folder for place in roots for folder in _folders(place / COMPONENTS, "spec.py")}
    return dict(sorted(found.items()))


def _folders(parent: Path, marker: str) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(folder for folder in parent.iterdir() if (folder / marker).is_file())


def _chosen(kind: str, name: str, known: dict[str, Path]) -> Path:
    key = name.replace("-", "_")
    if key not in known:
        raise BadInput(f"there is no {kind} {name!r}; {nearest(key, known)}")
    return known[key]
