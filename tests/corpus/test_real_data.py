from __future__ import annotations

import collections
import gzip
import json
import re
from pathlib import Path

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.sections import Header
from humpback.corpus.readers import list_sources, read_documents
from humpback.records import Outcome, Segment

DATA = Path(__file__).parents[3] / "shared" / "data"


def segments(*documents: str) -> Outcome[Segment]:
    settings = CorpusSettings(documents=documents)
    return cut(read_documents(settings, list_sources(settings)), settings)


def shingles(text: str) -> collections.Counter[tuple[str, ...]]:
    """Runs of four words; a shorter text is one run."""
    words = re.findall(r"\w+", text)
    return collections.Counter(tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3)))


def test_the_descriptions_installed_here_give_segments():
    outcome = segments("installed:")
    assert len(outcome.kept) >= 20
    assert {segment.language for segment in outcome.kept} == {"en"}
    assert not any("img.shields.io" in segment.text for segment in outcome.kept)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no data beside the checkout")
def test_public_notes_give_segments_of_the_length_asked_for():
    outcome = segments(str(DATA / "docs" / "simonw_til.jsonl.gz"))
    assert len(outcome.kept) > 600
    assert all(600 <= len(segment.text) <= 3000 and segment.title_path for segment in outcome.kept)
    assert len({segment.id for segment in outcome.kept}) == len(outcome.kept)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no data beside the checkout")
def test_the_main_content_of_real_pages_is_found():
    precision, recall = [], []
    with gzip.open(DATA / "html" / "scrapinghub_article_181.jsonl.gz", "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            blocks = parse_html(row["html"]).blocks
            found = shingles("\n".join(block.title if isinstance(block, Header) else block for block in blocks))
            wanted = shingles(row["gold_text"])
            precision.append((found & wanted).total() / found.total())
            recall.append((found & wanted).total() / wanted.total())
    p, r = sum(precision) / len(precision), sum(recall) / len(recall)
    assert 2 * p * r / (p + r) > 0.965
    assert min(p, r) > 0.95
