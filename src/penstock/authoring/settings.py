"""`run.yaml`: what one run sets, in a file: `train: {epochs: 2}`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.authoring.config import shown
from penstock.sdk import BadInput
from penstock.strict_yaml import Location, read_yaml


@dataclass(frozen=True)
class Settings:
    """What a file sets, and where in it."""

    texts: dict[str, str] = field(default_factory=dict)
    """Texts by `task.parameter`, as `--set` would be given them: strings as they are, everything else as JSON."""
    places: dict[str, str] = field(default_factory=dict)
    """The file and line of each, for messages: `run.yaml:2: train.epochs`."""


def read_settings(path: Path) -> Settings:
    """Read a run's settings.

    Args:
        path: A YAML file with a mapping of tasks to mappings of parameters.

    Raises:
        BadInput: It is not such a file; the message has the line (the file's author).
    """
    document = read_yaml(shown(path))

    def checked(value: Any, location: Location, shape: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadInput(f"{document.prefix(location)}{'.'.join(map(str, location)) or 'a run'}: must be {shape}")
        return value

    settings = Settings()
    for task, values in checked(document.value or {}, (), "tasks with their parameters, `train: {epochs: 2}`").items():
        for name, value in checked(values, (task,), "a mapping of parameters to values").items():
            setting = f"{task}.{name}"
            place = f"{document.prefix((task, name))}{setting}"
            if value is None:
                raise BadInput(f"{place}: null sets nothing", "Leave the key out, or give a value")
            settings.places[setting] = place
            try:
                settings.texts[setting] = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
            except ValueError:
                raise BadInput(f"{place}: infinity and NaN are not numbers that a run may set") from None
    return settings
