"""EPUB, DOCX and PDF files as documents, converted in a process of their own.

Their parsers are large, partly in C++, and the files come from strangers. A file that crashes a parser, hangs it or
fills the memory costs only itself. The process serves one file after the other and is started again if it has ended.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from humpback.config import CorpusSettings
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.data_access.source_file import SourceFile
from humpback.errors import ConfigError
from humpback.records import Document, Dropped

_NEEDS = {".docx": "mammoth", ".pdf": "pypdfium2"}
_MOST_BYTES = 1 << 30
"""The largest file that is converted."""
_TOO_LONG = {"reason": "document too long", "detail": f"more than {_MOST_BYTES} bytes"}
_CHUNK = 1 << 20
_FILES = 500
"""Files after which a new process is started, to free the memory that the libraries leak."""


def read_office(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The document of a file: its title and its text as Markdown."""
    if not can_read(source.ending):
        detail = f"{source.ending} is read by an extra: pip install 'humpback-align[office]'"
        yield as_dropped(source.name, "extra not installed", detail, "")
        return
    with _local(source) as path:
        answer = _worker().ask(source.ending, path, settings) if path else _TOO_LONG
    if "reason" in answer:
        yield as_dropped(source.name, answer["reason"], answer["detail"], "")
    else:
        yield as_document(source.name, "markdown", answer["title"], answer["text"], settings)


def can_read(ending: str) -> bool:
    """Whether the library that reads such files is installed."""
    return ending not in _NEEDS or find_spec(_NEEDS[ending]) is not None


def refuse_unreadable(sources: Iterable[SourceFile]) -> None:
    """Refuses documents that need a library that is not installed, before any of them is read.

    Raises:
        ConfigError: There are some.
    """
    counts = Counter(source.ending for source in sources if not can_read(source.ending))
    if counts:
        kinds = " and ".join(f"{ending} files ({count:,})" for ending, count in sorted(counts.items()))
        raise ConfigError(f"the documents hold {kinds}, which an extra reads",
                          "pip install 'humpback-align[office]', or name the other files alone")  # fmt: skip


class _Worker:
    """The other process, started with the first request."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def ask(self, ending: str, path: str, settings: CorpusSettings) -> dict[str, str]:
        """The 'title' and 'text' of a file, or the 'reason' and 'detail' why there is none."""
        process = self._running()
        seconds = settings.max_document_seconds
        request = {"ending": ending, "path": path, "most": settings.max_document_chars, "seconds": seconds}
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        line = process.stdout.readline()
        self._asked += 1
        if line.endswith(b"\n"):
            return dict(json.loads(line))
        code = process.wait()
        self.end()
        if code == -signal.SIGPROF:
            return {"reason": "took too long", "detail": f"more than {seconds:g} seconds to convert"}
        return {"reason": "damaged file", "detail": f"what converts it ended with {code}"}

    def end(self) -> None:
        """Ends the process, if this process started it."""
        if self._owner == os.getpid() and self._process is not None and self._process.stdin and self._process.stdout:
            with suppress(OSError):
                self._process.stdin.close()
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._asked >= _FILES or self._process.poll() is not None:
            self.end()
            self._asked = 0
            self._process = subprocess.Popen(
                [sys.executable, "-m", "humpback.corpus.office.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process


_workers: dict[int, _Worker] = {}
"""By the id of the requesting process: a forked process starts a worker of its own."""


def _worker() -> _Worker:
    asking = os.getpid()
    if asking not in _workers:
        _workers[asking] = _Worker()
        atexit.register(_workers[asking].end)
    return _workers[asking]


@contextmanager
def _local(source: SourceFile) -> Iterator[str]:
    """A path to the file, fetched and unpacked if necessary. Empty if it is too large."""
    if source.size > _MOST_BYTES:
        yield ""
    elif not source.remote and not source.compression:
        yield source.path
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            remaining = _MOST_BYTES
            with source.open() as stored, path.open("wb") as copy:
                while remaining >= 0 and (data := stored.read(_CHUNK)):
                    copy.write(data)
                    remaining -= len(data)
            yield str(path) if remaining >= 0 else ""
