"""Small files of office formats, written by hand."""

from __future__ import annotations

import json
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
class Slide:
    """A slide of a PPTX file."""

    title: str
    points: tuple[tuple[int, str], ...] = ()
    """Level and text of each."""
    box: str = ""
    """What a text box that no layout has says."""
    rows: tuple[tuple[str, ...], ...] = ()
    notes: str = ""
    hidden: bool = False


def write_pptx(path: Path, *slides: Slide) -> Path:
    """A PPTX file; each title stands behind the rest, and each box twice: a second time for older programs."""
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/main"
    spaces = (
        f'xmlns:a="{drawing}" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        f'xmlns:r="{_RELATIONS}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )

    def text(*paragraphs: tuple[int, str]) -> str:
        return "".join(f'<a:p><a:pPr lvl="{n}"/><a:r><a:t>{escape(t)}</a:t></a:r></a:p>' for n, t in paragraphs)

    def frame(kind: str | None, *paragraphs: tuple[int, str]) -> str:
        placeholder = f'<p:ph type="{kind}"/>' if kind else ""
        return f"<p:sp><p:nvPr>{placeholder}</p:nvPr><p:txBody>{text(*paragraphs)}</p:txBody></p:sp>"

    def links(*targets: tuple[str, str]) -> str:
        items = (f'<Relationship Id="r{n}" Type="{_RELATIONS}/{t[0]}" Target="{t[1]}"/>' for n, t in enumerate(targets))
        return f"<Relationships>{''.join(items)}</Relationships>"

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        order = "".join(f'<p:sldId r:id="r{number}"/>' for number in range(len(slides)))
        archive.writestr("ppt/presentation.xml", f"<p:presentation {spaces}>{order}</p:presentation>")
        # The first slide has the last number: their order is that of the presentation.
        numbers = range(len(slides), 0, -1)
        archive.writestr(
            "ppt/_rels/presentation.xml.rels", links(*(("slide", f"slides/slide{number}.xml") for number in numbers))
        )
        for number, slide in zip(numbers, slides, strict=True):
            rows = ("".join(f"<a:tc>{text((0, cell))}</a:tc>" for cell in row) for row in slide.rows)
            table = f"<a:tbl>{''.join(f'<a:tr>{row}</a:tr>' for row in rows)}</a:tbl>" if slide.rows else ""
            box = frame(None, (0, slide.box)) if slide.box else ""
            archive.writestr(
                f"ppt/slides/slide{number}.xml",
                f'<p:sld {spaces} show="{int(not slide.hidden)}">{frame("obj", *slide.points)}'
                f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
                f"</mc:AlternateContent>{table}{frame('sldNum', (0, str(number)))}"
                f"{frame('title', (0, slide.title))}</p:sld>",
            )
            archive.writestr(
                f"ppt/slides/_rels/slide{number}.xml.rels", links(("notesSlide", f"../notesSlides/notes{number}.xml"))
            )
            archive.writestr(
                f"ppt/notesSlides/notes{number}.xml",
                f"<p:notes {spaces}>{frame('sldNum', (0, str(number)))}{frame('body', (0, slide.notes))}</p:notes>",
            )
    return path


def write_xlsx(path: Path, sheets: dict[str, list[list[str | float]]], hidden: str = "") -> Path:
    """An XLSX file; one of its sheets may be hidden."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    numbered = list(enumerate(sheets, 1))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        entries = (
            f'<sheet name="{name}" sheetId="{n}" state="{"hidden" if name == hidden else "visible"}" r:id="r{n}"/>'
            for n, name in numbered
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {space} xmlns:r="{_RELATIONS}"><sheets>{"".join(entries)}</sheets></workbook>',
        )
        workbook = f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f"<Relationships>{workbook}</Relationships>")
        targets = (
            f'<Relationship Id="r{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n, _ in numbered
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{''.join(targets)}</Relationships>")
        for number, name in numbered:
            cells = (
                "".join(_xlsx_cell(f"{chr(65 + column)}{at}", value) for column, value in enumerate(row))
                for at, row in enumerate(sheets[name], 1)
            )
            rows = "".join(f'<row r="{at}">{row}</row>' for at, row in enumerate(cells, 1))
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml", f"<worksheet {space}><sheetData>{rows}</sheetData></worksheet>"
            )
    return path


def _xlsx_cell(place: str, value: str | float) -> str:
    if value == "":
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def write_ipynb(path: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of cells, each with its type and its text; code has printed a secret."""
    output = {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["secret"]}]}
    listed = [
        {
            "cell_type": kind,
            "metadata": {},
            "source": text.splitlines(keepends=True),
            **(output if kind == "code" else {}),
        }
        for kind, text in cells
    ]
    language = {"language_info": {"name": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": language, "cells": listed}))
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
