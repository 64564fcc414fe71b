"""Sources to documents, one at a time and in bounded memory, whatever is in the files.

A reader is a function from a source to documents; which one reads a file is looked up by the file's ending in
`READERS`. What cannot be read is a `Dropped`, never a crash.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa

from humpback.config import CorpusSettings
from humpback.corpus.archives.warc import read_archive
from humpback.corpus.office.conversion import read_office
from humpback.corpus.reading.decode import Undecodable, decode
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.corpus.reading.hub import ROWS
from humpback.corpus.reading.installed import description_type
from humpback.corpus.reading.look import look
from humpback.corpus.reading.rows import read_rows
from humpback.corpus.reading.sources import OFFICE, SourceFile, list_sources
from humpback.corpus.reading.tables import read_arrow, read_json_lines, read_parquet
from humpback.records import Document, DocumentFormat, Dropped

__all__ = ["READERS", "SourceFile", "list_sources", "read_documents"]

Reader = Callable[[SourceFile, CorpusSettings], Iterator[Document | Dropped]]

_BYTES_PER_CHARACTER = 4
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowMemoryError, ValueError)
"""What compressed and columnar files raise where they are damaged; Arrow's other errors are among these."""

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


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(_FORMATS, read_single),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ROWS: read_rows,
    **dict.fromkeys((".warc", ".wet"), read_archive),
    **dict.fromkeys(OFFICE, read_office),
}
"""Which reader takes which ending; what has no ending is a single document."""
