"""Sources to documents, one at a time and in bounded memory, whatever is in the files.

A reader is a function from a source to documents; which one reads a file is looked up by the file's ending in
`READERS`. What cannot be read is a `Dropped`, never a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa

from humpback.config import CorpusSettings
from humpback.corpus.archives.warc import read_archive
from humpback.corpus.office.conversion import read_office
from humpback.corpus.reading.columns import NoTextColumn
from humpback.corpus.reading.decode import Undecodable, decode
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.corpus.reading.format_guess import guess_format
from humpback.corpus.reading.sources import ARCHIVES, OFFICE, list_sources
from humpback.corpus.reading.tables import read_table
from humpback.data_access.data_sets import ROWS
from humpback.data_access.installed import description_type
from humpback.data_access.source_file import SourceFile
from humpback.data_access.sources import TABLES
from humpback.data_access.tables import DAMAGE, DamagedFile
from humpback.records import Document, DocumentFormat, Dropped

__all__ = ["READERS", "SourceFile", "list_sources", "read_documents"]

Reader = Callable[[SourceFile, CorpusSettings], Iterator[Document | Dropped]]

_BYTES_PER_CHARACTER = 4

_FORMATS: Mapping[str, DocumentFormat] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".rst": "rst",
    ".txt": "text",
}


def read_documents(
    settings: CorpusSettings, sources: Iterable[SourceFile], *, odd_tables: bool = False
) -> Iterator[Document | Dropped]:
    """Reads documents one after the other.

    A damaged file ends where the damage is, with one `Dropped` that says so; the next file follows.

    Args:
        settings: The corpus settings.
        sources: The files.
        odd_tables: Whether a table that holds no text is one `Dropped`, and no error.

    Raises:
        InputError: A table has no column as the settings name it, or none with a text.
    """
    for source in sources:
        reader = READERS.get(source.ending, read_single)
        try:
            yield from reader(source, settings)
        except NoTextColumn as error:
            if not odd_tables:
                raise
            if not source.begin:  # once, however many spans the file is read in
                yield as_dropped(source.name, "no text column", error.what, "")
        except (*DAMAGE, pa.ArrowMemoryError) as error:
            detail = str(error) if isinstance(error, DamagedFile) else f"{type(error).__name__}: {error}"
            yield as_dropped(source.name, "damaged file", detail, "")


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
        form = description_type(source.distribution) or guess_format(text)
        text = "" if text.strip() == "UNKNOWN" else text
    yield as_document(source.name, form or guess_format(text), source.distribution, text, settings)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(_FORMATS, read_single),
    **dict.fromkeys((*TABLES, ROWS), read_table),
    **dict.fromkeys(ARCHIVES, read_archive),
    **dict.fromkeys(OFFICE, read_office),
}
"""Which reader takes which ending; what has no ending is a single document."""
