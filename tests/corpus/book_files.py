"""Small EPUB, DOCX and PDF files, written by hand."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def paragraph(text: str, style: str = "", list_level: int = -1) -> str:
    """A paragraph of a DOCX file."""
    listed = f'<w:numPr><w:ilvl w:val="{list_level}"/><w:numId w:val="1"/></w:numPr>' if list_level >= 0 else ""
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    run = f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'
    return f"<w:p><w:pPr>{styled}{listed}</w:pPr>{run}</w:p>"


def table(*rows: tuple[str, ...]) -> str:
    """A table of a DOCX file."""
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def write_docx(path: Path, *body: str, title: str = "", document: bytes = b"") -> Path:
    """A DOCX file with the styles of headers, a title and code."""
    names = {"Heading1": "heading 1", "Heading2": "heading 2", "Title": "Title", "Code": "Source Code", "TOC1": "toc 1"}
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in names.items()
    )
    level = '<w:lvl w:ilvl="{0}"><w:numFmt w:val="bullet"/></w:lvl>'
    numbering = (
        f'<w:abstractNum w:abstractNumId="0">{level.format(0)}{level.format(1)}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    relation = f'<Relationship Id="{{0}}" Type="{_RELATIONS}/{{1}}" Target="{{2}}"/>'
    relations = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    core = (
        '<p:coreProperties xmlns:p="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></p:coreProperties>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
        )
        archive.writestr("_rels/.rels", relations.format(relation.format("r1", "officeDocument", "word/document.xml")))
        archive.writestr(
            "word/_rels/document.xml.rels",
            relations.format(
                relation.format("r1", "styles", "styles.xml") + relation.format("r2", "numbering", "numbering.xml")
            ),
        )
        archive.writestr("word/styles.xml", f"<w:styles {_WORD}>{styles}</w:styles>")
        archive.writestr("word/numbering.xml", f"<w:numbering {_WORD}>{numbering}</w:numbering>")
        archive.writestr(
            "word/document.xml",
            document or f"<w:document {_WORD}><w:body>{''.join(body)}</w:body></w:document>",
        )
        archive.writestr("docProps/core.xml", core)
    return path


@dataclass(frozen=True)
class Chapter:
    """A chapter of an EPUB file."""

    file: str
    label: str
    """What the table of contents calls it; empty where that does not name it."""
    body: str
    linear: bool = True


def write_epub(
    path: Path, title: str, *chapters: Chapter, version: int = 3, extra: dict[str, str] | None = None
) -> Path:
    """An EPUB file, with the table of contents of version 2 or 3."""
    links = "".join(f'<li><a href="{c.file}">{escape(c.label)}</a></li>' for c in chapters if c.label)
    points = "".join(
        f'<navPoint><navLabel><text>{escape(c.label)}</text></navLabel><content src="{c.file}"/></navPoint>'
        for c in chapters
        if c.label
    )
    pages = "".join(
        f'<item id="c{number}" href="{chapter.file}" media-type="application/xhtml+xml"/>'
        for number, chapter in enumerate(chapters)
    )
    contents = (
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        if version == 3
        else '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    )
    spine = '<itemref idref="nav"/>' if version == 3 else ""
    spine += "".join(
        f'<itemref idref="c{number}"{"" if chapter.linear else " linear=" + chr(34) + "no" + chr(34)}/>'
        for number, chapter in enumerate(chapters)
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{escape(title)}</dc:title></metadata><manifest>{pages}{contents}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        )
        archive.writestr("OEBPS/book.opf", package)
        if version == 3:
            archive.writestr("OEBPS/nav.xhtml", f"<html><body><nav><ol>{links}</ol></nav></body></html>")
        else:
            archive.writestr("OEBPS/toc.ncx", f"<ncx><navMap>{points}</navMap></ncx>")
        for chapter in chapters:
            archive.writestr(
                f"OEBPS/{chapter.file}",
                '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
                f"<head><title>x</title></head><body>{chapter.body}</body></html>",
            )
        for name, text in (extra or {}).items():
            archive.writestr(name, text)
    return path


@dataclass(frozen=True)
class Text:
    """A line of text on a page of a PDF file."""

    text: str
    y: float
    x: float = 72.0
    size: float = 10.0
    font: str = "F1"
    """F1 is Helvetica, F2 bold, F3 Courier."""


def column(lines: list[str], y: float = 700.0, x: float = 72.0) -> list[Text]:
    """Lines below one another, as a paragraph has them."""
    return [Text(line, y - 12 * number, x) for number, line in enumerate(lines)]


def write_pdf(
    path: Path,
    pages: list[list[Text]],
    outline: list[tuple[str, int]] | None = None,
    title: str = "",
    encrypted: bool = False,
) -> Path:
    """A PDF file; its outline is titles with the numbers of their pages."""
    objects: list[bytes] = []

    def add(content: str | bytes) -> int:
        objects.append(content.encode("latin-1") if isinstance(content, str) else content)
        return len(objects)

    catalog, tree = add(""), add("")
    fonts = [
        add(f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
        for name in ("Helvetica", "Helvetica-Bold", "Courier")
    ]
    named = " ".join(f"/F{number} {font} 0 R" for number, font in enumerate(fonts, 1))
    kids = []
    for page in pages:
        drawn = "\n".join(
            f"BT /{line.font} {line.size} Tf {line.x} {line.y} Td ({_escaped(line.text)}) Tj ET" for line in page
        ).encode("cp1252")
        content = add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
        kids.append(
            add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R "
                f"/Resources << /Font << {named} >> >> >>"
            )
        )
    objects[tree - 1] = (
        f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode()
    )
    info = add(f"<< /Title ({_escaped(title)}) >>")
    entries = ""
    if outline:
        root = add("")
        first = len(objects) + 1
        last = first + len(outline) - 1
        for number, (entry, page) in enumerate(outline, first):
            following = f" /Next {number + 1} 0 R" if number < last else ""
            before = f" /Prev {number - 1} 0 R" if number > first else ""
            add(f"<< /Title ({_escaped(entry)}) /Parent {root} 0 R /Dest [{kids[page]} 0 R /Fit]{following}{before} >>")
        objects[root - 1] = f"<< /Type /Outlines /First {first} 0 R /Last {last} 0 R /Count {len(outline)} >>".encode()
        entries = f" /Outlines {root} 0 R"
    objects[catalog - 1] = f"<< /Type /Catalog /Pages {tree} 0 R{entries} >>".encode()
    locked = f" /Encrypt << /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >> /ID [<01> <01>]"
    trailer = f"<< /Size {len(objects) + 1} /Root {catalog} 0 R /Info {info} 0 R{locked if encrypted else ''} >>"
    path.write_bytes(_file(objects, trailer))
    return path


def _file(objects: list[bytes], trailer: str) -> bytes:
    data = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    begin = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return data + f"trailer\n{trailer}\nstartxref\n{begin}\n%%EOF\n".encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
