"""`--set` and `--settings`: what a run sets, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from penstock.authoring.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SET = click.option(
    "--set", "settings", metavar="TASK.PARAM=VALUE", multiple=True, help="Set a parameter; may be repeated."
)
_FILE = click.option(
    "--settings",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read parameters from a YAML file: `train: {epochs: 2}`. --set goes before it.",
)


def settings_options(command: _Command) -> _Command:
    """The options of a command that starts a run; `gather` reads what they were given."""
    return _SET(_FILE(command))


def gather(settings: tuple[str, ...], file: Path | None) -> Settings:
    """What the file sets and `--set` does not, with its place; and what `--set` sets.

    Raises:
        UsageError: One `--set` is no NAME=VALUE, or two contradict each other (caller).
        BadInput: The file is none of settings (its author).
    """
    from penstock.authoring.settings import Settings, read_settings

    typed = _typed(settings)
    read = read_settings(file) if file else Settings()
    places = {name: place for name, place in read.places.items() if name not in typed}
    return Settings({**read.texts, **typed}, places)


def _typed(settings: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip()
        if not equals or not name:
            raise click.UsageError(f"--set wants TASK.PARAM=VALUE, not '{setting}'.", click.get_current_context())
        if found.setdefault(name, value) != value:
            raise click.UsageError(f"--set {name} is there twice, with different values.", click.get_current_context())
    return found
