from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings, SegmentSettings
from humpback.corpus.cut import cut
from humpback.corpus.cutting.boundaries import boundaries
from humpback.corpus.cutting.segments import pieces
from humpback.corpus.cutting.splitting import split
from humpback.corpus.parsing.extract import extract
from humpback.corpus.parsing.sections import tree
from humpback.corpus.parsing.text import parse_text
from humpback.records import DocumentFormat
from tests.command import humpback
from tests.corpus.samples import distinct, document

LIMITS = SegmentSettings()
SHORT = SegmentSettings(min_chars=60, max_chars=300)
SENTENCES = [f"{sentence}." for sentence in distinct(60).split(". ")]


def parts(text: str, limits: SegmentSettings = SHORT, *, sentences: bool = True) -> list[str]:
    return [part.text for part in split(text, limits, lambda opening: False, sentences=sentences)]


def solid(text: str) -> str:
    """The text without white space and without the marks of quotations, whose empty lines may go."""
    return "".join(text.replace(">", "").split())


@pytest.mark.parametrize(
    ("between", "form", "above"),
    [
        ("\n\n", "text", ""),
        ("\n", "text", ""),
        (" ", "text", ""),
        ("\n\n", "markdown", "## Harbours\n\n"),
        ("\n", "markdown", "## Harbours\n\n"),
        ("</p><p>", "html", "<!doctype html><body><article><h1>Harbours</h1><p>"),
        ("<br>", "html", "<!doctype html><body><article><h1>Harbours</h1><p>"),
    ],
)
def test_a_long_text_gives_several_segments_whatever_stands_between_its_sentences(
    between: str, form: DocumentFormat, above: str
):
    outcome = cut([document(above + between.join(SENTENCES), form)], CorpusSettings())
    assert not outcome.dropped
    assert 3 <= len(outcome.kept) <= 4
    assert all(1600 < len(segment.text) < 2600 for segment in outcome.kept)
    assert {segment.title_path for segment in outcome.kept} == {("Harbours",) if above else ()}


def test_to_keep_to_headers_drops_what_is_too_long_as_in_the_paper():
    to_headers = SegmentSettings(split_at="headers")
    section = document("## Harbours\n\n" + "\n\n".join(SENTENCES))
    outcome = cut([section], CorpusSettings(segment=to_headers))
    assert [item.reason for item in outcome.dropped] == ["too long"]
    assert not outcome.kept
    flat = document("\n\n".join(SENTENCES), "text")
    assert len(pieces(extract(flat), flat.format, to_headers)) == 3


def test_paragraphs_alone_are_cut_where_the_settings_say_so():
    line = " ".join(SENTENCES)
    assert parts(line, LIMITS, sentences=False) == [line]
    assert len(parts(line, LIMITS)) == 3


def test_a_paragraph_ends_a_part_rather_than_a_sentence():
    paragraphs = [" ".join(SENTENCES[at : at + 12]) for at in range(0, 60, 12)]
    cuts = parts("\n\n".join(paragraphs), LIMITS)
    assert [paragraph for part in cuts for paragraph in part.split("\n\n")] == paragraphs


def test_a_text_is_not_cut_where_the_next_part_would_open_in_the_middle():
    paragraphs = [" ".join(SENTENCES[at : at + 4]) for at in range(0, 40, 4)]
    paragraphs[4] = "However, " + paragraphs[4]
    opened = split("\n\n".join(paragraphs), LIMITS, lambda text: text.startswith("However"), sentences=True)
    assert len(opened) == 2
    assert not any(part.text.startswith("However") for part in opened)


@pytest.mark.parametrize(
    "text",
    [
        "He asked Dr. Smith of St. Ives, e.g. about the U.S. Navy and J. R. R. Tolkien.",
        "It was 3.5 metres deep. and nobody saw it",
        "Run `import this. Then that` and go on",
        "The keeper (He was old. Nobody knew him.) rowed out.",
        "**Never do this. It breaks.** on a ship",
        "```\nfirst. Second.\n\nThird.\n```",
        "| a. B. | c |\n|---|---|\n| d. E. | f |",
        "Wrapped lines of one\nsentence that goes on",
    ],
)
def test_nothing_is_cut_inside_a_sentence_a_table_or_code(text: str):
    assert boundaries(text) == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("One day. Two days.", ["sentence"]),
        ("One day.\nTwo days.\n\nThree days.", ["line", "paragraph"]),
        ("- one\n- two\n  more of it\n- three", ["list item", "list item"]),
        ("他来了。她走了。", ["sentence"]),
        ("So:\n\n```\na\n\nb\n```\n\nThen.", ["paragraph", "paragraph"]),
        ("> One day.\n>\n> Two days.", ["line"]),
        ("``` never closed\nOne.\nTwo.", ["line", "line"]),
        ("He said “Go.” Then he went.", ["sentence"]),
    ],
)
def test_the_places_where_a_text_may_be_cut(text: str, kinds: list[str]):
    assert [place.kind for place in boundaries(text)] == kinds


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("One day.\n\nTwo days.", "One day. Two days."),
        ("One day.\n\nTwo days.", "One day.\nTwo days."),
        ("One day.\n\nTwo days.", "These are:\n\nTwo days."),
        ("One day.\n\nTwo days.", "One day.\n\n```\ncode\n```"),
        ("One day.\n\nTwo days.", "A heading\n\nTwo days."),
        ("One day.\n\n**What now?**", "**What now?**\n\nOne day."),
        ("One day.\n\nTwo days.", "> One day.\n\n— the keeper"),
        ("- One day.\n- Two days.", "- One day.\n\n  Two days."),
    ],
)
def test_what_a_cut_costs(better: str, worse: str):
    assert boundaries(better)[0].cost < boundaries(worse)[0].cost


