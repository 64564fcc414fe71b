"""IPYNB: the Markdown of a notebook and its code, without what the code printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from humpback.corpus.office.books import Book
from humpback.corpus.parsing.sections import Unusable

_MOST_BYTES = 64 << 20
"""Size of the file: pictures that the code drew are in it."""


def read_ipynb(path: str, most: int) -> Book:
    """The text of a notebook, of version 3 too.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is no notebook, or too long.
    """
    data = Path(path).read_bytes()
    if len(data) > _MOST_BYTES:
        raise Unusable("document too long", f"more than {_MOST_BYTES} bytes")
    notebook = json.loads(data)
    if not isinstance(notebook, dict) or not notebook.keys() & {"cells", "worksheets"}:
        raise Unusable("damaged file", "no notebook")
    metadata = notebook.get("metadata", {})
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language", "")
    cells = [*notebook.get("cells", []), *(cell for sheet in notebook.get("worksheets", []) for cell in sheet["cells"])]
    text = "\n\n".join(_texts(cells, str(language)))
    if len(text) > most:
        raise Unusable("document too long", f"{len(text)} characters")
    return Book(str(metadata.get("title", "")), text)


def _texts(cells: list[dict[str, Any]], language: str) -> Iterator[str]:
    for cell in cells:
        source = cell.get("source", cell.get("input", ""))
        text = (source if isinstance(source, str) else "".join(source)).strip("\n")
        if not text.strip():
            continue
        if cell["cell_type"] == "code":
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            yield f"{fence}{language}\n{text}\n{fence}"
        elif cell["cell_type"] == "heading":
            yield f"{'#' * int(cell['level'])} {text}"
        elif cell["cell_type"] == "markdown":
            yield text
