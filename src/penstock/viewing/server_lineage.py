"""The one thread that asks the lineage, for a server that answers many at once.

ML Metadata's store may be used by one thread at a time and not across a fork, so a thread of its own opens it and asks
it; questions wait in line. They take milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from penstock.lineage.errors import UnknownArtifact
from penstock.lineage.listing import RunIndex, as_it_is
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, RunRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Lineage:
    """What a question may look at; belongs to the lineage's thread."""

    store: LineageStore
    index: RunIndex
    alive: Callable[[str], bool]

    def run(self, reference: str) -> RunRecord:
        """One run with its executions, as it stands: see `LineageStore.run`."""
        return as_it_is(self.store.run(reference), self.alive)

    def artifact(self, number: int) -> ArtifactRecord:
        """One artifact by its number, and by nothing else that such digits may mean.

        Raises:
            UnknownArtifact: No artifact has it (caller).
        """
        found = self.store.artifact(str(number))
        if found.id != number:
            raise UnknownArtifact(f"no artifact has the number {number}")
        return found


class LineageThread:
    """Opens the lineage in a thread of its own, and hands questions to it.

    Args:
        open_lineage: Opens the store.
        alive: Whether a run that says `running` still does.

    Raises:
        PenstockError: As `open_lineage`.
    """

    def __init__(self, open_lineage: Callable[[], LineageStore], alive: Callable[[str], bool]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lineage")

        def open_and_read() -> Lineage:
            store = open_lineage()
            return Lineage(store, RunIndex(store, alive), alive)

        try:
            self._lineage = self._thread.submit(open_and_read).result()
        except BaseException:
            self.close()
            raise

    async def ask(self, question: Callable[[Lineage], T]) -> T:
        """Have a question answered.

        Raises:
            PenstockError: As the store says.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._lineage)

    def ask_now(self, question: Callable[[Lineage], T]) -> T:
        """Have a question answered, and wait for it: before anything is served.

        Raises:
            PenstockError: As the store says.
        """
        return self._thread.submit(question, self._lineage).result()

    def close(self) -> None:
        """Answer nothing more; a question that is being answered is waited for."""
        self._thread.shutdown(cancel_futures=True)
