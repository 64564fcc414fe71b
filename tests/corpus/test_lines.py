import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings, LineSettings, SegmentSettings
from humpback.corpus.cut import cut
from humpback.corpus.cutting.piece import segment_id
from humpback.corpus.lines import apply, map_shard, reduce_keys, site_of
from humpback.corpus.readers import list_sources, read_documents
from humpback.records import Outcome, Segment, content_id
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "docs"
DEFAULT = LineSettings()
LENGTHS = SegmentSettings(min_chars=300)
WORDS = f"{BREAD_TEXT} {TIDES_TEXT}".lower().replace(".", "").replace(",", "").split()
LETTER = "Subscribe to our weekly letter and never miss a story again."


def segment(number: int, text: str, host: str = "bread.example", document: int | None = None) -> Segment:
    name = content_id(host, str(number if document is None else document))
    return Segment(segment_id(text), name, f"https://{host}/page-{number}", (f"Page {number}",), text, "en")


def story(number: int) -> str:
    """Five lines that stand nowhere else."""
    rng = random.Random(number)
    return "\n\n".join(" ".join(rng.choices(WORDS, k=14)) + "." for _ in range(5))


def with_line(count: int, line: str = LETTER, host: str = "bread.example") -> list[Segment]:
    return [segment(number, f"{story(number)}\n\n{line}", host) for number in range(count)]


def ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([("key", "ascending"), ("place", "ascending")])


def without_furniture(
    segments: Sequence[Segment], chosen: LineSettings = DEFAULT, lengths: SegmentSettings = LENGTHS
) -> Outcome[Segment]:
    """All three steps, as one worker does them."""
    reduced = reduce_keys(ordered(map_shard(segments, 0, chosen)), chosen)
    outcome = apply(segments, 0, reduced.sort_by("place"), chosen, lengths)
    assert outcome.read == len(segments) == len(outcome.kept) + len(outcome.dropped)
    return outcome


def stays(line: str, count: int = 8) -> bool:
    segments = with_line(count, line)
    return without_furniture(segments).kept == tuple(segments)


def test_a_line_of_many_documents_of_a_site_is_taken_out_of_all_and_the_rest_stays() -> None:
    outcome = without_furniture(with_line(8))
    assert [one.text for one in outcome.kept] == [story(number) for number in range(8)]
    assert [one.id for one in outcome.kept] == [segment_id(story(number)) for number in range(8)]
    assert outcome.kept[3].title_path == ("Page 3",)


def test_a_line_of_few_documents_stays() -> None:
    assert stays(LETTER, 5)
    assert not stays(LETTER, 6)
    segments = with_line(8)
    assert without_furniture(segments, LineSettings(max_documents=8)).kept == tuple(segments)


def test_documents_of_other_sites_do_not_count() -> None:
    segments = [segment(number, f"{story(number)}\n\n{LETTER}", f"site-{number % 2}.example") for number in range(10)]
    assert without_furniture(segments).kept == tuple(segments)


def test_on_a_big_site_a_line_must_stand_in_a_share_of_the_documents() -> None:
    segments = [*with_line(8), *(segment(number, story(number)) for number in range(100, 253))]
    assert without_furniture(segments).kept == tuple(segments)  # 8 of 161
    assert without_furniture(segments[:-1]).kept != tuple(segments[:-1])  # 8 of 160


def test_several_segments_of_one_document_count_once() -> None:
    segments = [replace(one, document_id=content_id("one")) for one in with_line(12)]
    assert without_furniture(segments).kept == tuple(segments)


def test_a_page_that_was_fetched_many_times_is_no_furniture() -> None:
    copies = [segment(number, BREAD_TEXT) for number in range(12)]
    assert without_furniture(copies).kept == tuple(copies)


def test_case_white_space_and_figures_make_no_difference() -> None:
    lines = [f"{number * 7}  people read THIS story in 20{number + 10}" for number in range(8)]
    segments = [segment(number, f"{story(number)}\n\n{line.title()}") for number, line in enumerate(lines)]
    assert [one.text for one in without_furniture(segments).kept] == [story(number) for number in range(8)]


def test_figures_in_bullets_are_what_is_said() -> None:
    bullets = [f"- {number + 2} tablespoons of plain flour" for number in range(8)]
    segments = [segment(number, f"{story(number)}\n\n{line}") for number, line in enumerate(bullets)]
    assert without_furniture(segments).kept == tuple(segments)
    assert not stays("- 2 tablespoons of plain flour")


@pytest.mark.parametrize(
    "line",
    [
        "Share this page now",
        "## What you need before you begin",
        "| what you need | before you begin |",
        "2. Preheat the oven to 180 degrees while the dough rises.",
        "3) Preheat the oven to 180 degrees while the dough rises.",
        "```sh\npip install the-tool-of-this-site\n```",
        "~~~~\nfirst\n```\npip install the-tool-of-this-site\n~~~~",
        "    pip install the-tool-of-this-site",
    ],
)
def test_what_is_no_prose_may_recur(line: str) -> None:
    assert stays(line)


