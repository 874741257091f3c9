"""Checkpoints: going on after a crash exactly where the last one was written.

One file, replaced as a whole. It lives in the scratch folder, which belongs to this very piece of work (same code,
parameters and inputs), so it needs no name for what it was made from.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Sequence[npt.NDArray[Any]]


class Checkpoint:
    """The checkpoint of one training.

    Args:
        folder: A folder that survives a crash; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "checkpoint.npz" if folder else None

    def write(self, facts: dict[str, Any], **groups: Arrays) -> None:
        """Replace the checkpoint; a crash in the middle leaves the earlier one.

        Args:
            facts: What can be told in JSON.
            **groups: Lists of arrays, by name.
        """
        if self._path is None:
            return
        arrays = {f"{group}.{n:04d}": array for group, members in groups.items() for n, array in enumerate(members)}
        partial = self._path.with_name(f".{self._path.name}.partial-{os.getpid()}")
        with partial.open("wb") as stream:
            np.savez(stream, facts=np.array(json.dumps(facts)), **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self._path)

    def read(self) -> tuple[dict[str, Any], dict[str, list[npt.NDArray[Any]]]] | None:
        """The last checkpoint, or None where there is none that can be read."""
        if self._path is None:
            return None
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                facts = json.loads(str(stored["facts"]))
                groups: dict[str, list[npt.NDArray[Any]]] = {}
                for name in sorted(set(stored.files) - {"facts"}):
                    groups.setdefault(name.split(".")[0], []).append(stored[name])
                return facts, groups
        except (FileNotFoundError, zipfile.BadZipFile, KeyError, ValueError, EOFError):
            return None
