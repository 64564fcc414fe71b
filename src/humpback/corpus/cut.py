"""One window of documents to segments: parse, cut, mask, judge. Other windows make no difference to the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Protocol

from humpback.config import CorpusSettings
from humpback.corpus.cutting.piece import Piece, segment_id
from humpback.corpus.cutting.segments import pieces
from humpback.corpus.deadline import TookTooLong, within
from humpback.corpus.judging.filters import Objection, objections
from humpback.corpus.judging.language import identify, load
from humpback.corpus.judging.leaning import opens_inside
from humpback.corpus.judging.personal import mask, mask_piece
from humpback.corpus.judging.urls import Addresses, addresses
from humpback.corpus.parsing.extract import extract
from humpback.corpus.parsing.sections import EXCERPT_CHARS, Section, Unusable, excerpt
from humpback.corpus.parsing.titles import without_site
from humpback.records import Document, Dropped, Outcome, Segment

HOLDS_PROMPT = "holds an evaluation prompt"
"""The reason of segments that are dropped because an evaluation uses their text."""


class Prompts(Protocol):
    """The evaluation prompts that no segment may hold; `humpback.text.contamination` has them."""

    def of(self, text: str) -> str | None:
        """Which of them the text holds, in words; None where it holds none."""
        ...


def cut(
    documents: Iterable[Document | Dropped], settings: CorpusSettings, contamination: Prompts | None = None
) -> Outcome[Segment]:
    """Segments of some documents.

    `read` counts candidates: every judged piece, every document that was dropped before the cut, and every document
    without text. So `read` is always the number of kept and dropped records. Duplicates are kept: a later stage
    compares the segments of the whole corpus.

    Args:
        documents: Documents, and what the readers dropped, which stays dropped.
        settings: The corpus settings.
        contamination: The evaluation prompts; a segment that holds one is dropped. None if there are none.
    """
    return _outcome(list(chain.from_iterable(_records(documents, settings, contamination))))


def cut_in_shards(
    documents: Iterable[Document | Dropped],
    settings: CorpusSettings,
    contamination: Prompts | None = None,
    *,
    rows: int,
    start: tuple[int, int] = (0, 0),
) -> Iterator[Outcome[Segment]]:
    """The same in shards of at most `rows` segments from at most `rows` documents; a long document may fill several.

    Args:
        documents: As for `cut`; one is in memory at a time.
        settings: The corpus settings.
        contamination: As for `cut`.
        rows: Where a shard ends.
        start: The position of the last shard that is there already: documents before it are not cut again.
    """
    first, in_shards = start
    shard: list[Segment | Dropped] = []
    segments = opened = 0
    for number, records in enumerate(_records(islice(documents, first, None), settings, contamination), first):
        opened += 1
        for place, record in enumerate(records, 1):
            if number == first and place <= in_shards:
                continue
            shard.append(record)
            segments += isinstance(record, Segment)
            if segments == rows and place < len(records):
                yield _outcome(shard, (number, place))
                shard, segments, opened = [], 0, 1
        if segments >= rows or opened == rows:
            yield _outcome(shard, (number + 1, 0))
            shard, segments, opened = [], 0, 0
    if shard:
        yield _outcome(shard, (number + 1, 0))


def _records(
    documents: Iterable[Document | Dropped], settings: CorpusSettings, contamination: Prompts | None
) -> Iterator[list[Segment | Dropped]]:
    """What becomes of each document: one record at least."""
    rules = addresses(settings.urls)
    load()
    for document in documents:
        yield [document] if isinstance(document, Dropped) else _in_time(document, settings, rules, contamination)


def _outcome(records: list[Segment | Dropped], position: tuple[int, int] = (0, 0)) -> Outcome[Segment]:
    segments = tuple(record for record in records if isinstance(record, Segment))
    dropped = tuple(record for record in records if isinstance(record, Dropped))
    return Outcome(segments, dropped, len(records), position=position)


def _in_time(
    document: Document, settings: CorpusSettings, rules: Addresses, contamination: Prompts | None
) -> list[Segment | Dropped]:
    """The pieces of a document, judged, or the one reason why it has none."""
    refusal = rules.refuse(document.source)
    if refusal:
        return [_dropped_document(document, refusal.reason, refusal.detail, settings)]
    try:
        return within(settings.max_document_seconds, lambda: _cut_and_judge(document, settings, contamination))
    except Unusable as error:
        return [_dropped_document(document, error.reason, error.detail, settings)]
    except TookTooLong as error:
        return [_dropped_document(document, "took too long", f"{error} for {len(document.text)} characters", settings)]


def parse(document: Document) -> Section:
    """A document as a tree, its title without the name of the site.

    Raises:
        Unusable: It cannot be parsed within reason.
    """
    root = extract(document)
    return replace(root, title=without_site(root.title, document.source))


def pieces_of(root: Section, document: Document, settings: CorpusSettings) -> list[Piece]:
    """The pieces of a document that was parsed, in reading order."""

    def opens_badly(text: str) -> bool:
        beginning = Piece((), "", text, headed=True, opens=False, part=2)
        return opens_inside(beginning, settings.segment) is not None

    return pieces(root, document.format, settings.segment, opens_badly)


def _cut_and_judge(
    document: Document, settings: CorpusSettings, contamination: Prompts | None
) -> list[Segment | Dropped]:
    cuts = pieces_of(parse(document), document, settings)
    if not cuts:
        detail = f"{len(document.text)} characters of {document.format}"
        return [_dropped_document(document, "no text", detail, settings)]
    return [_judge(piece, document, settings, contamination) for piece in cuts]


def refusals(piece: Piece, settings: CorpusSettings, contamination: Prompts | None) -> Iterator[Objection]:
    """Every reason why a piece is no segment, in order. Each filter runs only when its result is needed."""
    yield from objections(piece, settings.segment)
    prompt = contamination.of(piece.text) if contamination else None
    if prompt is not None:
        yield Objection(HOLDS_PROMPT, prompt)


def _judge(
    piece: Piece, document: Document, settings: CorpusSettings, contamination: Prompts | None
) -> Segment | Dropped:
    refusal = next(refusals(piece, settings, contamination), None)
    if not refusal and settings.segment.personal_data == "mask":
        masked, values = mask_piece(piece)
        if values:
            piece, refusal = masked, next(refusals(masked, settings, contamination), None)
    identity = segment_id(piece.text)
    if refusal:
        text_start = _masked_excerpt(piece.text, settings)
        return Dropped(identity, refusal.reason, refusal.detail, document.source, text_start, len(piece.text))
    language, _ = identify(piece.spoken)
    return Segment(identity, document.id, document.source, piece.title_path, piece.text, language)


def _dropped_document(document: Document, reason: str, detail: str, settings: CorpusSettings) -> Dropped:
    return Dropped(document.id, reason, detail, document.source, _masked_excerpt(document.text, settings))


def _masked_excerpt(text: str, settings: CorpusSettings) -> str:
    """An excerpt for the drop ledger, without personal data unless the settings keep it."""
    start = text[: 4 * EXCERPT_CHARS]
    return excerpt(start if settings.segment.personal_data == "keep" else mask(start)[0])
