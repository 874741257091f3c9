"""Labels meet the requests that they are about, whichever come last."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

from penstock.releasing.sources.labels import Row
from penstock.releasing.sources.pairing import Whole

MOST_WAITING = 100_000
"""Labels that are kept because their requests are not in the log yet; and those of which is known that they counted."""
MOST_REQUESTS = 10_000_000
"""Answers whose file is known. Of more, the oldest get no label any more."""


class Whereabouts:
    """In which file of the log the answers to a request are: 12 bytes for each, so that labels may come weeks later."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._hashes, self._files = array("q"), array("I")

    def add(self, name: str, ids: Sequence[str]) -> None:
        """Note the answers of one more file."""
        if not ids:
            return
        self._hashes.extend(map(hash, ids))
        self._files.extend([len(self._names)] * len(ids))
        self._names.append(name)
        if len(self._hashes) > MOST_REQUESTS:
            oldest = MOST_REQUESTS // 10
            del self._hashes[:oldest], self._files[:oldest]

    def files_of(self, ids: Iterable[str]) -> list[str]:
        """The files that hold them, in the order of the log; rarely one more."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array([hash(each) for each in ids], pa.int64())
        kinds = ((self._hashes, pa.int64()), (self._files, pa.uint32()))
        hashes, files = (pa.Array.from_buffers(k, len(a), [None, pa.py_buffer(a)]) for a, k in kinds)
        found = pc.unique(files.filter(pc.is_in(hashes, value_set=wanted))).to_pylist()
        return [self._names[number] for number in sorted(found)]


class Joining:
    """The labels of one table that wait for their requests. Each request has one, which counts once."""

    def __init__(self) -> None:
        self.waiting: dict[str, float] = {}
        self._met: dict[str, None] = {}

    def add(self, rows: Iterable[Row]) -> list[str]:
        """Take labels that came.

        Returns:
            The ids of those that are new.
        """
        came = {identity: label for identity, label in rows if identity not in self._met}
        self.waiting |= came
        return list(came)

    def meet(self, wholes: Iterable[Whole]) -> list[tuple[Whole, float]]:
        """Those requests whose labels are there, with them; then the oldest labels of too many are given up."""
        found: list[tuple[Whole, float]] = []
        for whole in wholes:
            label = self.waiting.pop(whole.request_id, None)
            if label is not None:
                found.append((whole, label))
                self._met[whole.request_id] = None
        for known in (self.waiting, self._met):
            for oldest in list(islice(known, max(0, len(known) - MOST_WAITING))):
                del known[oldest]
        return found
