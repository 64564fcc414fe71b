"""Who may see the page and write by it: whoever opened a link with a token that works once, from this very page.

Against other sites in the same browser stand four things: the `Host` must be one that was allowed, a cookie must be
there, a write must come from a page of this server (`Origin`), and nothing is written by GET.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Access:
    """Lets requests through to a page, or refuses them; `hosts` are names besides those of this machine."""

    def __init__(self, page: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._page = page
        self._hosts = {*_LOCAL, *hosts}
        self._tokens: set[str] = set()
        self._session = secrets.token_urlsafe(32)

    def new_token(self) -> str:
        """A token that lets one browser in, once."""
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._page(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        answer = self._refusal(request) or self._page
        await answer(scope, receive, send_safely)

    def _refusal(self, request: Request) -> Response | None:
        """What is answered in place of the page; None where the page answers."""
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in self._hosts and host not in self._hosts:
            return PlainTextResponse("This page is not asked for by this name. Use --allow-host NAME.", 421)
        cookie_name = f"humpback-{host.rpartition(':')[2]}"
        token = parse_qs(request.url.query).get("token", [""])[0]
        if request.method == "GET" and token in self._tokens:
            self._tokens.remove(token)
            response = RedirectResponse(request.url.path, 303)
            response.set_cookie(cookie_name, self._session, httponly=True, samesite="lax")
            return response
        if not secrets.compare_digest(request.cookies.get(cookie_name, "").encode(), self._session.encode()):
            return PlainTextResponse("Open the link that 'humpback view' printed. It works once; a page that is open "
                                     "makes another one under 'Invite'.", 403)  # fmt: skip
        if request.method not in ("GET", "HEAD") and request.headers.get("origin", "").partition("://")[2] != host:
            return PlainTextResponse("This does not come from the page itself.", 403)
        return None
