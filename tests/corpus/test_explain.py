from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.explain import MOST_DOCUMENTS, explain
from humpback.corpus.readers import list_sources, read_documents
from tests.command import humpback, mistake
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

GUIDE = f"""# Bread

{BREAD_TEXT}

## Tides

However, the moon pulls. {TIDES_TEXT} Write to ann@bakery.org. See the diagram below.

## Licence

MIT
"""
TIDES_CHARS = len(GUIDE.partition("## Tides\n\n")[2].partition("\n\n## Licence")[0])


def said(*entries: Path | str, settings: CorpusSettings | None = None) -> str:
    return "\n".join(explain(list(map(str, entries)), settings or CorpusSettings()))


def table(path: Path, texts: Sequence[str]) -> Path:
    rows = [json.dumps({"id": f"page-{number}", "text": text}) for number, text in enumerate(texts)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_the_command_shows_the_tree_and_every_reason(tmp_path: Path):
    path = tmp_path / "guide.md"
    path.write_text(GUIDE, encoding="utf-8")
    short = humpback("segment", "--explain", path, "--set", "corpus.segment.max_chars=900")
    assert short.returncode == 0, short.stderr
    for line in (
        f"guide.md: markdown, {len(GUIDE):,} characters",
        f"    # Bread [{len(BREAD_TEXT)}]",
        "      ## Licence [3]",
        "  1. KEPT  Bread",
        f"     {len(BREAD_TEXT)} characters, en 1.00, begins the document",
        "  2. DROPPED  Bread > Tides",
        "     - opens in the middle: opens with 'However, the moon pulls. The'",
        "     masked: ann@bakery.org",
        "     - too short: 3 characters",
        f"  1 of 3 pieces kept, {len(BREAD_TEXT)} of {len(BREAD_TEXT) + TIDES_CHARS + 3:,} characters",
    ):
        assert line in short.stdout.splitlines()
    assert re.search(r"^     - leans on its page: says '.*see the diagram below", short.stdout, re.MULTILINE)


def test_a_mistake_is_one_line(tmp_path: Path):
    missing = mistake("segment", "--explain", tmp_path / "nowhere.md")
    assert missing.startswith("humpback: no file or folder ")


def test_one_document_of_a_table_is_chosen_by_its_name(tmp_path: Path):
    path = table(tmp_path / "pages.jsonl", [f"# Bread {number}\n\n{BREAD_TEXT}" for number in range(5)])
    text = said(f"{path}#page-3")
    assert "pages.jsonl#page-3: markdown" in text
    assert "page-2" not in text
    wrong = mistake("segment", "--explain", f"{path}#page-9")
    assert "has no document named 'page-9': names are page-0, page-1" in wrong


def test_of_a_long_table_the_first_documents_are_shown(tmp_path: Path):
    path = table(tmp_path / "pages.jsonl", [f"# Bread {number}\n\n{BREAD_TEXT}" for number in range(30)])
    text = said(path)
    assert text.count("pieces kept") == MOST_DOCUMENTS
    assert "There are more documents" in text
    assert "There are more documents" not in said(table(tmp_path / "few.jsonl", ["# Bread\n\nRye."]))


# A limit this short also ends in callbacks of the garbage collector, which can only report it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_documents_without_pieces_say_why(tmp_path: Path):
    path = tmp_path / "pages.jsonl"
    rows = [{"url": "https://xxx.example/", "text": GUIDE}, {"url": "https://a.example/", "text": 3}]
    rows.append({"url": "https://b.example/", "text": GUIDE * 50})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    text = said(path)
    assert "dropped: adult address" in text
    assert "dropped by its reader: no text" in text
    assert "dropped: took too long" in said(path, settings=CorpusSettings(max_document_seconds=1e-5))


def test_nothing_that_steers_a_terminal_comes_through(tmp_path: Path):
    path = table(tmp_path / "pages.jsonl", [f"# Br\x1b[31mead \x9b2J \u202e\n\n\x07{BREAD_TEXT}\x1b]0;title\x07"])
    text = said(path)
    assert "1. KEPT" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


@pytest.mark.parametrize("choice", ["mask", "drop", "keep"])
def test_it_says_what_the_cut_does(tmp_path: Path, choice: str):
    path = tmp_path / "guide.md"
    path.write_text(GUIDE.replace("However, t", "T").replace("See the diagram below.", ""), encoding="utf-8")
    base = CorpusSettings(documents=(str(path),))
    told = base.model_copy(update={"segment": base.segment.model_copy(update={"personal_data": choice})})
    outcome = cut(read_documents(told, list_sources(told)), told)
    text = said(path, settings=told)
    assert text.count(". KEPT  ") == len(outcome.kept)
    assert text.count(". DROPPED  ") == len(outcome.dropped)
    assert all(f"- {item.reason}: {item.detail}" in text for item in outcome.dropped)
