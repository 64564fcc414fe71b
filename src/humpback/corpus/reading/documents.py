"""What becomes a document, and what goes to the drop ledger, whatever file it was read from."""

from __future__ import annotations

from humpback.config import CorpusSettings
from humpback.corpus.parsing.sections import excerpt
from humpback.data_access.storable import storable
from humpback.records import Document, DocumentFormat, Dropped, content_id


def as_document(
    source: str, form: DocumentFormat, title: str, text: str, settings: CorpusSettings
) -> Document | Dropped:
    """A text as a document, or why it is none: too long, with NUL characters, or empty."""
    if len(text) > settings.max_document_chars:
        return as_dropped(source, "document too long", f"{len(text)} characters", text)
    if not text or text.isspace():
        return as_dropped(source, "empty document", f"{len(text)} characters", "")
    source, text = nameable(source), storable(text)
    if b"\x00" in text.encode():  # in a text with wide characters the search takes sixty times as long
        return as_dropped(source, "not text", "holds NUL characters", text)
    return Document(content_id(source, text), source, form, storable(title), text)


def as_dropped(source: str, reason: str, detail: str, text: str) -> Dropped:
    """An entry of the drop ledger for what could not be read, with the beginning of its text."""
    source, detail, shown_text = nameable(source), nameable(detail), excerpt(storable(text))
    return Dropped(content_id(source, reason, detail, shown_text), reason, detail[:200], source, shown_text)


def nameable(source: str) -> str:
    """The name of a source as it can be stored: bytes of a file name that are no UTF-8 are escapes in it."""
    return source.encode("utf-8", "backslashreplace").decode("utf-8")
