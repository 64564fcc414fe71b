"""What all pages share: the runs, who is looking, the templates, what was just done."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from humpback.data_access.decisions import Decisions
from humpback.data_access.storable import storable
from humpback.errors import InputError
from humpback.reasons import in_words
from humpback.runs.store import Run
from humpback.view.index import KINDS, Index
from humpback.view.query import PAGE
from humpback.view.texts import as_markdown, diff, visible

ANNOTATOR = "humpback-annotator"
_MOST_BYTES = 4 << 20
KIND_NAMES = {"document": "Documents", "segment": "Segments", "candidate": "Candidates", "dropped": "Dropped before",
              "seed": "Seed", "answer": "Answers"}  # fmt: skip


class Site:
    """The runs that are looked at; `annotator` decides unless a browser says otherwise."""

    def __init__(self, runs: Sequence[Run], outputs: Sequence[Path] = (), annotator: str = "") -> None:
        self.outputs = outputs
        self.annotator = annotator or _user()
        Decisions.check_name(self.annotator)
        self.indexes = [Index(run, outputs if not number else ()) for number, run in enumerate(runs)]
        self.decisions = [Decisions(path if isinstance(path := run.decisions_path, Path) else None) for run in runs]
        self.notices: dict[str, str] = {}
        """What is said on the next page that an annotator sees."""
        for number in range(len(runs)):
            self.follow(number)
        self.templates = Environment(
            loader=PackageLoader("humpback.view", "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.templates.filters.update(
            shown=lambda text: visible(str(text or "")), markdown=as_markdown, words=in_words, count="{:,}".format,
            path=lambda text: quote(str(text), safe=""), number=_number,
        )  # fmt: skip
        self.templates.globals.update(
            diff=diff, kind_names=KIND_NAMES, kinds=KINDS, indexes=self.indexes, page_size=PAGE
        )

    def index(self, request: Request) -> tuple[int, Index]:
        """The run that an address names.

        Raises:
            InputError: There is none of this number.
        """
        number = int(request.path_params["run"])
        if number >= len(self.indexes):
            raise InputError(f"there is no run {number}", f"there are {len(self.indexes)}, counted from 0")
        self.follow(number)
        return number, self.indexes[number]

    def who(self, request: Request) -> str:
        """Who is looking."""
        return request.cookies.get(ANNOTATOR) or self.annotator

    def follow(self, number: int) -> None:
        """Brings the table that queries join up to date with the files of decisions."""
        decisions, database = self.decisions[number], self.indexes[number].database
        decisions.refresh()
        rows = []
        for annotator, id_ in decisions.changed:
            opinion = decisions.opinion(annotator, id_)
            tags = "".join(f"\n{tag}" for tag in opinion.tags) + "\n"
            rows.append((annotator, id_, opinion.verdict, opinion.edited, storable(tags), storable(opinion.note)))
        database.executemany("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
        decisions.changed.clear()

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        annotator = self.who(request)
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = self.render(
            template, annotator=annotator, notice=self.notices.pop(annotator, ""), here=address, **values
        )
        return HTMLResponse(text, status)

    def render(self, template: str, **values: Any) -> str:
        """The HTML of a page, always encodable."""
        html = self.templates.get_template(template).render({"static": False, "number": None, "undoes": "", **values})
        return storable(html)

    def refused(self, request: Request, error: Exception) -> Response:
        """A mistake in an address or a form, as a page."""
        return self.message(request, "This cannot be shown", str(error), 400)

    def message(
        self, request: Request, title: str, message: str, status: int = 200, *, link: str = "", start: str = ""
    ) -> Response:
        """A page that says one thing; `link` is shown, and `start` leads to a queue."""
        return self.page(request, "message.html", status, title=title, message=message, link=link, start=start)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent.

    Raises:
        InputError: They are too long.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise InputError("the form is longer than 4 MiB", "send less")
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: value.replace("\r\n", "\n") for name, value in fields}


def back(fields: dict[str, str]) -> RedirectResponse:
    """To the page of this server that a form came from."""
    target = fields.get("back", "/")
    return RedirectResponse(target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/", 303)


def said_of(action: str, *, happened: bool) -> str:
    """What an annotator reads after 'undo' or 'redo'."""
    return {"undo": "Undone.", "redo": "Done again."}[action] if happened else f"Nothing to {action}."


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no users
        return "annotator"


def _number(value: Any) -> str:
    return "–" if value is None or value != value else f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
