"""TFMA's messages without TFMA: the generated modules alone, in milliseconds.

Importing the package `tensorflow_model_analysis` takes about a second, and its messages need none of that. The
modules are loaded under their own names, so that TFMA, imported later, shares the very same classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = "tensorflow_model_analysis"
_PROTO = f"{_PACKAGE}.proto"


def load(name: str) -> Any:
    """Load one of TFMA's generated modules: `config_pb2`, `metrics_for_slice_pb2`, `validation_result_pb2`."""
    full = f"{_PROTO}.{name}"
    if full in sys.modules:
        return sys.modules[full]
    if _PACKAGE in sys.modules:
        return importlib.import_module(full)
    root = _package_folder()
    hollow = {_PACKAGE: _hollow(_PACKAGE, root), _PROTO: _hollow(_PROTO, root / "proto")}
    sys.modules.update(hollow)
    try:
        return importlib.import_module(full)
    finally:
        for package in hollow:
            del sys.modules[package]


def version() -> str:
    """TFMA's version, as its result files must state it."""
    from importlib.metadata import version as installed

    return installed("tensorflow-model-analysis")


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(_PACKAGE)
    return Path(spec.origin).parent


def _hollow(name: str, folder: Path) -> ModuleType:
    """A package whose `__init__` is not run; the import system finds its modules all the same."""
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    return package
