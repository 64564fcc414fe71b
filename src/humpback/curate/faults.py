"""Planted faults: good pairs made worse in a known way, to see whether a scorer notices.

Labels for nothing: a pair and its faulty twin differ in one thing, so a scorer that is worth its cost puts the good one
above. Every kind is a function of the pair, another pair of the set and a seeded draw, and gives None where the pair is
too short for it. What can keep the answer's length does (a repeated sentence stands in the place of another); what is
cut keeps two fifths of it at least.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from humpback.curate.furniture import BEFORE, BEHIND, FOREIGN, REFUSALS
from humpback.errors import ConfigError
from humpback.records import Pair, content_id, record_rng_seed

Fault: TypeAlias = Callable[[str, str, Pair, random.Random], tuple[str, str] | None]
"""From instruction, response, another pair and a source of chance to the faulty instruction and response."""

_FEWEST_WORDS = 16
"""Of a response that is cut or loses words: what is left of a shorter one says nothing."""
_FEWEST_SENTENCES = 3
_KEPT = (0.4, 0.8)
"""Part of a response that a cut leaves."""
_LOST_WORDS = 0.15
_NEAR = 8
"""Of so many pairs to either side, by length of the instruction, one is the other pair."""
_TITLE = 60
_GAPS = ("\n", "\n\n")
_SENTENCE_BREAK = re.compile(r"((?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z0-9])|(?<=[。！？])|\s*\n\s*)")
_WORD_BREAK = re.compile(r"(?<=[^\s.!?:;]) (?=[^\s\W])")
"""A blank within a sentence."""


def plant(kind: str, pairs: Sequence[Pair], seed: int) -> tuple[Pair | None, ...]:
    """Gives the faulty twin of each pair, in order; None where the pair cannot have this fault.

    Which twin a pair gets follows from the seed, the kind, the pair and the set, not from the order of the set.

    Args:
        kind: A name in `FAULTS`.
        pairs: Good pairs. Faults that need another pair take it from here.
        seed: Of all draws.

    Raises:
        ConfigError: There is no such kind.
    """
    fault = FAULTS.get(kind)
    if fault is None:
        raise ConfigError(f"there is no fault {kind!r}", f"take one of {', '.join(FAULTS)}")
    ranked = sorted(pairs, key=lambda pair: (len(pair.instruction), pair.id))
    places = [(len(pair.instruction), pair.id) for pair in ranked]
    twins: list[Pair | None] = []
    for pair in pairs:
        draw = random.Random(record_rng_seed(seed, kind, pair.id))  # noqa: S311
        place = bisect_left(places, (len(pair.instruction), pair.id))
        other = _other(pair, ranked, place, draw)
        made = fault(pair.instruction, pair.response, other, draw) if other else None
        twins.append(None if made is None or made == (pair.instruction, pair.response) else _twin(pair, *made))
    return tuple(twins)


def _other(pair: Pair, ranked: Sequence[Pair], place: int, draw: random.Random) -> Pair | None:
    """One of the pairs whose instruction is about as long, and not the same; of the whole set where none is near."""
    for reach in (_NEAR, len(ranked)):
        near = ranked[max(0, place - reach) : place + reach + 1]
        others = [one for one in near if one.instruction != pair.instruction and one.response != pair.response]
        if others:
            return draw.choice(others)
    return None


def _twin(pair: Pair, instruction: str, response: str) -> Pair:
    return replace(pair, id=content_id(instruction, response), instruction=instruction, response=response)


def sentences(text: str) -> tuple[list[str], list[str]]:
    """The sentences and lines of a text, and what stands behind each of them (white space, or nothing)."""
    found = _SENTENCE_BREAK.split(text.strip())
    said, breaks = found[::2], [*found[1::2], ""]
    kept: list[str] = []
    gaps: list[str] = []
    for one, gap in zip(said, breaks, strict=True):
        if kept and len(kept[-1].split()) < 2 and "\n" not in gaps[-1]:  # the number of a list's item, 'Mr.'
            kept[-1], gaps[-1] = kept[-1] + gaps[-1] + one, gap
        else:
            kept.append(one)
            gaps.append(gap)
    return kept, gaps


def _swapped(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    return other.instruction, response


def _half_asked(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    both = (f"{instruction}\n\n{other.instruction}", f"{other.instruction}\n\n{instruction}")
    return draw.choice(both), response


def _tail_cut(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    place = _within_a_sentence(response, *_KEPT, draw)
    return None if place is None else (instruction, response[:place])


def _head_cut(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    place = _within_a_sentence(response, 1 - _KEPT[1], 1 - _KEPT[0], draw)
    return None if place is None else (instruction, response[place + 1 :])


def _within_a_sentence(text: str, low: float, high: float, draw: random.Random) -> int | None:
    """The place of a blank between two words of one sentence, in the stretch from `low` to `high` of the text."""
    if len(text.split()) < _FEWEST_WORDS:
        return None
    places = [found.start() for found in _WORD_BREAK.finditer(text) if low <= found.start() / len(text) <= high]
    return draw.choice(places) if places else None


def _tail_missing(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    said, gaps = sentences(response)
    if len(said) < _FEWEST_SENTENCES:
        return None
    counts = [count for count in range(1, len(said)) if _KEPT[0] <= count / len(said) <= _KEPT[1]]
    count = draw.choice(counts)
    return instruction, _joined(said[:count], gaps)


def _shuffled(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    said, gaps = sentences(response)
    if len(set(said)) < _FEWEST_SENTENCES:
        return None
    mixed = said
    while mixed == said or mixed[0] == said[0]:  # a first sentence that stays hides much of it
        mixed = draw.sample(said, len(said))
    return instruction, _joined(mixed, gaps)


def _repeated(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    """A third of the sentences say again what the third before them said."""
    said, gaps = sentences(response)
    if len(said) < _FEWEST_SENTENCES:
        return None
    size = len(said) // 3
    start = draw.randrange(len(said) - 2 * size + 1)
    said[start + size : start + 2 * size] = said[start : start + size]
    return instruction, _joined(said, gaps)


def _spliced(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    """A third of the sentences are those of another answer."""
    said, gaps = sentences(response)
    foreign, _ = sentences(other.response)
    if len(said) < _FEWEST_SENTENCES:
        return None
    size = min(max(1, len(said) // 3), len(foreign))
    start, begin = draw.randrange(1, len(said) - size + 1), draw.randrange(len(foreign) - size + 1)
    said[start : start + size] = foreign[begin : begin + size]
    return instruction, _joined(said, gaps)


def _words_dropped(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    parts = re.split(r"(\s+)", response)
    words = range(0, len(parts), 2)
    if len(words) < _FEWEST_WORDS:
        return None
    lost = draw.sample(words[1:], max(2, round(_LOST_WORDS * len(words))))
    gone = {*lost, *(place - 1 for place in lost)}  # each with the white space before it
    return instruction, "".join(part for place, part in enumerate(parts) if place not in gone)


def _furniture(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    return instruction, draw.choice(_GAPS).join((response, _pieces(BEHIND, response, other, draw)))


def _furniture_before(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    return instruction, draw.choice(_GAPS).join((_pieces(BEFORE, response, other, draw), response))


def _foreign(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    pieces = _pieces(FOREIGN, response, other, draw)
    return instruction, draw.choice(_GAPS).join(draw.choice([(response, pieces), (pieces, response)]))


def _pieces(texts: Sequence[str], response: str, other: Pair, draw: random.Random) -> str:
    """Up to three pieces of furniture, about a seventh of the response long."""
    title = other.instruction.partition("\n")[0][:_TITLE].rstrip(" ?.")
    chosen: list[str] = []
    for text in draw.sample(texts, 3):
        made = text.format(other=title, year=draw.randrange(2009, 2025), day=draw.randrange(10, 29),
                           count=draw.randrange(11, 97))  # fmt: skip
        chosen.append(made)
        if sum(map(len, chosen)) > len(response) / 7:
            break
    return "\n".join(chosen)


def _refusal(instruction: str, response: str, other: Pair, draw: random.Random) -> tuple[str, str] | None:
    """As many sentences as come nearest to the length of the response."""
    order = sorted(draw.sample(range(len(REFUSALS)), draw.randrange(5, len(REFUSALS) + 1)))
    texts = [" ".join(REFUSALS[place] for place in order[:count]) for count in range(1, len(order) + 1)]
    return instruction, min(texts, key=lambda text: abs(len(text) - len(response)))


def _joined(said: Sequence[str], gaps: Sequence[str]) -> str:
    """Sentences with the white space that stood between those in their places."""
    return "".join(one + (gap or " ") for one, gap in zip(said, gaps, strict=False)).strip()


COMMON = MappingProxyType(
    {
        "swapped": _swapped,
        "tail-cut": _tail_cut,
        "tail-missing": _tail_missing,
        "head-cut": _head_cut,
        "furniture": _furniture,
        "furniture-before": _furniture_before,
        "shuffled": _shuffled,
        "repeated": _repeated,
    }
)
"""What goes wrong most where answers are cut from documents; a scorer may learn from these. The instruction belongs to
another answer; the end is missing, in mid-sentence or at a sentence's end; the beginning is; the page around it is
there, behind or before; sentences stand in another order, or twice."""

UNSEEN = MappingProxyType(
    {
        "foreign": _foreign,
        "words-dropped": _words_dropped,
        "refusal": _refusal,
        "half-asked": _half_asked,
        "spliced": _spliced,
    }
)
"""What nothing is fitted on, to judge by: the page around the answer in another language, words lost, a refusal, two
things asked and one answered, a part of another answer in the midst."""

FAULTS: MappingProxyType[str, Fault] = MappingProxyType({**COMMON, **UNSEEN})
"""All kinds by name."""
