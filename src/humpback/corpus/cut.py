"""One window of documents to segments: parse, cut, judge. What other windows hold makes no difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from humpback.config import CorpusSettings
from humpback.corpus.extract import extract
from humpback.corpus.filters import identify, judge
from humpback.corpus.sections import Unusable, clean
from humpback.corpus.segments import Piece, pieces
from humpback.records import Document, Dropped, Outcome, Segment, content_id

EXCERPT_CHARS = 200
"""Characters of a dropped text that the drop ledger shows."""


class Prompts(Protocol):
    """The evaluation prompts that no segment may hold; `humpback.corpus.contamination` has them."""

    def of(self, text: str) -> str | None:
        """Which of them the text holds, in words; None where it holds none."""
        ...


def cut(
    documents: Iterable[Document | Dropped], settings: CorpusSettings, contamination: Prompts | None = None
) -> Outcome[Segment]:
    """Segments of some documents.

    `read` counts candidates: every piece that was judged, every document that was dropped before it could be cut, and
    every document without text; so `read` is always the number kept and dropped. Duplicates are kept: what other
    segments say is asked later, of all of them.

    Args:
        documents: Documents, and what the readers dropped, which is passed on.
        settings: The corpus settings.
        contamination: The evaluation prompts; a segment that holds one is dropped. None where nothing is measured.
    """
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    for document in documents:
        for item in [document] if isinstance(document, Dropped) else _judged(document, settings, contamination):
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


def _judged(document: Document, settings: CorpusSettings, contamination: Prompts | None) -> Iterator[Segment | Dropped]:
    try:
        found = list(pieces(extract(document), document.format, settings.segment))
    except Unusable as error:
        yield Dropped(document.id, error.reason, error.detail, document.source, excerpt(document.text))
        return
    if not found:
        detail = f"{len(document.text)} characters of {document.format}"
        yield Dropped(document.id, "no text", detail, document.source, excerpt(document.text))
    for piece in found:
        yield _judge(piece, document, settings, contamination)


def _judge(
    piece: Piece, document: Document, settings: CorpusSettings, contamination: Prompts | None
) -> Segment | Dropped:
    identity = segment_id(piece.text)
    objection = judge(piece, settings.segment)
    if objection:
        return Dropped(identity, objection.reason, objection.detail, document.source, excerpt(piece.text))
    prompt = contamination.of(piece.text) if contamination else None
    if prompt is not None:
        return Dropped(identity, "holds an evaluation prompt", prompt, document.source, excerpt(piece.text))
    language, _ = identify(piece.text)
    return Segment(identity, document.id, document.source, piece.title_path, piece.text, language)
