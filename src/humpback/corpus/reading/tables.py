"""Tables of documents: one row, one document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from humpback.config import CorpusSettings
from humpback.corpus.reading.columns import Columns, choose_columns
from humpback.corpus.reading.documents import as_dropped
from humpback.data_access.source_file import SourceFile
from humpback.data_access.tables import BadRow, Header, table_rows
from humpback.records import Document, Dropped

_BYTES_PER_CHARACTER = 8
"""Bytes of a JSON line per character of text: escapes and the other columns included."""


def read_table(file: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The rows of a table as documents; the columns are those of its header, or of the first object of JSON.

    Raises:
        NoTextColumn: There is no column as named, or none with a text.
        InputError: The hub cannot be reached.
    """
    columns = None

    def choose(header: Header) -> Sequence[str]:
        nonlocal columns
        columns = choose_columns(file.name, header.texts, settings, all_names=header.names)
        return columns.all

    for row in table_rows(file, choose, settings.max_document_chars * _BYTES_PER_CHARACTER):
        if isinstance(row, BadRow):
            reason = "document too long" if row.reason == "too long" else row.reason
            yield as_dropped(row.name, reason, row.detail, row.excerpt)
        else:
            yield _columns_of(columns).document(row.name, row.values, settings)


def _columns_of(columns: Columns | None) -> Columns:
    assert columns is not None, "the columns are chosen before the first row is read"
    return columns
