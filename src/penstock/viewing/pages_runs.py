"""The list of runs: what its address asks for, and the addresses of its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from penstock.lineage.listing import RunFilter, RunIndex
from penstock.lineage.records import State
from penstock.sdk import BadInput
from penstock.viewing.pages import render

PAGE_ROWS = 50
STATES = (State.RUNNING, State.COMPLETE, State.FAILED, State.INTERRUPTED)
"""What a run can be in."""
_REFRESH_SECONDS = 3


@dataclass(frozen=True)
class ListQuery:
    """What the list is asked for, as its address says it."""

    pipeline: str = ""
    state: State | None = None
    text: str = ""
    page: int = 1
    """From 1, the newest runs."""

    @staticmethod
    def read(given: Mapping[str, str]) -> ListQuery:
        """Read an address's query; what it does not know is passed over.

        Raises:
            BadInput: The state or the page is none (caller).
        """
        state, page = given.get("state", ""), given.get("page", "1")
        if state and state not in [known.value for known in STATES]:
            raise BadInput(f"there is no state {state!r}", f"Known: {', '.join(STATES)}")
        if not (page.isascii() and page.isdecimal() and len(page) < 9 and int(page) > 0):
            raise BadInput(f"page {page[:20]!r} is none", "Pages are counted from 1")
        known = State(state) if state else None
        return ListQuery(given.get("pipeline", "")[:200], known, given.get("text", "")[:200].strip(), int(page))

    def filter(self) -> RunFilter:
        """The runs that it means."""
        states = (self.state,) if self.state else ()
        return RunFilter(pipeline=self.pipeline, states=states, text=self.text)

    def at(self, page: int) -> str:
        """The address of another page of the same list.

        Example:
            >>> ListQuery(text="epochs=2").at(3), ListQuery().at(1)
            ('/?text=epochs%3D2&page=3', '/')
        """
        other = replace(self, page=page)
        said = {"pipeline": other.pipeline, "state": other.state, "text": other.text, "page": other.page}
        query = urlencode({name: value for name, value in said.items() if value and (name, value) != ("page", 1)})
        return f"/?{query}" if query else "/"


def list_page(index: RunIndex, query: ListQuery) -> str:
    """The page of one list of runs; whoever runs one sees it move."""
    found = index.page(query.filter(), limit=PAGE_ROWS, offset=(query.page - 1) * PAGE_ROWS)
    page, pages = found.offset // PAGE_ROWS + 1, max(1, -(-found.total // PAGE_ROWS))
    return render(
        "local_runs.html.j2",
        title="Runs",
        query=query,
        runs=found.runs,
        total=found.total,
        first=found.offset + 1,
        page=page,
        pages=pages,
        newest=query.at(1) if page > 1 else "",
        newer=query.at(page - 1) if page > 1 else "",
        older=query.at(page + 1) if page < pages else "",
        oldest=query.at(pages) if page < pages else "",
        pipelines=index.pipelines(),
        states=STATES,
        refresh=_REFRESH_SECONDS if any(run.state is State.RUNNING for run in found.runs) else 0,
    )
