"""The process that converts files for `office`: `python -m humpback.corpus.office.worker`.

Each line on its input is a request, each line on its output the answer. It ends where its input does, and the system
ends it where one file takes too much processor time or memory.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from humpback.corpus.office.books import Book
from humpback.corpus.parsing.sections import Unusable

MEMORY = 3 << 30
"""Bytes of address space; about 0.3 GiB of it are the libraries."""
CONVERTERS = {
    ".epub": ("humpback.corpus.office.epub", "read_epub"),
    ".docx": ("humpback.corpus.office.docx", "read_docx"),
    ".pdf": ("humpback.corpus.office.pdf", "read_pdf"),
    ".pptx": ("humpback.corpus.office.pptx", "read_pptx"),
    ".xlsx": ("humpback.corpus.office.xlsx", "read_xlsx"),
    ".ipynb": ("humpback.corpus.office.ipynb", "read_ipynb"),
}


def main() -> None:
    """Answers requests until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no answer
    _limit_memory()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        module, function = CONVERTERS[request["ending"]]
        convert = partial(getattr(import_module(module), function), request["path"], request["most"])
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])  # its signal ends the process
        answer = _answer(convert)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(convert: Callable[[], Book]) -> dict[str, str]:
    try:
        book = convert()
    except Unusable as error:
        return {"reason": error.reason, "detail": error.detail}
    except MemoryError:
        return {"reason": "takes too much memory", "detail": f"more than {MEMORY} bytes"}
    except Exception as error:  # what libraries raise over a damaged file is theirs to choose
        return {"reason": "damaged file", "detail": f"{type(error).__name__}: {error}"[:300]}
    return {"title": book.title, "text": book.text}


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        return  # a system that has no such limit


if __name__ == "__main__":
    main()
