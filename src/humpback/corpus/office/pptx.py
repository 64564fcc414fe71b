"""PPTX: each slide under its title, with its lists and tables, and the notes of the speaker below it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from lxml import etree

from humpback.corpus.office.books import Archive, Book, declared_title, markdown, office_archive, parse_xml, resolved
from humpback.corpus.parsing.sections import Block, Header, Unusable, cell, table

_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "hdr", "sldNum", "sldImg")
_BODIES = ("body", "obj", "")
"""Kinds of frame whose paragraphs are points, as the layout of a slide has them; a frame of no kind is one of these."""
_BREAKS = "{http://schemas.openxmlformats.org/drawingml/2006/main}br"
_TEXTS = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"


def read_pptx(path: str, most: int) -> Book:
    """The text of a presentation; slides that are hidden are left out.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is damaged, encrypted, or too long.
    """
    archive = office_archive(path)
    names = set(archive.names())
    links = _links(archive, names, "ppt/presentation.xml")
    slides = [
        links.get(item.get(_ID, ""), ("", ""))[1] for item in _parsed(archive, "ppt/presentation.xml").iter("{*}sldId")
    ]
    blocks: list[Block] = []
    length = 0
    for name in dict.fromkeys(slide for slide in slides if slide in names):
        root = _parsed(archive, name)
        if root.get("show") == "0":
            continue
        slide = list(_slide(root))
        for kind, target in _links(archive, names, name).values():
            if kind == "notesSlide" and target in names:
                slide += _notes(_parsed(archive, target))
        length += sum(len(block) for block in slide if isinstance(block, str))
        if length > most:
            raise Unusable("document too long", f"more than {most} characters")
        blocks += slide
    return Book(declared_title(archive), markdown(blocks))


def _parsed(archive: Archive, name: str) -> etree._Element:
    """A part without what stands in it for older programs, which says everything a second time."""
    root = parse_xml(archive.read(name))
    for fallback in list(root.iter("{*}Fallback")):
        fallback.getparent().remove(fallback)
    return root


def _links(archive: Archive, names: set[str], part: str) -> dict[str, tuple[str, str]]:
    """Where a part leads to: the kind and the name of each target, by the id of the link."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in names:
        return {}
    return {
        item.get("Id", ""): (item.get("Type", "").rpartition("/")[2], resolved(f"/{part}", item.get("Target", ""))[1:])
        for item in parse_xml(archive.read(relations)).iter("{*}Relationship")
    }


def _slide(root: etree._Element) -> Iterator[Block]:
    """The title first, wherever it stands on the slide."""
    frames = list(root.iter("{*}sp", "{*}tbl"))
    for frame in frames:
        if _kind(frame) in _TITLES and (title := " ".join(" ".join(text for _, text in _paragraphs(frame)).split())):
            yield Header(1, title)
    for frame in frames:
        kind = _kind(frame)
        if etree.QName(frame).localname == "tbl":
            rows = [
                [cell(" ".join(item.itertext(_TEXTS))) for item in row.iter("{*}tc")] for row in frame.iter("{*}tr")
            ]
            if any(map(any, rows)):
                yield "\n".join(table(rows))
        elif kind not in (*_TITLES, *_FURNITURE):
            paragraphs = list(_paragraphs(frame))
            if kind in _BODIES and len(paragraphs) > 1:
                yield "\n".join(f"{'  ' * level}- {' '.join(text.split())}" for level, text in paragraphs)
            else:
                yield from (text for _, text in paragraphs)


def _notes(root: etree._Element) -> Iterator[str]:
    for frame in root.iter("{*}sp"):
        if _kind(frame) == "body":
            yield from (text for _, text in _paragraphs(frame))


def _kind(frame: etree._Element) -> str | None:
    """What a frame is for, such as 'title'; None where the layout has no such frame."""
    placeholder = next(frame.iter("{*}ph"), None)
    return None if placeholder is None else placeholder.get("type", "")


def _paragraphs(frame: etree._Element) -> Iterator[tuple[int, str]]:
    """The level and the text of each paragraph."""
    for paragraph in frame.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}p"):
        text = "".join("\n" if item.tag == _BREAKS else item.text or "" for item in paragraph.iter(_BREAKS, _TEXTS))
        if text.strip():
            properties = next(paragraph.iter("{*}pPr"), None)
            level = properties.get("lvl", "0") if properties is not None else "0"
            yield int(level) if level.isdigit() and len(level) == 1 else 0, text.strip()
