from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.readers import list_sources, read_documents
from humpback.records import Document, Dropped
from tests.corpus.book_files import (
    Chapter,
    Slide,
    Text,
    column,
    paragraph,
    table,
    write_docx,
    write_epub,
    write_ipynb,
    write_pdf,
    write_pptx,
    write_xlsx,
)
from tests.corpus.samples import BREAD, TIDES
from tests.corpus.web_server import serve

PAGE = "<p>" + "</p><p>".join(BREAD) + "</p>"


def read(path: Path | str, **values: object) -> list[Document | Dropped]:
    given_settings = CorpusSettings.model_validate({"documents": [str(path)], **values})
    return list(read_documents(given_settings, list_sources(given_settings)))


def document(path: Path) -> Document:
    (found,) = read(path)
    assert isinstance(found, Document), found
    return found


def refused(path: Path, **values: object) -> Dropped:
    (found,) = read(path, **values)
    assert isinstance(found, Dropped), found
    return found


def wrapped(sentences: tuple[str, ...], width: int = 80) -> list[str]:
    """Sentences as the lines of a paragraph."""
    lines = [""]
    for word in " ".join(sentences).split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


@pytest.mark.parametrize("version", [2, 3])
def test_the_chapters_of_a_book_stand_in_order_under_their_headers(tmp_path: Path, version: int):
    book = write_epub(
        tmp_path / "a.epub",
        "On bread",
        Chapter("two.xhtml", "Baking", f"<p>{BREAD[4]}</p>"),
        Chapter(
            "one%20b.xhtml", "Kneading", f"<h1>How to knead</h1><p>{BREAD[0]}</p><ul><li>flour</li><li>salt</li></ul>"
        ),
        Chapter("notes.xhtml", "Notes", "<p>not in the text</p>", linear=False),
        version=version,
    )
    with zipfile.ZipFile(book) as archive:  # the name of a member is not written as it is in a link
        members = {name.replace("%20", " "): archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(book, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    found = document(book)
    assert (found.source, found.format, found.title) == ("a.epub", "markdown", "On bread")
    assert found.text == f"# Baking\n\n{BREAD[4]}\n\n# How to knead\n\n{BREAD[0]}\n\n- flour\n- salt"


def test_a_chapter_that_goes_on_in_a_second_file_stays_one(tmp_path: Path):
    book = write_epub(
        tmp_path / "a.epub",
        "On bread",
        Chapter("1.xhtml", "Kneading", f"<p>{BREAD[0]}</p>"),
        Chapter("2.xhtml", "", f"<p>{BREAD[1]}</p>"),
    )
    assert document(book).text == f"# Kneading\n\n{BREAD[0]}\n\n{BREAD[1]}"


def test_a_document_keeps_headers_lists_tables_and_code(tmp_path: Path):
    path = write_docx(
        tmp_path / "a.docx",
        paragraph("On bread", "Title"),
        paragraph("Kneading ......... 3", "TOC1"),
        paragraph("Kneading", "Heading1"),
        paragraph(BREAD[0]),
        paragraph("flour", list_level=0),
        paragraph("rye", list_level=1),
        paragraph("salt", list_level=0),
        paragraph("Times", "Heading2"),
        table(("bread", "minutes"), ("rye", "60")),
        paragraph("bake(60)", "Code"),
        paragraph("cool()", "Code"),
        title="untitled document",
    )
    found = document(path)
    assert (found.source, found.title) == ("a.docx", "On bread")
    assert found.text == (
        f"# Kneading\n\n{BREAD[0]}\n\n- flour\n  - rye\n- salt\n\n## Times\n\n"
        "| bread | minutes |\n| --- | --- |\n| rye | 60 |\n\n```\nbake(60)\ncool()\n```"
    )


def test_the_title_of_a_document_may_stand_in_its_properties(tmp_path: Path):
    assert document(write_docx(tmp_path / "a.docx", paragraph(BREAD[0]), title="On bread")).title == "On bread"


def test_a_document_cannot_bring_in_files_of_the_reader(tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    entity = (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file://{secret}">]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"<w:p><w:r><w:t>{BREAD[0]}&x;</w:t></w:r></w:p></w:body></w:document>"
    )
    (found,) = read(write_docx(tmp_path / "a.docx", document=entity.encode()))
    assert "secret" not in getattr(found, "text", "")
    book = write_epub(tmp_path / "b.epub", "On bread", Chapter("../../secret.txt", "Secret", PAGE))
    (tmp_path / "OEBPS").mkdir()
    (found,) = read(book)
    assert "secret" not in getattr(found, "text", "").lower()


def test_slides_stand_in_order_under_their_titles_with_the_notes_of_the_speaker(tmp_path: Path):
    path = write_pptx(
        tmp_path / "a.pptx",
        Slide("On bread", ((0, "Kneading"), (1, "ten minutes"), (0, "Baking")), box=BREAD[0], notes=BREAD[1]),
        Slide("Secret", ((0, "hidden"),), hidden=True),
        Slide("Times", ((0, BREAD[2]),), rows=(("bread", "minutes"), ("rye", "60|70"))),
    )
    assert document(path).text == (
        f"# On bread\n\n- Kneading\n  - ten minutes\n- Baking\n\n{BREAD[0]}\n\n{BREAD[1]}\n\n"
        f"# Times\n\n{BREAD[2]}\n\n| bread | minutes |\n| --- | --- |\n| rye | 60\\|70 |"
    )


def test_the_sheets_of_a_workbook_are_tables_between_empty_rows(tmp_path: Path):
    sheets: dict[str, list[list[str | float]]] = {
        "Loaves": [
            ["Made in May"],
            [],
            ["", "bread", "minutes"],
            ["", "rye", 60],
            ["", "spelt|oat", 42.5],
            ["", "rest"],
        ],
        "Secret": [["hidden"]],
        "Notes": [[BREAD[0]], [BREAD[1]]],
    }
    assert document(write_xlsx(tmp_path / "a.xlsx", sheets, hidden="Secret")).text == (
        "# Loaves\n\nMade in May\n\n| bread | minutes |\n| --- | --- |\n| rye | 60 |\n"
        f"| spelt\\|oat | 42.5 |\n| rest |  |\n\n# Notes\n\n{BREAD[0]}\n{BREAD[1]}"
    )


def test_a_notebook_is_its_text_and_its_code_without_what_was_printed(tmp_path: Path):
    cells = [("markdown", f"# Bread\n\n{BREAD[0]}"), ("code", "print('```')\n"), ("raw", "secret"), ("code", " \n")]
    assert document(write_ipynb(tmp_path / "a.ipynb", *cells)).text == (
        f"# Bread\n\n{BREAD[0]}\n\n````python\nprint('```')\n````"
    )
    old = {"worksheets": [{"cells": [
        {"cell_type": "heading", "level": 2, "source": "Bread"},
        {"cell_type": "code", "input": ["bake()"], "language": "python"},
    ]}]}  # fmt: skip
    (tmp_path / "b.ipynb").write_text(json.dumps(old))
    assert document(tmp_path / "b.ipynb").text == "## Bread\n\n```\nbake()\n```"
    for content in ("[]", '{"a": 1}', '{"cells": [5]}', "{", "[" * 200_000):
        (tmp_path / "c.ipynb").write_text(content)
        assert refused(tmp_path / "c.ipynb").reason == "damaged file"


def test_a_sheet_that_reaches_further_than_the_memory_costs_only_itself(tmp_path: Path):
    write_xlsx(tmp_path / "a.xlsx", {"Far": [[1]]})
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for name, text in members.items():
            far = '</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            archive.writestr(name, text.replace("</row></sheetData>", far))
    write_xlsx(tmp_path / "b.xlsx", {"Notes": [[BREAD[0]]]})
    first, second = read(tmp_path)
    assert isinstance(first, Dropped)
    assert first.reason in {"damaged file", "takes too much memory", "took too long"}
    assert isinstance(second, Document)


def test_the_paragraphs_of_a_pdf_are_whole_again(tmp_path: Path):
    first, second = wrapped(BREAD[:3]), wrapped(BREAD[3:6])
    pages = [
        [Text("Kneading", 740, size=16), *column(first), *column(second[:2], 700 - 12 * len(first) - 8)],
        column(second[2:]),
    ]
    found = document(write_pdf(tmp_path / "a.pdf", pages, title="scan0001"))
    assert found.text == f"# Kneading\n\n{' '.join(BREAD[:3])}\n\n{' '.join(BREAD[3:6])}"
    assert (found.format, found.title) == ("markdown", "")


def test_the_title_that_a_pdf_declares_counts_where_it_says_it_too(tmp_path: Path):
    pages = [[Text("On bread", 740, size=20), *column(wrapped(BREAD))]]
    assert document(write_pdf(tmp_path / "a.pdf", pages, title="On Bread")).title == "On Bread"


def test_what_runs_through_the_pages_of_a_pdf_is_gone(tmp_path: Path):
    pages = [
        [
            Text(f"Chapter {number // 3}: On bread", 760, size=8),
            *column([f"{sentence[:60]}", f"{sentence[60:]}"]),
            Text(f"- {number + 1} -", 40),
        ]
        for number, sentence in enumerate(BREAD)
    ]
    found = document(write_pdf(tmp_path / "a.pdf", pages))
    assert found.text.split("\n\n") == [" ".join(f"{sentence[:60]} {sentence[60:]}".split()) for sentence in BREAD]


def test_a_word_that_a_pdf_breaks_is_mended_and_a_hyphen_that_belongs_stays(tmp_path: Path):
    lines = [
        "The temper-ature matters, and a well-known rule says that the tempera-",
        "ture should be high when the dough goes into the oven, as in the well-",
        "known books of old, but a temperature too high burns the crust of it.",
    ]
    text = document(write_pdf(tmp_path / "a.pdf", [column(lines)])).text
    assert "says that the temperature should be high" in text
    assert "as in the well-known books" in text


def test_the_outline_of_a_pdf_names_its_headers(tmp_path: Path):
    pages = [
        [Text("1 Kneading", 740, font="F2"), *column(wrapped(BREAD[:4]))],
        [Text("2 Tides", 740, font="F2"), *column(wrapped(TIDES))],
    ]
    found = document(write_pdf(tmp_path / "a.pdf", pages, outline=[("Kneading", 0), ("Tides", 1)]))
    assert found.text == f"# 1 Kneading\n\n{' '.join(BREAD[:4])}\n\n# 2 Tides\n\n{' '.join(TIDES)}"


def test_lists_and_code_of_a_pdf_keep_their_form(tmp_path: Path):
    pages = [
        [
            *column(wrapped(BREAD[:4])),
            Text("\x95 flour, of which more is needed than you would think at first, and which must be", 600),
            Text("weighed", 588, x=80),
            Text("\x95 salt", 576),
            Text("for loaf in loaves:", 540, font="F3"),
            Text("bake(loaf, minutes=60)", 528, x=96, font="F3"),
        ]
    ]
    found = document(
        write_pdf(
            tmp_path / "a.pdf",
            [[Text(t.text.replace("\x95", "•"), t.y, t.x, t.size, t.font) for t in p] for p in pages],
        )
    )
    assert found.text.endswith(
        "- flour, of which more is needed than you would think at first, and which must be weighed\n- salt\n\n"
        "```\nfor loaf in loaves:\n    bake(loaf, minutes=60)\n```"
    )


def test_the_notes_of_a_page_do_not_stand_in_a_sentence(tmp_path: Path):
    lines = wrapped(BREAD)
    pages = [[*column(lines[:4]), Text("1 A note on yeast.", 60, size=7)], column(lines[4:])]
    assert document(write_pdf(tmp_path / "a.pdf", pages)).text == f"{' '.join(BREAD)}\n\n1 A note on yeast."


def test_two_columns_of_a_pdf_are_read_one_after_the_other(tmp_path: Path):
    lines = wrapped(BREAD, 38)
    half = len(lines) // 2
    page = [*column(lines[:half]), *column(lines[half:], x=320)]
    assert document(write_pdf(tmp_path / "a.pdf", [page])).text == " ".join(BREAD)


def test_books_are_cut_into_segments_under_their_titles(tmp_path: Path):
    write_epub(tmp_path / "a.epub", "On bread", Chapter("1.xhtml", "Kneading", PAGE))
    write_docx(tmp_path / "b.docx", paragraph("Kneading", "Heading1"), *map(paragraph, BREAD), title="On bread")
    write_pdf(tmp_path / "c.pdf", [[Text("Kneading", 740, size=16), *column(wrapped(BREAD))]])
    segments = cut(read(tmp_path), CorpusSettings()).kept
    assert [segment.title_path for segment in segments] == [("On bread", "Kneading")] * 2 + [("Kneading",)]
    assert {" ".join(segment.text.split()) for segment in segments} == {" ".join(BREAD)}


def test_a_packed_file_and_one_at_a_url_are_read(tmp_path: Path):
    pdf = write_pdf(tmp_path / "a.pdf", [column(wrapped(BREAD))])
    (tmp_path / "b.pdf.gz").write_bytes(gzip.compress(pdf.read_bytes()))
    assert document(tmp_path / "b.pdf.gz").text == " ".join(BREAD)
    with serve({"/a.pdf": pdf.read_bytes()}) as server:
        (found,) = read(f"{server.address}/a.pdf")
        assert isinstance(found, Document)
        assert found.text == " ".join(BREAD)


def test_a_pdf_of_pictures_is_said_to_be_one(tmp_path: Path):
    path = write_pdf(tmp_path / "a.pdf", [[Text("1", 40)], [Text("2", 40)]])
    assert (refused(path).reason, refused(path).detail) == ("pictures of text", "2 characters on 2 pages")


def test_files_that_need_a_password_are_said_to(tmp_path: Path):
    assert refused(write_pdf(tmp_path / "a.pdf", [column(["x"])], encrypted=True)).reason == "encrypted file"
    locked = '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/></EncryptedData></encryption>'
    book = write_epub(tmp_path / "a.epub", "x", Chapter("1.xhtml", "", PAGE), extra={"META-INF/encryption.xml": locked})
    assert refused(book).reason == "encrypted file"
    for name in ("a.docx", "a.pptx", "a.xlsx"):
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
        assert refused(tmp_path / name).reason == "encrypted file"


def test_longer_documents_are_dropped_as_others_are(tmp_path: Path):
    files = [
        write_epub(tmp_path / "a.epub", "x", Chapter("1.xhtml", "", PAGE)),
        write_docx(tmp_path / "b.docx", *map(paragraph, BREAD)),
        write_pdf(tmp_path / "c.pdf", [column(wrapped(BREAD))]),
        write_pptx(tmp_path / "d.pptx", Slide("x", tuple((0, sentence) for sentence in BREAD))),
        write_xlsx(tmp_path / "e.xlsx", {"x": [[sentence] for sentence in BREAD]}),
        write_ipynb(tmp_path / "f.ipynb", ("markdown", " ".join(BREAD))),
    ]
    assert {refused(path, max_document_chars=500, segment={"min_chars": 1}).reason for path in files} == {
        "document too long"
    }


def test_bombs_are_not_unpacked(tmp_path: Path):
    book = write_epub(tmp_path / "a.epub", "x", Chapter("1.xhtml", "", f"<p>{'0' * 20_000_000}</p>"))
    assert refused(book, max_document_chars=1_000_000).reason == "document too long"
    for bomb in (
        write_docx(tmp_path / "a.docx", paragraph("0" * 70_000_000)),
        write_pptx(tmp_path / "a.pptx", Slide("0" * 70_000_000)),
    ):
        assert refused(bomb).reason == "document too long"
    data = bytearray(write_epub(tmp_path / "b.epub", "x", Chapter("1.xhtml", "", PAGE)).read_bytes())
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = (1 << 30).to_bytes(4, "little")  # how large its directory is
    (tmp_path / "b.epub").write_bytes(data)
    assert refused(tmp_path / "b.epub").detail == "an archive of too many files"


def test_a_page_that_is_nested_too_deep_is_no_empty_chapter(tmp_path: Path):
    deep = "<article>" * 5000 + " ".join(BREAD) + "</article>" * 5000
    book = write_epub(tmp_path / "a.epub", "x", Chapter("1.xhtml", "", deep))
    assert refused(book).reason == "nested too deep"


def test_a_file_that_takes_too_long_or_too_much_memory_costs_only_itself(tmp_path: Path):
    nested = "<w:tbl><w:tr><w:tc>" * 900 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 900
    write_docx(tmp_path / "a.docx", *[paragraph(BREAD[0])] * 50_000)
    write_docx(tmp_path / "b.docx", nested)
    write_pdf(tmp_path / "c.pdf", [column(wrapped(BREAD))])
    first, second, third = read(tmp_path, max_document_seconds=1)
    assert isinstance(first, Dropped)
    assert first.reason == "took too long"
    assert isinstance(second, Dropped | Document)
    assert isinstance(third, Document)


def test_without_the_extra_files_are_dropped_with_its_name(tmp_path: Path):
    write_pdf(tmp_path / "a.pdf", [column(wrapped(BREAD))])
    write_docx(tmp_path / "b.docx", paragraph(BREAD[0]))
    write_epub(tmp_path / "c.epub", "x", Chapter("1.xhtml", "", PAGE))
    write_xlsx(tmp_path / "d.xlsx", {"x": [[BREAD[0]]]})
    script = (
        "import importlib.util, sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Gone(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        gone = name in ('mammoth', 'pypdfium2', 'python_calamine')\n"
        "        return None if gone else super().find_spec(name, path, target)\n"
        "sys.meta_path[:] = [Gone if finder is PathFinder else finder for finder in sys.meta_path]\n"
        "from humpback.config import CorpusSettings\n"
        "from humpback.corpus.readers import list_sources, read_documents\n"
        "from humpback.config import Config\n"
        "from humpback.method.corpus import cut_segments\n"
        "settings = CorpusSettings(documents=(sys.argv[1],))\n"
        "stage = cut_segments(Config(corpus=settings))\n"
        "print(stage.notice, stage.settings['corpus.without_extra'], stage.facts['files'])\n"
        "for item in read_documents(settings, list_sources(settings)):\n"
        "    print(getattr(item, 'reason', 'read'), '|', getattr(item, 'detail', ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    without = {f"{ending} without the extra 'office'": 1 for ending in (".pdf", ".docx", ".xlsx")}
    assert done.stdout.splitlines() == [
        "not read without an extra: 1 .docx, 1 .pdf, 1 .xlsx (pip install 'humpback-align[office]') "
        f"['.docx', '.pdf', '.xlsx'] {{'read': 1, 'passed_over': {without}}}",
        "extra not installed | .pdf is read by an extra: pip install 'humpback-align[office]'",
        "extra not installed | .docx is read by an extra: pip install 'humpback-align[office]'",
        "read | ",
        "extra not installed | .xlsx is read by an extra: pip install 'humpback-align[office]'",
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from(["a.pdf", "a.docx", "a.epub", "a.pptx", "a.xlsx", "a.ipynb"]),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=9),
    st.data(),
)
def test_damage_costs_the_file_and_nothing_else(
    tmp_path: Path, name: str, changes: list[tuple[int, int]], data: st.DataObject
):
    path = tmp_path / name
    if name == "a.pdf":
        write_pdf(path, [column(wrapped(BREAD))])
    elif name == "a.docx":
        write_docx(path, paragraph(BREAD[0]))
    elif name == "a.pptx":
        write_pptx(path, Slide("Bread", ((0, BREAD[0]),)))
    elif name == "a.xlsx":
        write_xlsx(path, {"Bread": [[BREAD[0]]]})
    elif name == "a.ipynb":
        write_ipynb(path, ("markdown", BREAD[0]))
    else:
        write_epub(path, "x", Chapter("1.xhtml", "", PAGE))
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    (found,) = read(path)
    assert isinstance(found, Document) or found.reason in {
        "damaged file",
        "encrypted file",
        "document too long",
        "empty document",
        "pictures of text",
        "not text",
    }
