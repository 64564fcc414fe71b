"""EPUB: the chapters of a book in the order they are read, each under its header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from humpback.corpus.office.books import Archive, Book, markdown, parse_xml, resolved
from humpback.corpus.parsing.html import parse_fragment
from humpback.corpus.parsing.sections import Block, Header, Unusable
from humpback.corpus.reading.decode import Undecodable, decode

_BYTES_PER_CHARACTER = 8
"""Unpacked bytes per character of text: markup included."""
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_MOST_LABELS = 5_000
_TAGS = re.compile(r"<head\b.*?</head>|<(?:script|style|svg)\b.*?</(?:script|style|svg)>|<[^>]*>", re.DOTALL | re.I)
_LONG = 200
"""So many characters of text cannot give no block, unless the page could not be parsed."""


@dataclass(frozen=True, slots=True)
class _Package:
    """What the package file says: the title, the pages in order, and the page that is the table of contents."""

    title: str
    pages: tuple[str, ...]
    contents: tuple[str, ...]


def read_epub(path: str, most: int) -> Book:
    """The text of a book.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is damaged, encrypted, or too long.
    """
    archive = Archive(path, most * _BYTES_PER_CHARACTER)
    names = set(archive.names())
    if "META-INF/encryption.xml" in names and _is_locked(archive):
        raise Unusable("encrypted file", "its chapters are locked to a reader")
    package = _package(archive, names)
    labels = dict(_labels(archive, package.contents))
    blocks: list[Block] = []
    length = 0
    for page in package.pages:
        if page in package.contents:
            continue
        chapter = _chapter(archive.read(page), labels.get(page, ""), page)
        length += sum(len(block) for block in chapter if isinstance(block, str))
        if length > most:
            raise Unusable("document too long", f"more than {most} characters")
        blocks += chapter
    return Book(package.title, markdown(blocks))


def _chapter(data: bytes, label: str, page: str) -> list[Block]:
    try:
        text = decode(data, html=True)
    except Undecodable as error:
        raise Unusable("not text", f"{page[:100]}: {error}") from None
    blocks = parse_fragment(text)
    if not blocks and len(_TAGS.sub("", text).strip()) > _LONG:
        raise Unusable("nested too deep", page[:100])
    if label and blocks and not any(isinstance(block, Header) for block in blocks[:3]):
        return [Header(1, label), *blocks]
    return blocks


def _package(archive: Archive, names: set[str]) -> _Package:
    container = parse_xml(archive.read("META-INF/container.xml"))
    package_path = next((item.get("full-path", "") for item in _named(container, "rootfile")), "")
    package = parse_xml(archive.read(package_path))
    title = next(("".join(item.itertext()) for item in _named(package, "title")), "")
    files: dict[str, tuple[str, str, str]] = {}
    for item in _named(package, "item"):
        href = resolved(package_path, item.get("href", ""))
        files[item.get("id", "")] = (href, item.get("media-type", ""), item.get("properties", ""))
    spine = [item.get("idref", "") for item in _named(package, "itemref") if item.get("linear") != "no"]
    pages = [files[name][0] for name in spine if name in files and files[name][1] in _PAGES]
    contents = [
        href for href, kind, properties in files.values() if "nav" in properties.split() or kind.endswith("ncx+xml")
    ]
    if not pages:
        raise Unusable("damaged file", "its package names no chapters")
    existing = tuple(dict.fromkeys(page for page in pages if page in names))
    return _Package(" ".join(title.split()), existing, tuple(name for name in contents if name in names))


def _labels(archive: Archive, contents: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What the table of contents calls each page; the last one given counts, so the first is given last."""
    labels: list[tuple[str, str]] = []
    for name in contents:
        root = parse_xml(archive.read(name))
        for point in _named(root, "navPoint"):
            label = next(("".join(item.itertext()) for item in _named(point, "text")), "")
            target = next((item.get("src", "") for item in _named(point, "content")), "")
            labels.append((resolved(name, target), " ".join(label.split())))
        for link in _named(root, "a"):
            label = " ".join("".join(link.itertext()).split())
            labels.append((resolved(name, link.get("href", "")), label))
    yield from reversed(labels[:_MOST_LABELS])  # in a mapping the first label of a page is to stay


def _is_locked(archive: Archive) -> bool:
    methods = [
        item.get("Algorithm", "")
        for item in _named(parse_xml(archive.read("META-INF/encryption.xml")), "EncryptionMethod")
    ]
    return any(method not in _FONT_OBFUSCATION for method in methods)


def _named(root: etree._Element, name: str) -> list[etree._Element]:
    """Elements by their name, whatever name space they are in."""
    return list(root.iter(f"{{*}}{name}", name))
