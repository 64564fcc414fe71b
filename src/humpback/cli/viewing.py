"""The command that opens a page on runs: parse, call, print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Optional

import typer

from humpback.cli.output import say
from humpback.errors import ConfigError


def view(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders, finished or not.")],
    answers: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="FILE", help="Answers of a model, as 'evaluate answer' writes. Repeatable."),
    ] = None,
    annotator: Annotated[str, typer.Option(metavar="NAME", help="Who decides [default: the user's name].")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines ask.")] = "127.0.0.1",
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME", help="Name by which other machines ask for the page. Repeatable."),
    ] = None,
    bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write the pages to look at into a folder, to share; nothing is served."),
    ] = None,
) -> None:
    """Look at runs in a browser; label, mend, compare.

    It opens a page on this machine; see docs/view.md.

    Example: humpback view runs/demo

    Example: humpback view runs/first runs/second --answers m0.json --answers m1.json
    """
    missing = [name for name in ("starlette", "uvicorn", "nh3") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"humpback view needs {', '.join(missing)}", "pip install 'humpback-align[view]'")
    from humpback.runs.store import Run, path_of
    from humpback.view.serve import serve_site, write_bundle
    from humpback.view.site import Site

    site = Site([Run.existing(path_of(run)) for run in runs], tuple(answers or ()), annotator)
    if bundle is not None:
        say(write_bundle(site, bundle))
    else:
        serve_site(site, host, port, tuple(allow_host or ()), say)
