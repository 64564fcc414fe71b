"""Shards of segments end at a number of segments or of documents, and work goes on behind any of them."""

from __future__ import annotations

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut, cut_in_shards
from humpback.records import Document, Dropped, content_id
from tests.corpus_fixtures import paragraph


def handbook(number: int, sections: int) -> Document:
    """A document of so many sections, each of which becomes a segment."""
    names = [f"{number} {section}" for section in range(sections)]
    parts = [f"## All about {name}\n\n{paragraph(name, 9)}" for name in names]
    return Document(content_id("book", str(number)), f"book-{number}.md", "markdown", "", "\n\n".join(parts))


DOCUMENTS = [
    handbook(0, 3),
    Dropped("x", "unreadable", "no such file", "x.md", ""),
    handbook(1, 23),  # fills several shards
    handbook(2, 0),
    handbook(3, 4),
    *(handbook(number, 1) for number in range(4, 17)),
]


@pytest.mark.parametrize("rows", [1, 4, 5, 100])
def test_shards_hold_so_many_segments_and_documents_and_all_records_in_order(rows):
    whole = cut(DOCUMENTS, CorpusSettings())
    shards = list(cut_in_shards(DOCUMENTS, CorpusSettings(), rows=rows))
    assert len(whole.kept) > 30
    assert [segment for shard in shards for segment in shard.kept] == list(whole.kept)
    assert [record for shard in shards for record in shard.dropped] == list(whole.dropped)
    assert all(shard.read == len(shard.kept) + len(shard.dropped) > 0 for shard in shards)
    assert max(len(shard.kept) for shard in shards) <= rows
    assert max(len({segment.document_id for segment in shard.kept}) for shard in shards) <= rows
    assert shards[-1].position == (len(DOCUMENTS), 0)


@pytest.mark.parametrize("rows", [1, 4, 5, 100])
def test_work_that_was_stopped_behind_any_shard_goes_on_with_the_same_shards(rows):
    shards = list(cut_in_shards(DOCUMENTS, CorpusSettings(), rows=rows))
    for done, shard in enumerate(shards, 1):
        assert list(cut_in_shards(DOCUMENTS, CorpusSettings(), rows=rows, start=shard.position)) == shards[done:]
