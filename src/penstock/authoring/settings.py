"""`run.yaml`: what one run sets, in a file: `train: {epochs: 2}`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.authoring.config import shown
from penstock.authoring.strict_yaml import Location, read_yaml
from penstock.sdk import BadInput


def read_settings(path: Path) -> dict[str, str]:
    """Read a run's settings, as `--set` would be given them.

    Args:
        path: A YAML file with a mapping of tasks to mappings of parameters.

    Returns:
        Texts by `task.parameter`: strings as they are, everything else as JSON.

    Raises:
        BadInput: It is not such a file; the message has the line (the file's author).
    """
    document = read_yaml(shown(path))

    def checked(value: Any, location: Location, shape: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadInput(f"{document.prefix(location)}{'.'.join(map(str, location)) or 'a run'}: must be {shape}")
        return value

    settings: dict[str, str] = {}
    for task, values in checked(document.value or {}, (), "tasks with their parameters, `train: {epochs: 2}`").items():
        for name, value in checked(values, (task,), "a mapping of parameters to values").items():
            if value is None:
                place = document.prefix((task, name))
                raise BadInput(f"{place}{task}.{name}: null sets nothing", "Leave the key out, or give a value")
            settings[f"{task}.{name}"] = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
    return settings
