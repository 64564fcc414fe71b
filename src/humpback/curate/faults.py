"""Planted faults: good pairs made worse in a known way, to see whether a scorer notices.

They are labels without a labeller: a pair and its faulty twin differ in one thing, so a useful scorer puts the good one
above. Every kind is a function of the pair, another pair of the set and a seeded draw, and gives None where the pair is
too short for it. A fault keeps the answer's length if it can (a repeated sentence replaces another one); a cut leaves
two fifths of it at least.
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
"""Of a response that is cut or loses words: too little would remain of a shorter one."""
_FEWEST_SENTENCES = 3
_KEPT = (0.4, 0.8)
"""Part of a response that a cut leaves."""
_LOST_WORDS = 0.15
_NEAR = 8
"""The other pair is one of so many on either side, by length of the instruction."""
_TITLE = 60
_GAPS = ("\n", "\n\n")
_SENTENCE_BREAK = re.compile(r"((?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z0-9])|(?<=[。！？])|\s*\n\s*)")
_WORD_BREAK = re.compile(r"(?<=[^\s.!?:;]) (?=[^\s\W])")
"""A blank within a sentence."""


def plant(kind: str, pairs: Sequence[Pair], seed: int) -> tuple[Pair | None, ...]:
    """The faulty twin of each pair, in order; None where the pair cannot have this fault.

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
    keys = [(len(pair.instruction), pair.id) for pair in ranked]
    twins: list[Pair | None] = []
    for pair in pairs:
        draw = random.Random(record_rng_seed(seed, kind, pair.id))  # noqa: S311
        index = bisect_left(keys, (len(pair.instruction), pair.id))
        donor = _donor(pair, ranked, index, draw)
        faulty = fault(pair.instruction, pair.response, donor, draw) if donor else None
        twins.append(None if faulty is None or faulty == (pair.instruction, pair.response) else _twin(pair, *faulty))
    return tuple(twins)


def _donor(pair: Pair, ranked: Sequence[Pair], index: int, draw: random.Random) -> Pair | None:
    """A pair whose instruction is about as long, and not the same; from the whole set where none is near."""
    for reach in (_NEAR, len(ranked)):
        near = ranked[max(0, index - reach) : index + reach + 1]
        donors = [donor for donor in near if donor.instruction != pair.instruction and donor.response != pair.response]
        if donors:
            return draw.choice(donors)
    return None


def _twin(pair: Pair, instruction: str, response: str) -> Pair:
    return replace(pair, id=content_id(instruction, response), instruction=instruction, response=response)


def sentences(text: str) -> tuple[list[str], list[str]]:
    """The sentences and lines of a text, and what follows each of them (white space, or nothing)."""
    pieces = _SENTENCE_BREAK.split(text.strip())
    units: list[str] = []
    gaps: list[str] = []
    for unit, gap in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        # One word alone is the number of a list's item, or an abbreviation such as 'Mr.': no sentence ends there.
        if units and len(units[-1].split()) < 2 and "\n" not in gaps[-1]:
            units[-1], gaps[-1] = units[-1] + gaps[-1] + unit, gap
        else:
            units.append(unit)
            gaps.append(gap)
    return units, gaps


