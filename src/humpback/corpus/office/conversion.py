"""EPUB, DOCX and PDF files as documents, converted in a process of their own.

What parses them is large, some of it in C++, and the files are strangers': one that crashes it, hangs or fills the
memory costs itself and no other. The process is kept from file to file, and begun again where it has ended.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from humpback.config import CorpusSettings
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.data_access.source_file import SourceFile
from humpback.records import Document, Dropped

_NEEDS = {".docx": "mammoth", ".pdf": "pypdfium2"}
_MOST_BYTES = 1 << 30
"""Size of a file that is converted at all."""
_TOO_LONG = {"reason": "document too long", "detail": f"more than {_MOST_BYTES} bytes"}
_CHUNK = 1 << 20
_FILES = 500
"""Files after which the process is begun afresh, with what it has gathered."""


def read_office(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The one document of a file, its title and text as Markdown."""
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
    """Whether what reads such files is installed."""
    return ending not in _NEEDS or find_spec(_NEEDS[ending]) is not None


class _Worker:
    """The other process, begun when it is first asked."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def ask(self, ending: str, path: str, settings: CorpusSettings) -> dict[str, str]:
        """What a file was converted to: 'title' and 'text', or the 'reason' why not and the 'detail'."""
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
        """Ends the process, where it is this one's."""
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
"""By the process that asks: one that was forked from another begins its own."""


def _worker() -> _Worker:
    asking = os.getpid()
    if asking not in _workers:
        _workers[asking] = _Worker()
        atexit.register(_workers[asking].end)
    return _workers[asking]


@contextmanager
def _local(source: SourceFile) -> Iterator[str]:
    """A path to the file, fetched and unpacked where it must be; empty where it is too large."""
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