def test_what_cannot_be_cut_costs_only_itself():
    code = "```\n" + "value = 1\n" * 60 + "```"
    before, after = SENTENCES[:4], SENTENCES[4:8]
    cuts = parts("\n\n".join([*before, code, *after]))
    assert code in cuts
    assert [len(part) <= 300 for part in cuts].count(False) == 1


WORDS = st.integers(2, 25).map(lambda count: "Harbour" + " lamp" * count + ".")
BETWEEN = st.sampled_from([" ", "\n", "\n\n", "\n\n\n", " \n"])
FORMS = st.sampled_from(["- {}", "  - {}", "> {}", "| {} |", "```\n{}\n```", "**{}**", "# {}", "{}:", "a {}", "1. {}"])
ANY_BLOCKS = st.lists(st.tuples(st.one_of(FORMS, st.just("{}")), WORDS, BETWEEN), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=80))
def test_every_part_of_prose_is_within_the_limits(sentences: list[tuple[str, str]]):
    text = "".join(sentence + between for sentence, between in sentences).strip()
    cuts = parts(text)
    assert all(len(part) <= 300 for part in cuts)
    assert len(text) < 60 or all(len(part) >= 60 for part in cuts)
    assert " ".join(cuts).split() == text.split()


@settings(deadline=None, max_examples=60)
@given(ANY_BLOCKS, st.integers(20, 400), st.integers(20, 400))
def test_no_text_is_lost_or_doubled_and_what_is_too_long_cannot_be_cut(
    blocks: list[tuple[str, str, str]], least: int, most: int
):
    text = "".join(form.format(words) + between for form, words, between in blocks)
    limits = SegmentSettings(min_chars=min(least, most), max_chars=most)
    cuts = parts(text, limits)
    assert solid("".join(cuts)) == solid(text)
    assert all(len(part) <= most or len(parts(part, limits)) == 1 for part in cuts)
    assert cuts == parts(text, limits)


@settings(deadline=None, max_examples=60)
@given(st.text("aB .\n-|`>*:1", max_size=400), st.integers(1, 60))
def test_no_character_is_lost_whatever_the_text_is(text: str, most: int):
    cuts = parts(text, SegmentSettings(min_chars=1, max_chars=most))
    assert solid("".join(cuts)) == solid(text)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(WORDS, BETWEEN), min_size=20, max_size=80))
def test_pieces_of_a_section_hold_its_whole_text(sentences: list[tuple[str, str]]):
    text = "".join(sentence + between for sentence, between in sentences)
    root = tree(parse_text(text))
    found = pieces(root, "text", SHORT)
    assert " ".join(piece.text for piece in found).split() == text.split()
    assert [piece.part for piece in found] == list(range(1, len(found) + 1))
    assert {piece.parts for piece in found} == {len(found)}


def test_the_commands_say_where_a_text_was_split_and_count_characters(tmp_path: Path):
    path, out, dropped = tmp_path / "harbours.md", tmp_path / "out.jsonl", tmp_path / "dropped.jsonl"
    path.write_text("# Harbours\n\n" + " ".join(SENTENCES) + "\n\n## Short\n\nToo short.\n", encoding="utf-8")
    explained = humpback("segment", "--explain", path)
    assert "part 1 of 3 of a long text" in explained.stdout
    assert "part 2 of 3 of a long text, begins at a sentence" in explained.stdout
    made = humpback("segment", path, "--out", out, "--dropped", dropped, "--set", "run.workers=1")
    kept = sum(len(json.loads(line)["text"]) for line in out.read_text().splitlines())
    assert f"3 kept ({kept:,} characters), 1 dropped (10): 1 too short (10)" in made.stdout
    assert json.loads(dropped.read_text())["chars"] == 10
