"""Templates, kept compiled: Jinja takes longer to compile those of a page than to fill them in."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class Compiled(FileSystemBytecodeCache):
    """Keeps what templates were compiled to where Python keeps this package's modules, and trusts it no less.

    Args:
        settings: Whatever else the compiled code depends on, as text: a change of it makes all be compiled anew.
    """

    def __init__(self, settings: str) -> None:
        super().__init__(str(Path(__file__).parent / "__pycache__"), "template-%s.cache")
        self._settings = version("jinja2") + settings

    def get_source_checksum(self, source: str) -> str:
        """Tell sources apart, and settings with them."""
        return super().get_source_checksum(self._settings + source)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, where that folder can be written."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
