"""Which columns of a table hold the text, its title and its name, and a row as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from humpback.config import CorpusSettings
from humpback.corpus.reading.decode import Undecodable, decode
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.corpus.reading.format_guess import guess_format
from humpback.data_access.storable import storable
from humpback.errors import InputError
from humpback.records import Document, DocumentFormat, Dropped

TEXT = ("text", "content", "html", "markdown", "body")
TITLE = ("title",)
NAME = ("url", "id", "source")
_FORMATS: Mapping[str, DocumentFormat] = {"html": "html", "markdown": "markdown"}
_LONGEST_NAME = 1000


class NoTextColumn(InputError):
    """A table holds no documents: it has no column as the settings name it, or none with a text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table."""

    table: str
    """Name of the file or data set."""
    text: str
    title: str = ""
    """Empty where there is none."""
    name: str = ""
    """Empty where there is none."""

    @property
    def all(self) -> list[str]:
        """Those that must be read."""
        return [name for name in dict.fromkeys((self.text, self.title, self.name)) if name]

    def document(self, row_name: str, values: Mapping[str, object], settings: CorpusSettings) -> Document | Dropped:
        """The document of a row, or why it is none.

        Its source is the row's URL, or the table with another name that the row has, or else the table with the row's
        number.
        """
        name = values.get(self.name) if self.name else None
        source = row_name if name is None or name == "" else _plain(str(name))
        # An id is unique in its table only; a URL everywhere.
        if source != row_name and "://" not in source:
            source = f"{self.table}#{source}"
        form = settings.format if settings.format != "auto" else _FORMATS.get(self.text)
        text = values.get(self.text)
        if isinstance(text, bytes):
            data = text
            try:
                text = decode(data, html=form == "html")
            except Undecodable as error:
                return as_dropped(source, "not text", str(error), decode(data[:1000], lenient=True))
        if not isinstance(text, str):
            return as_dropped(source, "no text", f"column {self.text!r} holds {type(text).__name__}", "")
        title = values.get(self.title) if self.title else None
        plain_title = _plain(title) if isinstance(title, str) else ""
        return as_document(source, form or guess_format(text), plain_title, text, settings)


def choose_columns(
    table: str, names: Sequence[str], settings: CorpusSettings, all_names: Sequence[str] = ()
) -> Columns:
    """The columns that the settings name, else those with the usual names.

    Args:
        table: Name of the file or data set, for the message.
        names: The columns that may hold text or a name.
        settings: The corpus settings.
        all_names: All columns, where there are more.

    Raises:
        NoTextColumn: No column as named, or none with a text.
    """
    listed = ", ".join(sorted(all_names or names)) or "none"
    for setting in ("text_column", "title_column", "id_column"):
        column = getattr(settings, setting)
        if column and column not in names:
            raise NoTextColumn(f"{table} has no column {column!r} of text; it has {listed}", f"set corpus.{setting}")
    text = settings.text_column or _first(TEXT, names)
    if not text:
        raise NoTextColumn(
            f"{table} has no column {', '.join(TEXT[:-1])} or {TEXT[-1]}; it has {listed}", "set corpus.text_column"
        )
    return Columns(
        table, text, settings.title_column or _first(TITLE, names), settings.id_column or _first(NAME, names)
    )


def _plain(name: str) -> str:
    """A name on one line, no longer than names are, that can be stored."""
    return storable(" ".join(name[:_LONGEST_NAME].split()))


def _first(usual_names: Sequence[str], names: Sequence[str]) -> str:
    return next((name for name in usual_names if name in names), "")
