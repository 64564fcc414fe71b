"""Serving the page on this machine, and writing its looking part as files."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import resources
from pathlib import Path

import uvicorn

from humpback.data_access.decisions import Opinion
from humpback.errors import InputError
from humpback.view.app import make_app
from humpback.view.index import Index
from humpback.view.query import PAGE, Query
from humpback.view.site import Site
from humpback.view.story import story

MOST = 1000
"""Records of each kind that a bundle shows, the best-rated first."""


def serve_site(site: Site, host: str, port: int, hosts: tuple[str, ...], say: Callable[[str], None]) -> None:
    """Serves the page until Ctrl-C; `hosts` are names by which other machines may ask.

    Raises:
        InputError: The address cannot be used.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror})", "choose another --port") from None
    port = listening.getsockname()[1]
    access = make_app(site, hosts)
    say(f"open http://127.0.0.1:{port}/?token={access.new_token()}")
    say(f"the link works once. From another machine first: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE. Ctrl-C ends.")
    if host not in ("127.0.0.1", "localhost", "::1"):
        say(f"{host} can be reached by other machines: whoever has a link reads the run and decides")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(access, log_level="warning", server_header=False)).run(sockets=[listening])


def write_bundle(site: Site, folder: Path) -> str:
    """Writes the pages to look at: lists and stories of the first run, without decisions; a line of counts.

    Raises:
        InputError: The folder holds something else, or cannot be written.
    """
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / "humpback-view").exists():
            raise InputError(f"{folder} holds something else", "choose a new folder with --bundle")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "humpback-view").write_text("")
    except OSError as error:
        raise InputError(f"cannot write {folder} ({error.strerror})", "choose another folder with --bundle") from None
    count = 0
    site.indexes[1:] = []
    for name, html in _pages(site, site.indexes[0]):
        (folder / name).write_text(html, encoding="utf-8")
        count += 1
    shutil.copy(str(resources.files("humpback.view") / "templates" / "style.css"), folder / "style.css")
    return f"wrote {folder}: {count:,} pages; open {folder / 'index.html'}"


def _pages(site: Site, index: Index) -> Iterator[tuple[str, str]]:
    shared = {"static": True, "annotator": "", "notice": "", "here": "", "number": None, "index": index}
    yield "index.html", site.render("overview.html", **shared, outputs=())
    for kind, total in index.counts().items():
        query, count = Query(index, "", {"kind": kind}), min(total, MOST)
        for page in range(1, -(-count // PAGE) + 1):
            rows = query.page(page)
            listed = {"query": query, "page": page, "rows": rows, "total": count, "facets": {}}
            yield f"{kind}-{page}.html", site.render("list.html", **shared, **listed)
            for row in rows if kind != "document" else ():
                values = {"story": story(index, kind, row["id"]), "mine": Opinion(), "others": {}, "queue": ()}
                yield f"{kind}-r{row['rowid']}.html", site.render("record.html", **shared, **values)
