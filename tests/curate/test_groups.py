import random
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from humpback.config import SelectSettings
from humpback.curate import curate
from humpback.curate.diverse import Scored, diverse_cutoff, shares
from humpback.curate.groups import SAMPLE, learn
from humpback.curate.select import tie_digest
from humpback.records import Candidate, Rating

TOPICS = {
    "whale": "whale pod blowhole krill baleen fluke ocean song dive calf",
    "bread": "bread dough yeast oven flour crust knead loaf sourdough proof",
    "chess": "chess rook bishop opening endgame pawn gambit castling queen checkmate",
}
OPENINGS = "What is|How to explain|Why|Tell me about|Give an example of|When|Where|Who finds|List|Describe".split("|")


def about(topic, count, score=3.0, seed=0, openings=("Explain",)):
    """Instructions on a topic, each of its own document; the first scores highest."""
    draw = random.Random(f"{topic} {seed}")
    for n in range(count):
        one, two, three, four, five = draw.sample(TOPICS[topic].split(), 5)
        text = f"{draw.choice(openings)} the {one}, {two} and {three}, or {four} and {five}."
        yield Scored(f"{topic}-{n}", score - n / 1000, text, f"{topic}-{n}")


def kept(rows, **rule):
    line = diverse_cutoff(lambda: iter(rows), SelectSettings(**rule))
    chosen = [row.id for row in rows if line.keeps(row.id, row.score)]
    assert line.kept == len(chosen)
    return chosen


def topics_of(ids):
    return Counter(one.split("-")[0] for one in ids)


@pytest.fixture
def uneven():
    """The raters like whales best."""
    return [*about("whale", 120, 5.0), *about("bread", 60, 4.0), *about("chess", 20, 3.0)]


def test_one_topic_takes_all_unless_each_group_has_its_share(uneven):
    assert topics_of(kept(uneven, top_n=20)) == {"whale": 20}
    assert topics_of(kept(uneven, top_n=20, clusters=3)) == {"whale": 12, "bread": 6, "chess": 2}


def test_of_each_group_the_best_are_kept(uneven):
    chosen = kept(uneven, top_share=0.1, clusters=3)

    best = {"whale": 12, "bread": 6, "chess": 2}
    assert set(chosen) == {f"{topic}-{n}" for topic, most in best.items() for n in range(most)}


@pytest.mark.parametrize("seed", range(5))
def test_planted_topics_are_not_mixed_whatever_their_size(seed):
    rows = [*about("whale", 400, seed=seed), *about("bread", 60, seed=seed), *about("chess", 20, seed=seed)]
    random.Random(seed).shuffle(rows)

    assert purity(rows, 8) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_many_topics_are_told_apart_although_the_ways_to_ask_are_few(seed):
    draw = random.Random(seed)
    rows = []
    for topic in range(30):
        for n in range(5 + 2 * topic):
            text = f"{draw.choice(OPENINGS)} the {' '.join(draw.sample([f'w{topic}x{w}' for w in range(10)], 4))}?"
            rows.append(Scored(f"{topic}-{n}", 3.0, text, ""))

    assert purity(rows, 45) > 0.9


def purity(rows, count):
    """The part of all that are of the topic most frequent in their group."""
    texts = [row.instruction for row in rows]
    largest: Counter[int] = Counter()
    pairs = Counter(zip(learn(texts, count).of(texts).tolist(), (row.id.split("-")[0] for row in rows), strict=True))
    for (group, _), many_are in pairs.items():
        largest[group] = max(largest[group], many_are)
    return largest.total() / len(rows)


@given(st.integers(0, 500), st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_shares_are_exact_and_in_proportion(places, sizes):
    found = shares(places, np.array(sizes))
    total = sum(sizes)

    assert found.sum() == min(places, total)
    assert all(0 <= share <= size for share, size in zip(found, sizes, strict=True))
    for share, size in zip(found, sizes, strict=True):
        assert not total or abs(share - min(places, total) * size / total) < 1


def test_the_group_of_an_instruction_does_not_depend_on_its_company(uneven):
    texts = [row.instruction for row in uneven]
    groups = learn(texts, 8)

    assert groups.of(texts).tolist() == [groups.of([text]).item() for text in texts]


def test_what_is_like_nothing_is_a_group_of_its_own(uneven):
    texts = [row.instruction for row in uneven]
    groups = learn(texts, 3)

    assert groups.of(["", "?!", "Zwei völlig fremde Wörter"]).tolist() == [3, 3, 3]
    assert groups.count == 4


def test_there_are_no_more_groups_than_instructions_that_differ():
    assert learn([], 5).count == 1
    assert learn(["Why do whales sing?", "Why do whales sing?"], 5).count == 1
    assert learn(["whale song", "whale song", "rye bread", "rye bread"], 5).count == 3


def test_words_of_any_script_make_groups():
    texts = [f"鲸鱼为什么唱歌 {n}" for n in range(10)] + [f"Как испечь хлеб {n}" for n in range(10, 20)]
    found = learn(texts, 2).of(texts).tolist()

    assert len(set(found[:10])) == len(set(found[10:])) == 1
    assert found[0] != found[-1]


def test_places_that_a_group_cannot_fill_go_to_the_others(uneven):
    rows = [*uneven[:120], *(Scored(row.id, row.score, row.instruction, "one book") for row in uneven[120:180])]
    chosen = kept([*rows, *uneven[180:]], top_n=20, clusters=3, per_document=1)

    assert topics_of(chosen) == {"whale": 16, "bread": 1, "chess": 3}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, 1.0, 2.0, 3.0]), st.sampled_from(list(TOPICS)), st.integers(0, 4),
                  st.sampled_from(["", "d1", "d2", "d3"])),
        max_size=40,
    ),
    st.integers(1, 30), st.integers(1, 5), st.sampled_from([None, 0.6, 1.0]), st.integers(0, 3),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_choice_is_what_the_rule_says_written_out_whatever_the_order(found, top_n, clusters, similar, most, rng):
    rows = [
        Scored(f"c{n}", score, next(about(topic, 1, seed=seed)).instruction, document)
        for n, (score, topic, seed, document) in enumerate(found)
    ]
    rule = {"clusters": clusters, "max_similarity": similar, "per_document": most}
    line = diverse_cutoff(lambda: iter(rows), SelectSettings(top_n=top_n, **rule))
    mixed = rng.sample(rows, len(rows))

    assert diverse_cutoff(lambda: iter(mixed), SelectSettings(top_n=top_n, **rule)) == line
    assert {row.id for row in rows if line.keeps(row.id, row.score)} == written_out(rows, top_n, **rule)