def _swapped(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    return donor.instruction, response


def _half_asked(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    both = (f"{instruction}\n\n{donor.instruction}", f"{donor.instruction}\n\n{instruction}")
    return draw.choice(both), response


def _tail_cut(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    offset = _within_a_sentence(response, *_KEPT, draw)
    return None if offset is None else (instruction, response[:offset])


def _head_cut(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    offset = _within_a_sentence(response, 1 - _KEPT[1], 1 - _KEPT[0], draw)
    return None if offset is None else (instruction, response[offset + 1 :])


def _within_a_sentence(text: str, low: float, high: float, draw: random.Random) -> int | None:
    """The offset of a blank between two words of one sentence, within the part from `low` to `high` of the text."""
    if len(text.split()) < _FEWEST_WORDS:
        return None
    offsets = [match.start() for match in _WORD_BREAK.finditer(text) if low <= match.start() / len(text) <= high]
    return draw.choice(offsets) if offsets else None


def _tail_missing(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    units, gaps = sentences(response)
    if len(units) < _FEWEST_SENTENCES:
        return None
    counts = [count for count in range(1, len(units)) if _KEPT[0] <= count / len(units) <= _KEPT[1]]
    count = draw.choice(counts)
    return instruction, _joined(units[:count], gaps)


def _shuffled(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    units, gaps = sentences(response)
    if len(set(units)) < _FEWEST_SENTENCES:
        return None
    mixed = units
    # With its first sentence in place a shuffled answer looks much like the good one.
    while mixed == units or mixed[0] == units[0]:
        mixed = draw.sample(units, len(units))
    return instruction, _joined(mixed, gaps)


def _repeated(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    """A third of the sentences repeats the third before it."""
    units, gaps = sentences(response)
    if len(units) < _FEWEST_SENTENCES:
        return None
    size = len(units) // 3
    start = draw.randrange(len(units) - 2 * size + 1)
    units[start + size : start + 2 * size] = units[start : start + size]
    return instruction, _joined(units, gaps)


def _spliced(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    """A third of the sentences comes from another answer."""
    units, gaps = sentences(response)
    foreign, _ = sentences(donor.response)
    if len(units) < _FEWEST_SENTENCES:
        return None
    size = min(max(1, len(units) // 3), len(foreign))
    start, begin = draw.randrange(1, len(units) - size + 1), draw.randrange(len(foreign) - size + 1)
    units[start : start + size] = foreign[begin : begin + size]
    return instruction, _joined(units, gaps)


def _words_dropped(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    parts = re.split(r"(\s+)", response)
    words = range(0, len(parts), 2)
    if len(words) < _FEWEST_WORDS:
        return None
    lost = draw.sample(words[1:], max(2, round(_LOST_WORDS * len(words))))
    # Each with the white space before it, so that no double blank gives it away.
    removed = {*lost, *(index - 1 for index in lost)}
    return instruction, "".join(part for index, part in enumerate(parts) if index not in removed)


def _furniture(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    return instruction, draw.choice(_GAPS).join((response, _pieces(BEHIND, response, donor, draw)))


def _furniture_before(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    return instruction, draw.choice(_GAPS).join((_pieces(BEFORE, response, donor, draw), response))


def _foreign(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    pieces = _pieces(FOREIGN, response, donor, draw)
    return instruction, draw.choice(_GAPS).join(draw.choice([(response, pieces), (pieces, response)]))


def _pieces(texts: Sequence[str], response: str, donor: Pair, draw: random.Random) -> str:
    """Up to three pieces of furniture, about a seventh of the response long."""
    title = donor.instruction.partition("\n")[0][:_TITLE].rstrip(" ?.")
    pieces: list[str] = []
    for text in draw.sample(texts, 3):
        piece = text.format(other=title, year=draw.randrange(2009, 2025), day=draw.randrange(10, 29),
                           count=draw.randrange(11, 97))  # fmt: skip
        pieces.append(piece)
        if sum(map(len, pieces)) > len(response) / 7:
            break
    return "\n".join(pieces)


def _refusal(instruction: str, response: str, donor: Pair, draw: random.Random) -> tuple[str, str] | None:
    """As many sentences of a refusal as come nearest to the length of the response."""
    order = sorted(draw.sample(range(len(REFUSALS)), draw.randrange(5, len(REFUSALS) + 1)))
    texts = [" ".join(REFUSALS[index] for index in order[:count]) for count in range(1, len(order) + 1)]
    return instruction, min(texts, key=lambda text: abs(len(text) - len(response)))


def _joined(units: Sequence[str], gaps: Sequence[str]) -> str:
    """Sentences with the white space that stood there before, whatever sentences it stood between."""
    return "".join(unit + (gap or " ") for unit, gap in zip(units, gaps, strict=False)).strip()


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
"""The usual faults of answers that are cut from documents; a scorer may learn from these. The instruction belongs to
another answer; the end is missing, within a sentence or between two; the beginning is missing; furniture of the page
comes after or before the answer; sentences are in another order, or there twice."""

UNSEEN = MappingProxyType(
    {
        "foreign": _foreign,
        "words-dropped": _words_dropped,
        "refusal": _refusal,
        "half-asked": _half_asked,
        "spliced": _spliced,
    }
)
"""Faults that nothing is fitted on, so that a scorer can be judged by them: furniture in another language, lost words,
a refusal, two questions and an answer to one, a part of another answer in the middle."""

FAULTS: MappingProxyType[str, Fault] = MappingProxyType({**COMMON, **UNSEEN})
"""All kinds by name."""
