"""The page itself: what is at which address. Looking is GET, deciding is POST; every page works without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from humpback.data_access.decisions import Decisions
from humpback.errors import HumpbackError, InputError
from humpback.view.access import Access
from humpback.view.comparing import Comparing
from humpback.view.deciding import Deciding
from humpback.view.query import Query
from humpback.view.site import ANNOTATOR, Site, back, form
from humpback.view.story import find

_STATIC = {"style.css": "text/css", "keys.js": "text/javascript"}


def make_app(site: Site, hosts: tuple[str, ...] = ()) -> Access:
    """The page behind its guard; `hosts` are names besides those of this machine."""
    pages, deciding, comparing = _Pages(site), Deciding(site), Comparing(site)
    get, post = ["GET"], ["POST"]
    routes = [
        Route("/", pages.overview, methods=get),
        Route("/static/{name}", pages.static, methods=get),
        Route("/find/{id}", pages.find, methods=get),
        Route("/annotator", pages.annotator, methods=post),
        Route("/invite", pages.invite, methods=post),
        Route("/moved", comparing.moved, methods=get),
        Route("/compare", comparing.overview, methods=get),
        Route("/compare", comparing.begin, methods=post),
        Route("/compare/{name}", comparing.question, methods=get),
        Route("/compare/{name}", comparing.choose, methods=post),
        Route("/compare/{name}/undo", comparing.undo, methods=post),
        Route("/compare/{name}/redo", comparing.undo, methods=post),
        Route("/{run:int}/list", pages.records, methods=get),
        Route("/{run:int}/record/{kind}/{id}", pages.record, methods=get),
        Route("/{run:int}/agreement", deciding.agreement, methods=get),
        Route("/{run:int}/queue", deciding.new_queue, methods=post),
        Route("/{run:int}/queue/{queue}/{position:int}", deciding.queue, methods=get),
        Route("/{run:int}/decide", deciding.decide, methods=post),
        Route("/{run:int}/bulk", deciding.bulk, methods=post),
        Route("/{run:int}/undo", deciding.undo, methods=post),
        Route("/{run:int}/redo", deciding.undo, methods=post),
    ]
    refused: dict[Any, Callable[..., Any]] = {HumpbackError: site.refused}
    pages.access = Access(Starlette(routes=routes, exception_handlers=refused), hosts)
    return pages.access


class _Pages:
    """The pages to look."""

    access: Access

    def __init__(self, site: Site) -> None:
        self._site = site
        self._deciding = Deciding(site)

    async def overview(self, request: Request) -> Response:
        """What there is."""
        return self._site.page(request, "overview.html", outputs=self._site.outputs)

    async def static(self, request: Request) -> Response:
        """Style and keys."""
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("not found", 404)
        text = (resources.files("humpback.view") / "templates" / name).read_text(encoding="utf-8")
        return Response(text, media_type=_STATIC[name])

    async def records(self, request: Request) -> Response:
        """Records that fit a filter, a page of them."""
        number, index = self._site.index(request)
        query = Query(index, self._site.who(request), dict(request.query_params))
        page = request.query_params.get("page", "1")
        if not page.isdecimal() or not 1 <= int(page) < 10**9:
            raise InputError(f"there is no page {page[:40]!r}", "pages are counted from 1")
        return self._site.page(
            request, "list.html", number=number, index=index, query=query, page=int(page), rows=query.page(int(page)),
            total=query.count(), facets=index.facets(query.kind),
        )  # fmt: skip

    async def record(self, request: Request) -> Response:
        """One record's story."""
        number, index = self._site.index(request)
        return self._deciding.record(request, number, index, request.path_params["kind"], request.path_params["id"])

    async def find(self, request: Request) -> Response:
        """To a record by its id alone, in whichever run it is: what the report links to."""
        for number, index in enumerate(self._site.indexes):
            try:
                row = find(index, "", request.path_params["id"])
            except InputError:
                continue
            return RedirectResponse(f"/{number}/record/{row['kind']}/{row['id']}", 303)
        raise InputError("no run that is open here has this record", "open the run that the report is of")

    async def annotator(self, request: Request) -> Response:
        """Says who is looking."""
        fields = await form(request)
        name = fields.get("annotator", "").strip()
        Decisions.check_name(name)
        response = back(fields)
        response.set_cookie(ANNOTATOR, name, httponly=True, samesite="lax", max_age=31_536_000)
        return response

    async def invite(self, request: Request) -> Response:
        """A link for another browser."""
        await form(request)
        link = f"{request.base_url}?token={self.access.new_token()}"
        message = "This link lets one browser in, once. Each annotator then gives a name in the field “You are”."
        return self._site.message(request, "Invite somebody", message, link=link)
