import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import SelectSettings
from humpback.curate import curate
from humpback.curate.diverse import Scored, diverse_cutoff
from humpback.curate.select import cutoff, tie_digest
from humpback.records import Candidate, Rating
from humpback.text.shingles import words

WORDS = "what is a whale song why do they sing how long".split()


def kept(rows, **rule):
    line = diverse_cutoff(lambda: iter(rows), SelectSettings(**rule))
    chosen = [row.id for row in rows if line.keeps(row.id, row.score)]
    assert line.kept == len(chosen)
    return chosen


def rows_of(*instructions, document=""):
    """The first scores highest."""
    return [Scored(f"c{n}", 5 - n / 100, text, document) for n, text in enumerate(instructions)]


def similarity(one, other):
    sets = []
    for text in (one, other):
        singles = words([text])
        sets.append({*singles.of(0).tolist(), *singles.ngrams(2).of(0).tolist()})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1]) if sets[0] | sets[1] else 0.0


sentences = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
candidates = st.lists(
    st.tuples(st.sampled_from([None, 1.0, 2.0, 3.0, 4.0, 5.0]), sentences, st.sampled_from(["", "d1", "d2"])),
    max_size=25,
).map(lambda found: [Scored(f"id-{n}", *values) for n, values in enumerate(found)])
rules = st.sampled_from(
    [
        SelectSettings(threshold=3.0, max_similarity=0.7),
        SelectSettings(threshold=2.0, per_document=2),
        SelectSettings(top_n=5, max_similarity=0.5),
        SelectSettings(top_n=5, per_document=1),
        SelectSettings(top_share=0.4, max_similarity=0.8, per_document=2),
        SelectSettings(top_share=1.0, max_similarity=1.0),
    ]
)


def test_of_instructions_that_are_alike_the_best_rated_is_kept():
    rows = rows_of(
        "What is the song of the humpback whale?",
        "what is the song of the humpback whale",
        "How long does a humpback whale live?",
        "What is the song of the humpback whale like?",
    )

    assert kept(rows, threshold=1.0, max_similarity=0.7) == ["c0", "c2"]
    assert kept(rows, threshold=1.0, max_similarity=0.9) == ["c0", "c2", "c3"]
    assert kept(rows[::-1], threshold=1.0, max_similarity=0.7) == ["c2", "c0"]


def test_the_next_best_move_up_where_a_number_is_asked_for():
    rows = rows_of(
        "Why do whales sing?", "Why do whales sing?", "Why do whales sing?", "How do they dive?", "What is krill?"
    )

    assert kept(rows, top_n=2, max_similarity=0.7) == ["c0", "c3"]
    assert kept(rows, top_share=0.6, max_similarity=0.7) == ["c0", "c3", "c4"]
    assert kept(rows, top_n=4, max_similarity=0.7) == ["c0", "c3", "c4"]


def test_a_document_gives_only_its_best():
    rows = [
        Scored("a", 5.0, "Why?", "one"),
        Scored("b", 4.0, "How?", "one"),
        Scored("c", 3.0, "When?", "one"),
        Scored("d", 2.0, "Where?", "two"),
    ]

    assert kept(rows, threshold=1.0, per_document=2) == ["a", "b", "d"]
    assert kept(rows, top_n=2, per_document=1) == ["a", "d"]


def test_candidates_of_unknown_documents_are_not_one_document():
    assert kept(rows_of("Why?", "How?", "When?"), threshold=1.0, per_document=1) == ["c0", "c1", "c2"]


def test_a_candidate_that_is_passed_over_stands_in_nobodys_way():
    rows = [
        Scored("a", 5.0, "Why do whales sing so long?", "one"),
        Scored("b", 4.0, "How deep can a blue whale dive?", "one"),
        Scored("c", 3.0, "How deep can a blue whale dive?", "two"),
    ]

    assert kept(rows, threshold=1.0, max_similarity=0.7, per_document=1) == ["a", "c"]


