"""The addresses of the local pages, and what is asked of lineage and files for each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.artifacts.digest import digest_json
from penstock.lineage.neighbourhood import neighbourhood
from penstock.lineage.records import RunRecord
from penstock.sdk import BadInput, PenstockError
from penstock.viewing import pages, server_files
from penstock.viewing.comparison_view import comparison_page
from penstock.viewing.pages_artifact import artifact_page, file_page
from penstock.viewing.pages_run import MOST_COMPARED, compare_page, run_page
from penstock.viewing.pages_runs import ListQuery, list_page
from penstock.viewing.run_view import report_page
from penstock.viewing.server_guard import SANDBOX, policy
from penstock.viewing.server_lineage import Lineage, LineageThread

_KEPT_REPORTS = 8


class Site:
    """The local pages.

    Args:
        home: The state folder; only files within it are shown.
        lineage: Answers from the lineage.
        reports: The same for reports, which take longer.
    """

    def __init__(self, home: Path, lineage: LineageThread, reports: LineageThread) -> None:
        self._home = home
        self._lineage = lineage
        self._reports = reports
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._policy = policy(pages.style(), pages.script())

    def app(self) -> Starlette:
        """The application that answers."""
        routes = [
            Route("/", self._runs),
            Route("/compare", self._compare),
            Route("/compare/report", self._compare_report),
            Route("/runs/{run_id}", self._run),
            Route("/runs/{run_id}/report", self._run_report),
            Route("/artifacts/{number:int}", self._artifact),
            Route("/artifacts/{number:int}/files/{name:path}", self._file),
            Route("/artifacts/{number:int}/raw/{name:path}", self._raw),
        ]
        handlers: dict[Any, Any] = {PenstockError: self._problem, HTTPException: self._problem, 500: self._problem}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def _runs(self, request: Request) -> Response:
        query = ListQuery.read(request.query_params)

        def answer(lineage: Lineage) -> str:
            lineage.index.refresh()
            return list_page(lineage.index, query)

        return self._page(await self._lineage.ask(answer))

    async def _run(self, request: Request) -> Response:
        reference = request.path_params["run_id"]
        run = await self._lineage.ask(lambda lineage: lineage.run(reference))
        if run.run_id != reference:
            return RedirectResponse(pages.run_link(run.run_id))
        return self._page(run_page(run))

    async def _run_report(self, request: Request) -> Response:
        reference = request.path_params["run_id"]

        def answer(lineage: Lineage) -> str:
            run = lineage.run(reference)
            return self._kept_or_made(lambda: report_page(lineage.store, run), run)

        return _sandboxed(await self._reports.ask(answer))

    async def _compare_report(self, request: Request) -> Response:
        references = _selected(request, most=2)

        def answer(lineage: Lineage) -> str:
            first, second = (lineage.run(reference) for reference in references)
            return self._kept_or_made(lambda: comparison_page(lineage.store, first, second), first, second)

        return _sandboxed(await self._reports.ask(answer))

    def _kept_or_made(self, make: Callable[[], str], *runs: RunRecord) -> str:
        """A page that was made of the same records, or a new one; only the thread of the reports comes here."""
        key = digest_json([run.model_dump(mode="json") for run in runs])
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > _KEPT_REPORTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    async def _compare(self, request: Request) -> Response:
        references = _selected(request, most=MOST_COMPARED)
        runs = await self._lineage.ask(lambda lineage: [lineage.run(reference) for reference in references])
        return self._page(compare_page(runs, every=request.query_params.get("all") == "1"))

    async def _artifact(self, request: Request) -> Response:
        number = request.path_params["number"]
        await self._lineage.ask(lambda lineage: lineage.artifact(number))
        around = await self._lineage.ask(lambda lineage: neighbourhood(lineage.store, str(number)))
        listing = await asyncio.to_thread(server_files.list_files, around.artifacts[0].uri, self._home)
        return self._page(artifact_page(around, listing))

    async def _file(self, request: Request) -> Response:
        name, number = request.path_params["name"], request.path_params["number"]
        artifact = await self._lineage.ask(lambda lineage: lineage.artifact(number))

        def look() -> server_files.Preview:
            return server_files.preview(server_files.locate(artifact.uri, name, self._home))

        return self._page(file_page(artifact, name, await asyncio.to_thread(look)))

    async def _raw(self, request: Request) -> Response:
        name, number = request.path_params["name"], request.path_params["number"]
        artifact = await self._lineage.ask(lambda lineage: lineage.artifact(number))

        def read() -> tuple[bytes, str]:
            return server_files.read_raw(server_files.locate(artifact.uri, name, self._home))

        body, media_type = await asyncio.to_thread(read)
        return Response(body, media_type=media_type, headers={"content-security-policy": SANDBOX})

    async def _problem(self, _request: Request, error: Exception) -> Response:
        message, remedy = "Something broke here; the terminal that runs this server says what", ""
        status, title = 500, "Broken"
        if isinstance(error, HTTPException):
            status, title, message = error.status_code, "There is no such page", "Follow a link from the list of runs"
        elif isinstance(error, PenstockError):
            status, title = (404, "Not here") if isinstance(error, BadInput) else (503, "Not to be had just now")
            message, remedy = error.message[:1].upper() + error.message[1:], error.remedy
        return self._page(pages.render("local_problem.html.j2", title=title, message=message, remedy=remedy), status)

    def _page(self, html: str, status: int = 200) -> Response:
        return HTMLResponse(html, status, headers={"content-security-policy": self._policy})


def _selected(request: Request, *, most: int) -> list[str]:
    """The runs that an address names.

    Raises:
        BadInput: They are fewer than two, or more than can be shown (caller).
    """
    references = list(dict.fromkeys(request.query_params.getlist("run")))
    if not 2 <= len(references) <= most:
        raise BadInput(f"{len(references)} runs are selected", f"Select two to {most} in the list")
    return references


def _sandboxed(html: str) -> Response:
    return HTMLResponse(html, headers={"content-security-policy": SANDBOX})
