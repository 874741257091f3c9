"""Worker processes that may take their time to start. Imports KServe: only the server may.

KServe kills a worker that leaves a ping unanswered for five seconds, and a worker answers none before it has loaded its
model. On a busy machine it would be killed at each start, for ever.
"""

from __future__ import annotations

from kserve.protocol.rest.multiprocess import server

LOADING_SECONDS = 120.0
"""A worker that does not answer for this long is taken for hung [s]."""


class PatientProcess(server.RESTServerProcess):  # type: ignore[misc]  # KServe is untyped
    """A worker as KServe keeps it, but for its patience."""

    def is_alive(self, timeout: float = LOADING_SECONDS) -> bool:
        """Whether it runs, and answers in time."""
        return bool(super().is_alive(timeout))


def be_patient() -> None:
    """Have KServe, in this process, start workers that may take their time."""
    server.RESTServerProcess = PatientProcess