@settings(deadline=None)
@given(candidates, rules, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(rows, rule, rng):
    mixed = rng.sample(rows, len(rows))

    assert diverse_cutoff(lambda: iter(mixed), rule) == diverse_cutoff(lambda: iter(rows), rule)


@settings(deadline=None)
@given(candidates, rules)
def test_what_is_kept_is_what_the_rule_says_written_out(rows, rule):
    ranked = sorted((row for row in rows if row.score is not None), key=lambda row: (-row.score, tie_digest(row.id)))
    wanted = cutoff([(row.id, row.score) for row in rows], rule).kept
    taken: list[Scored] = []
    for row in ranked:
        alike = any(similarity(row.instruction, one.instruction) >= (rule.max_similarity or 2) for one in taken)
        full = row.document and sum(one.document == row.document for one in taken) >= (rule.per_document or 99)
        low = rule.threshold is not None and row.score < rule.threshold
        if not (alike or full or low) and len(taken) < wanted:
            taken.append(row)
    line = diverse_cutoff(lambda: iter(rows), rule)

    assert {row.id for row in rows if line.keeps(row.id, row.score)} == {row.id for row in taken}
    assert line.kept == len(taken)


def test_all_likes_are_found_among_many():
    draw = random.Random(0)
    base = [" ".join(draw.choices([f"w{n}" for n in range(400)], k=12)) for _ in range(60)]
    near = [text.replace(text.split()[3], "other", 1) for text in base]
    rows = rows_of(*base, *near)
    bound = 0.6
    expected: list[Scored] = []
    for row in rows:
        if all(similarity(row.instruction, one.instruction) < bound for one in expected):
            expected.append(row)

    assert kept(rows, threshold=-99.0, max_similarity=bound) == [one.id for one in expected]
    assert len(expected) < 80


def test_a_candidate_that_is_passed_over_says_why():
    rows = [Scored("a", 5.0, "Why do whales sing?", "d"), Scored("b", 4.9, "Why do whales sing?", "e"),
            Scored("c", 4.8, "How deep do they dive?", "d"), Scored("e", 3.0, "What is krill?", "f")]  # fmt: skip
    line = diverse_cutoff(lambda: iter(rows), SelectSettings(max_similarity=0.7, per_document=1))
    given = [Candidate(one.id, "s", one.document, "doc", (), one.instruction, "So.", "M_yx", -1.0) for one in rows]
    ratings = [Rating(one.id, 1, "rating", "M_0", "scored", one.score, "", "stop") for one in rows]
    outcome = curate(given, ratings, line)

    assert [one.id for one in outcome.kept] == ["a"]
    assert [(one.id, one.reason, one.detail) for one in outcome.dropped] == [
        ("b", "near-identical instruction", "100% like that of a"),
        ("c", "enough of its document", "the 1 best-rated of d are kept"),
        (
            "e",
            "below the threshold",
            "score 3, cutoff 4.5 "
            "(curate.select.threshold 4.5, no two instructions alike to 70%, at most 1 of a document)",
        ),
    ]


def test_nothing_scored_keeps_nothing():
    rows = [Scored("a", None, "Why?", "d"), Scored("b", float("nan"), "How?", "d")]

    for rule in ({"threshold": 1.0}, {"top_n": 3}, {"top_share": 0.5}):
        assert kept(rows, per_document=1, **rule) == []


@pytest.mark.parametrize("wanted", [20, 200])
def test_memory_follows_what_is_kept(wanted):
    def many():
        draw = random.Random(1)
        for n in range(20_000):
            yield Scored(f"c{n}", draw.random(), " ".join(draw.choices(WORDS, k=9)) + f" {n}", f"d{n % 2000}")

    tracemalloc.start()
    line = diverse_cutoff(many, SelectSettings(top_n=wanted, max_similarity=0.9, per_document=1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert line.kept == wanted
    assert peak < 20_000 * 60 + wanted * 20_000
