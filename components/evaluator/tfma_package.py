"""TFMA as a package, with or without Jupyter.

TFMA's `__init__` imports its notebook widgets, and leaves itself half imported, without an error, where `ipywidgets`
is missing. A container that evaluates models has no use for widgets, so the one module that needs them is replaced
by one whose functions say so.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import sys
from types import ModuleType
from typing import Any, NoReturn

_WIDGETS = "tensorflow_model_analysis.view.widget_view"
_RENDERERS = ("render_plot", "render_slicing_attributions", "render_slicing_metrics", "render_time_series")


def whole_tfma() -> Any:
    """Import `tensorflow_model_analysis`, all of it but the widgets where Jupyter is not installed.

    Raises:
        ImportError: It is not installed, or incomplete for another reason (operator).
    """
    if importlib.util.find_spec("ipywidgets") is None and _WIDGETS not in sys.modules:
        sys.modules[_WIDGETS] = _without_widgets()
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        tfma = importlib.import_module("tensorflow_model_analysis")
        if not hasattr(tfma, "load_eval_result"):  # imported before, by someone else, and left in halves
            tfma = importlib.reload(tfma)
    if not hasattr(tfma, "load_eval_result"):
        raise ImportError(f"tensorflow_model_analysis is incomplete: {said.getvalue().strip()}")
    return tfma


def _without_widgets() -> ModuleType:
    def no_jupyter(*_: object, **__: object) -> NoReturn:
        raise ImportError("TFMA's viewers need Jupyter: install ipywidgets")

    module = ModuleType(_WIDGETS)
    for name in _RENDERERS:
        setattr(module, name, no_jupyter)
    return module
