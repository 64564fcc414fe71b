"""The documents that ship: sections that answer something, beside texts that answer nothing, and none of the seed."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from textwrap import dedent

from humpback.config import CorpusSettings
from humpback.corpus.reading.sources import list_sources
from tests.seed.test_demo import FENCE, ROWS

FOLDER = files("humpback.demo") / "documents"
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
SECTION = re.compile(r"^## ([^\n]+)\n\n(.+?)(?=\n## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = {(name, header): text for name, full in TEXTS.items() for header, text in SECTION.findall(full)}
OTHERS = {key for key in SECTIONS if key[0].startswith("other-")}


def test_they_are_the_documents_of_package_demo() -> None:
    sources = list_sources(CorpusSettings(documents=["package:demo"]))
    assert [source.name for source in sources] == [f"documents/{name}" for name in sorted(TEXTS)]


def test_one_text_in_six_answers_nothing() -> None:
    assert len(SECTIONS) - len(OTHERS) >= 280
    assert 50 <= len(OTHERS) <= 70
    assert len({header.casefold() for _, header in SECTIONS}) == len(SECTIONS)


def test_no_header_is_a_question_and_no_text_leans_on_another() -> None:
    for (name, header), text in SECTIONS.items():
        assert not header.endswith("?"), (name, header)
        assert 350 <= len(text) <= 1250, (name, header)
        assert not re.search(r"\b(?:see (?:above|below)|as (?:said|shown) above|this chapter)\b", text), (name, header)


def test_python_is_well_formed() -> None:
    blocks = [code for text in SECTIONS.values() for _, language, code in FENCE.findall(text) if language == "python"]
    for code in blocks:
        ast.parse(dedent(code))
    assert len(blocks) >= 12


def test_nothing_of_the_seed_is_in_them() -> None:
    """What is held out could be learnt from them otherwise."""
    seed = {run for row in ROWS for run in eight_words(row["response"])}
    for key, text in SECTIONS.items():
        assert not seed & set(eight_words(text)), key


def eight_words(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return [tuple(words[first : first + 8]) for first in range(len(words) - 7)]
