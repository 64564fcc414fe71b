"""Explains one document in words: its tree, each piece that was cut from it, and every objection to each piece.

The lines are plain text and safe to show in a terminal, whatever the document holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from humpback.config import CorpusSettings
from humpback.corpus.cut import Prompts, parse, pieces_of, refusals
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.deadline import TookTooLong, within
from humpback.corpus.judging.language import identify
from humpback.corpus.judging.personal import mask_piece
from humpback.corpus.judging.urls import addresses
from humpback.corpus.parsing.sections import Section, Unusable
from humpback.corpus.readers import read_documents
from humpback.corpus.reading.sources import list_sources
from humpback.errors import InputError
from humpback.records import Document, Dropped

MOST_DOCUMENTS = 10
"""Documents of an archive or table that are explained if none is named."""
_MOST_SECTIONS = 200
_MOST_NAMES = 8
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


def explain(entries: Sequence[str], settings: CorpusSettings, contamination: Prompts | None = None) -> Iterator[str]:
    """Lines that explain how documents become segments.

    Args:
        entries: Files, folders or globs; `FILE#NAME` names one document of an archive or table.
        settings: The corpus settings; their documents are not read.
        contamination: The evaluation prompts that no segment may hold.

    Raises:
        InputError: A file is missing, or has no document of that name.
    """
    for entry in entries:
        path, name = _file_and_name(entry)
        narrowed = settings.model_copy(update={"documents": (path,)})
        sources = list_sources(narrowed)
        items = read_documents(narrowed, sources, odd_tables=len(sources) > 1)
        for count, item in enumerate(_items_of_name(items, path, name)):
            if count == MOST_DOCUMENTS:
                yield f"There are more documents in {_safe(path)}: name one with {_safe(path)}#NAME."
                break
            for line in _dropped(item) if isinstance(item, Dropped) else _document(item, settings, contamination):
                yield line.rstrip()
            yield ""


def _file_and_name(entry: str) -> tuple[str, str]:
    """A file and the name of a document in it, which may be empty."""
    path, sign, name = entry.partition("#")
    return (path, name) if sign and not Path(entry).exists() else (entry, "")


def _items_of_name(items: Iterable[Document | Dropped], path: str, name: str) -> Iterator[Document | Dropped]:
    if not name:
        yield from items
        return
    names: list[str] = []
    missing = True
    for item in items:
        if item.source == name or item.source.endswith(f"#{name}"):
            missing = False
            yield item
        elif len(names) < _MOST_NAMES:
            names.append(item.source.rpartition("#")[2])
    if missing:
        raise InputError(f"{path} has no document named {name!r}", f"names are {', '.join(names)} ...")


def _dropped(item: Dropped) -> Iterator[str]:
    yield _safe(item.source)
    yield f"  dropped by its reader: {item.reason}: {_safe(item.detail)}"


def _document(document: Document, settings: CorpusSettings, contamination: Prompts | None) -> Iterator[str]:
    yield f"{_safe(document.source)}: {document.format}, {len(document.text):,} characters"
    refusal = addresses(settings.urls).refuse(document.source)
    if refusal:
        yield f"  dropped: {refusal.reason}: {_safe(refusal.detail)}"
        return
    try:
        tree = within(settings.max_document_seconds, lambda: parse(document))
    except Unusable as error:
        yield f"  dropped: {_safe(str(error))}"
        return
    except TookTooLong as error:
        yield f"  dropped: took too long: {error}"
        return
    yield from islice(_tree(tree, 1), _MOST_SECTIONS)
    cuts = pieces_of(tree, document, settings)
    if not cuts:
        yield "  dropped: no text"
    accepted = chars = 0
    for number, piece in enumerate(cuts, 1):
        lines = list(_piece(piece, settings, contamination))
        if lines[0].startswith("KEPT"):
            accepted, chars = accepted + 1, chars + len(piece.text)
        yield f"  {number}. {lines[0]}"
        yield from (f"     {line}" for line in lines[1:])
    total = sum(len(piece.text) for piece in cuts)
    yield f"  {accepted} of {len(cuts)} pieces kept, {chars:,} of {total:,} characters"


def _tree(section: Section, depth: int) -> Iterator[str]:
    """The nested headers of a document, each with the length of the text directly under it."""
    mark = f"{'#' * section.level} " if section.level else ""
    yield f"{'  ' * depth}{mark}{_safe(section.title) or '(no title)'} [{len(section.body):,}]"
    for child in section.children:
        yield from _tree(child, depth + 1)


def _piece(piece: Piece, settings: CorpusSettings, contamination: Prompts | None) -> Iterator[str]:
    masked, values = mask_piece(piece) if settings.segment.personal_data != "keep" else (piece, [])
    objections = list(refusals(piece, settings, contamination))
    if values and settings.segment.personal_data == "mask" and not objections:
        objections = list(refusals(masked, settings, contamination))
    language, probability = identify(piece.spoken)
    yield f"{'DROPPED' if objections else 'KEPT'}  {_safe(' > '.join(piece.title_path)) or '(no title)'}"
    position = ", begins the document" * piece.opens + ", ends it" * piece.closes
    if piece.parts > 1:
        position += f", part {piece.part} of {piece.parts} of a long text"
        position += f", begins at a {piece.begins_at}" if piece.begins_at else ""
    yield f"{len(piece.text):,} characters, {language or 'no language'} {probability:.2f}{position}"
    yield f"| {_safe(piece.text)[:160]}"
    for objection in objections:
        yield f"- {objection.reason}: {_safe(objection.detail)}"
    if values:
        action = "masked" if settings.segment.personal_data == "mask" else "holds"
        yield f"{action}: {', '.join(map(_safe, values))}"


def _safe(text: str) -> str:
    """A text on one line, without the characters that control a terminal."""
    return " ".join(_CONTROL.sub(" ", text[:2000]).split())
