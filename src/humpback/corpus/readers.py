"""Sources to documents, one at a time and in bounded memory, whatever is in the files.

A reader is a function from a source to documents; which one reads a file is looked up by the file's ending in
`READERS`, where a further kind (web archives) takes its place. What cannot be read is a `Dropped`, never a crash.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from humpback.config import CorpusSettings
from humpback.corpus.decode import Undecodable, decode
from humpback.corpus.documents import as_document, as_dropped
from humpback.corpus.extract import look
from humpback.corpus.installed import description_type
from humpback.corpus.sources import SourceFile, list_sources
from humpback.corpus.tables import Row, json_rows, parquet_rows
from humpback.records import Document, DocumentFormat, Dropped

__all__ = ["READERS", "SourceFile", "list_sources", "read_documents"]

Reader = Callable[[SourceFile, CorpusSettings], Iterator[Document | Dropped]]

_BYTES_PER_CHARACTER = 4
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)
"""What compressed and columnar files raise where they are damaged; Arrow's errors are among these."""

_FORMATS: Mapping[str, DocumentFormat] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".rst": "rst",
    ".txt": "text",
}


def read_documents(settings: CorpusSettings, sources: Iterable[SourceFile]) -> Iterator[Document | Dropped]:
    """Reads documents one after the other.

    A damaged file ends where the damage is, with one `Dropped` that says so; the next file follows.

    Raises:
        InputError: A table has no column as the settings name it, or none with a text.
    """
    for source in sources:
        reader = READERS.get(source.ending, read_single)
        try:
            yield from reader(source, settings)
        except DAMAGE as error:
            yield as_dropped(source.name, "damaged file", f"{type(error).__name__}: {error}", "")


def read_single(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """A file that is one document, or the description of a distribution."""
    most = settings.max_document_chars * _BYTES_PER_CHARACTER
    with source.open() as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        yield as_dropped(source.name, "document too long", f"more than {most} bytes", decode(data[:1000], lenient=True))
        return
    form = _FORMATS.get(source.ending) if settings.format == "auto" else settings.format
    try:
        text = decode(data, html=form == "html")
    except Undecodable as error:
        yield as_dropped(source.name, "not text", str(error), decode(data[:1000], lenient=True))
        return
    if source.distribution:
        form = description_type(source.distribution) or look(text)
        text = "" if text.strip() == "UNKNOWN" else text
    yield as_document(source.name, form or look(text), source.distribution, text, settings)


def read_json_lines(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """One JSON object on each line."""
    yield from _documents(source, json_rows(source, settings), settings)


def read_parquet(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """A Parquet file, a few rows at a time."""
    yield from _documents(source, parquet_rows(source, settings), settings)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(_FORMATS, read_single),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
"""Which reader takes which ending; what has no ending is a single document."""


def _documents(
    source: SourceFile, rows: Iterator[Row | Dropped], settings: CorpusSettings
) -> Iterator[Document | Dropped]:
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        form = settings.format
        if form == "auto":
            form = row.format or look(row.text)
        yield as_document(row.source, form, row.title, row.text, settings)