def test_prose_behind_code_counts_again() -> None:
    assert [one.text for one in without_furniture(with_line(8, f"```\ncode\n```\n\n{LETTER}")).kept] == [
        f"{story(number)}\n\n```\ncode\n```" for number in range(8)
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{LETTER}\n\nOne.", "One."),
        (f"One.\n\n{LETTER}\n\nTwo.", "One.\n\nTwo."),
        (f"One.\n{LETTER}\nTwo.", "One.\nTwo."),
        (f"- One.\n- {LETTER}\n- Two.", "- One.\n- Two."),
        (f"One.\n\n## Letter\n\n{LETTER}", "One."),
        (f"One.\n\n## Letter\n\n{LETTER}\n\n## Next\n\nTwo.", "One.\n\n## Next\n\nTwo."),
        (f"One.\n\n## All\n\n### Letter\n\n{LETTER}\n\n### Next\n\nTwo.", "One.\n\n## All\n\n### Next\n\nTwo."),
        (f"One.\n\n## All\n\n### Letter\n\n{LETTER}\n\n## Next\n\nTwo.", "One.\n\n## Next\n\nTwo."),
        (f"One.\n\n## Letter\n\n{LETTER}\n\nTwo.", "One.\n\n## Letter\n\nTwo."),
        (f"{LETTER}\n\n```\na\n\n\nb\n```\n\nTwo.", "```\na\n\n\nb\n```\n\nTwo."),
    ],
)
def test_what_stood_for_the_line_alone_goes_with_it(before: str, after: str) -> None:
    segments = [*with_line(8), *with_line(8, f"- {LETTER}")]
    kept = without_furniture([*segments, segment(99, f"{story(99)}\n\n{before}")]).kept
    assert kept[-1].text == f"{story(99)}\n\n{after}"


def test_a_segment_that_is_mostly_such_lines_is_dropped_whole() -> None:
    lines = [f"{LETTER} Number {word} of all." for word in "one two three four five six seven".split()]
    segments = [segment(number, "\n\n".join([story(number), *lines])) for number in range(8)]
    outcome = without_furniture(segments)
    assert not outcome.kept
    dropped = outcome.dropped[2]
    assert (dropped.id, dropped.reason, dropped.source) == (segments[2].id, "recurring lines", segments[2].source)
    gone = sum(map(len, lines))
    assert dropped.detail.startswith(f"{gone} of {len(segments[2].text)} characters, such as {lines[0][:80]!r} in 8")


def test_a_segment_that_is_too_short_without_them_is_dropped() -> None:
    lengths = SegmentSettings(min_chars=len(story(0)) + 1)
    assert {one.reason for one in without_furniture(with_line(8), lengths=lengths).dropped} == {"recurring lines"}


def test_nothing_is_looked_for_where_nothing_is_to_be_taken() -> None:
    off = LineSettings(max_documents=0)
    segments = with_line(8)
    assert map_shard(segments, 0, off).num_rows == 0
    assert without_furniture(segments, off).kept == tuple(segments)
    assert without_furniture([]) == Outcome()


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("https://www.Example.org:8080/a/b?c#d", "example.org"),
        ("http://blog.example.org", "blog.example.org"),
        ("http://user:secret@example.org/", "example.org"),
        ("http://[bad/page", "[bad"),
        ("dumps/wiki.jsonl.gz#12", "dumps/wiki.jsonl.gz"),
        ("dumps/wiki.jsonl.gz#content/a.md", "dumps/wiki.jsonl.gz"),
        ("s3://bucket/dumps/wiki.jsonl#12", "bucket/dumps/wiki.jsonl"),
        ("crawl/a.warc.gz@1234", "crawl/a.warc.gz"),
        ("mirror/www.example.org/a/b.html", "www.example.org"),
        ("guide/setup/linux.md", "guide"),
        ("notes.md", ""),
        ("", ""),
    ],
)
def test_the_site_of_a_document(source: str, site: str) -> None:
    assert site_of(source) == site


def corpus(seed: int) -> list[list[Segment]]:
    """The segments of thirty documents of two sites, some with lines that recur."""
    rng = np.random.default_rng(seed)
    documents = []
    for number in range(30):
        host = f"site-{rng.integers(2)}.example"
        texts = [story(number * 3 + at) for at in range(rng.integers(1, 4))]
        lined = [f"{text}\n\n{LETTER} {'ab'[rng.integers(2)]}" if rng.random() < 0.6 else text for text in texts]
        documents.append([segment(number * 3 + at, text, host, number) for at, text in enumerate(lined)])
    return documents


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 9))
def test_neither_shards_nor_ranges_of_keys_change_the_result(seed: int, size: int, ranges: int) -> None:
    documents = corpus(seed)
    whole = without_furniture(list(chain.from_iterable(documents)))
    shards = [list(chain.from_iterable(documents[at : at + size])) for at in range(0, 30, size)]
    firsts = np.cumsum([0, *map(len, shards)]).tolist()
    mapped = ordered(
        pa.concat_tables([map_shard(shard, at, DEFAULT) for shard, at in zip(shards, firsts, strict=False)])
    )
    part = mapped.column("key").to_numpy() // np.uint64(2**64 // ranges + 1)
    reduced = pa.concat_tables([reduce_keys(mapped.filter(pa.array(part == at)), DEFAULT) for at in range(ranges)])
    place = reduced.column("place").to_numpy()
    outcomes = [
        apply(shard, at, reduced.filter(pa.array((place >= at) & (place < at + len(shard)))), DEFAULT, LENGTHS)
        for shard, at in zip(shards, firsts, strict=False)
    ]
    assert tuple(one for outcome in outcomes for one in outcome.kept) == whole.kept
    assert tuple(one for outcome in outcomes for one in outcome.dropped) == whole.dropped


@pytest.mark.data
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets are not beside the checkout")
def test_recipes_keep_every_step_and_ingredient_however_often_it_recurs() -> None:
    chosen = CorpusSettings(documents=(str(PUBLIC / "based_cooking.jsonl.gz"),))
    segments = cut(read_documents(chosen, list_sources(chosen)), chosen).kept
    assert len(segments) > 250
    assert without_furniture(segments, lengths=chosen.segment).kept == segments
