"""Rows that `datasets` streams, of data sets whose files are not read here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from humpback.config import CorpusSettings
from humpback.corpus.reading.columns import choose_columns
from humpback.corpus.reading.documents import as_dropped
from humpback.corpus.reading.hub import open_data_set, parse_data_set, unreadable
from humpback.corpus.reading.stored import SourceFile
from humpback.errors import InputError
from humpback.records import Document, Dropped


def read_rows(file: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The rows of one shard, as `datasets` streams them.

    Raises:
        InputError: No column as named, or none with a text, or the hub cannot be reached.
    """
    wanted = parse_data_set(file.path)
    here = Path(wanted.name).expanduser().is_dir()
    columns = None
    try:
        rows = open_data_set(wanted).as_streaming_dataset(split=wanted.split)
        rows = rows.shard(num_shards=wanted.shards, index=wanted.shard)
        for number, values in enumerate(rows, 1):
            columns = columns or choose_columns(file.name, list(values), settings)
            yield columns.document(f"{file.name}#{number}", values, settings)
    except InputError:
        raise
    except Exception as error:  # whatever its builders raise
        if not here:
            raise unreadable(wanted, error) from None
        yield as_dropped(file.name, "damaged file", f"{type(error).__name__}: {error}", "")
