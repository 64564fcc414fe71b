"""One window of documents to segments: parse, cut, judge, drop duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from humpback.config import CorpusSettings
from humpback.corpus.extract import extract
from humpback.corpus.filters import identify, judge
from humpback.corpus.sections import Unusable, clean
from humpback.corpus.segments import Piece, pieces
from humpback.records import Document, Dropped, Outcome, Segment, content_id

EXCERPT_CHARS = 200
"""Characters of a dropped text that the drop ledger shows."""


def cut(documents: Iterable[Document | Dropped], settings: CorpusSettings, seen: set[str]) -> Outcome[Segment]:
    """Segments of some documents.

    `read` counts candidates: every piece that was judged, every document that was dropped before it could be cut, and
    every document without text; so `read` is always the number kept and dropped.

    Args:
        documents: Documents, and what the readers dropped, which is passed on.
        settings: The corpus settings.
        seen: Ids of the segments already kept; those kept now are added. A segment seen before is a duplicate.
    """
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    for document in documents:
        for item in [document] if isinstance(document, Dropped) else _judged(document, settings, seen):
            if isinstance(item, Segment):
                kept.append(item)
            else:
                dropped.append(item)
    return Outcome(kept=tuple(kept), dropped=tuple(dropped), read=len(kept) + len(dropped))


def segment_id(text: str) -> str:
    """The identity of a segment: the same for texts that differ in case and white space only."""
    return content_id(" ".join(text.lower().split()))


def excerpt(text: str) -> str:
    """The beginning of a text, in a form that can be stored and shown."""
    return clean(text[: 2 * EXCERPT_CHARS]).strip()[:EXCERPT_CHARS]


def _judged(document: Document, settings: CorpusSettings, seen: set[str]) -> Iterator[Segment | Dropped]:
    try:
        found = list(pieces(extract(document), document.format, settings.segment))
    except Unusable as error:
        yield Dropped(document.id, error.reason, error.detail, document.source, excerpt(document.text))
        return
    if not found:
        detail = f"{len(document.text)} characters of {document.format}"
        yield Dropped(document.id, "no text", detail, document.source, excerpt(document.text))
    for piece in found:
        yield _judge(piece, document, settings, seen)


def _judge(piece: Piece, document: Document, settings: CorpusSettings, seen: set[str]) -> Segment | Dropped:
    identity = segment_id(piece.text)
    objection = judge(piece, settings.segment)
    if objection:
        return Dropped(identity, objection.reason, objection.detail, document.source, excerpt(piece.text))
    if identity in seen:
        return Dropped(identity, "duplicate", " > ".join(piece.title_path)[:200], document.source, excerpt(piece.text))
    seen.add(identity)
    language, _ = identify(piece.text)
    return Segment(identity, document.id, document.source, piece.title_path, piece.text, language)