def written_out(rows, top_n, clusters, max_similarity, per_document):
    ranked = sorted((row for row in rows if row.score is not None), key=lambda row: (-row.score, tie_digest(row.id)))
    texts = [row.instruction for row in sorted(ranked, key=lambda row: tie_digest(row.id))]
    groups = learn(texts, clusters)
    group = {row.id: groups.of([row.instruction]).item() for row in ranked}
    alone = SelectSettings(threshold=0.0, max_similarity=max_similarity, per_document=per_document or 99)
    taken: list[Scored] = []
    left = list(ranked)
    while left and len(taken) < top_n:
        sizes = np.bincount([group[row.id] for row in left], minlength=groups.count)
        places = shares(top_n - len(taken), sizes)
        for row in list(left):
            if places[group[row.id]]:
                left.remove(row)
                # Only what stands in nobody's way is added to those taken, each above the next.
                so_far = [Scored(str(n), 9.0 - n / 100, one.instruction, one.document) for n, one in enumerate(taken)]
                both = [*so_far, Scored("this", 1.0, row.instruction, row.document)]
                if len(kept(both, **alone.model_dump(exclude_defaults=True))) == len(both):
                    taken.append(row)
                    places[group[row.id]] -= 1
    return {row.id for row in taken}


def test_a_candidate_of_a_group_that_has_enough_says_so(uneven):
    line = diverse_cutoff(lambda: iter(uneven), SelectSettings(top_n=20, clusters=3))
    given = [Candidate(one.id, "s", one.document, "doc", (), one.instruction, "So.", "M_yx", -1.0) for one in uneven]
    ratings = [Rating(one.id, 1, "rating", "M_0", "scored", one.score, "", "stop") for one in uneven]
    dropped = {one.id: (one.reason, one.detail) for one in curate(given, ratings, line).dropped}

    assert dropped["whale-12"] == ("enough of its group", "12 of the 120 in its group are kept")
    assert dropped["bread-59"] == ("enough of its group", "6 of the 60 in its group are kept")
    assert dropped["chess-2"] == (
        "below the threshold",
        "score 2.998, cutoff 2.999 (curate.select.top_n 20, a share for each of 3 groups of like instructions)",
    )


def test_a_threshold_cannot_be_shared_out():
    for rule in ({}, {"threshold": 4.0}):
        with pytest.raises(ValidationError, match="give top_share or top_n"):
            SelectSettings(clusters=5, **rule)


def many(count, order=1):
    """Twenty topics, the first by far the largest; made anew for each pass."""
    words = [[f"t{topic}w{n}" for n in range(20)] for topic in range(20)]
    for place in range(count):
        n = place * order % count
        draw = random.Random(n)
        topic = min(19, int(draw.expovariate(0.3)))
        yield Scored(f"c{n}", draw.random() - topic, " ".join(draw.sample(words[topic], 6)), f"d{n % 2000}")


def test_centres_are_learned_from_the_same_sample_whatever_the_order():
    rule = SelectSettings(top_n=300, clusters=25)
    one, other = (diverse_cutoff(lambda order=order: many(SAMPLE + 2000, order), rule) for order in (1, 7))

    assert one == other
    assert one.kept == 300


@pytest.mark.slow
def test_candidates_that_are_not_within_reach_are_not_held():
    def long_ones():
        return (Scored(one.id, one.score, one.instruction, one.document * 4000) for one in many(18_000))

    tracemalloc.start()
    line = diverse_cutoff(long_ones, SelectSettings(top_n=50, clusters=5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert line.kept == 50
    held = sum(len(one.document) for one in long_ones())
    assert peak < 160e6 < held / 2
