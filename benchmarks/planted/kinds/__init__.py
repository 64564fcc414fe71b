"""Bad pairs of 31 kinds that nothing is fitted on, and 50 good passages: a curator is judged by them, never taught.

`texts.jsonl` holds 22 kinds of texts that answer nothing, ten of each: news, adverts, minutes, logs. The text was cut
well and its instruction fits it. So they ask of a curator: is the response an answer?

`passages.jsonl` holds passages of 20 documents that do answer their instruction. From them come the other kinds, 50
pairs of each. In most the instruction alone is wrong, and they ask: does the instruction ask for this response? Five of
these were written by hand for each passage (`wrong` in its row). Four are made by a function: `neighbour` (the
instruction of the document's next passage), `joined` (the end of the passage gives way to another document),
`missing-figure` (a part gives way to words about a figure that is not there) and `wrong-form` (the instruction wants
a form that the response does not have).

    good = good_passages()
    bad = bad_pairs()
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humpback.curate.faults import sentences
from humpback.records import Pair, content_id, record_rng_seed

WORDS = range(60, 161)
"""How many a text or a passage has."""
POINTERS = (
    "The exact values are given in Table 2.",
    "Figure 3 shows how this is done.",
    "The steps are marked with red arrows in the picture below.",
    "As the diagram on the opposite page makes clear, the order matters.",
    "Compare the two photographs above.",
    "See the listing at the end of this section.",
    "The curve in Fig. 4.1 shows why.",
    "The parts are numbered from 1 to 5 in the drawing.",
    "All of them are listed in the box on the left.",
    "The chart that follows gives the details.",
    "The code below does exactly that.",
    "The place is circled in the screenshot.",
)
FORMS = (
    "Answer with a table of three columns.",
    "Reply in French.",
    "Put the answer into a rhyming poem of four stanzas.",
    "I want a list of exactly seven points, each with a bold heading.",
    "Keep it to a single sentence of at most fifteen words.",
    "Write it as a dialogue between a father and his daughter.",
    "Give me a Python program for it, with comments.",
    "Answer with yes or no and nothing else.",
    "Return a JSON object with the keys 'short' and 'long'.",
    "Write at least a thousand words, with a heading for each part.",
    "Tell it as a fairy tale.",
    "Answer in German.",
)


@dataclass(frozen=True, slots=True)
class BadPair:
    """A pair of one kind."""

    kind: str
    pair: Pair
    good: str
    """The id of the passage that it was made from; its own where it was made from none."""


def good_passages() -> list[Pair]:
    """Passages that answer their instruction; the source is the document, in which they follow one another."""
    return [_pair(row, row["document"]) for row in _rows("passages")]


def bad_pairs(rng_seed: int = 0) -> list[BadPair]:
    """The pairs of all kinds."""
    texts = [(row["kind"], _pair(row, row["kind"])) for row in _rows("texts")]
    passages = good_passages()
    wrong = [
        BadPair(kind, _made(passage, instruction, passage.response), passage.id)
        for passage, row in zip(passages, _rows("passages"), strict=True)
        for kind, instruction in row["wrong"].items()
    ]
    made = [
        BadPair(kind, _made(passage, *change(passage, passages, _draw(rng_seed, kind, passage))), passage.id)
        for kind, change in CHANGES.items()
        for passage in passages
    ]
    return [*(BadPair(kind, pair, pair.id) for kind, pair in texts), *wrong, *made]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    lines = (Path(__file__).parent / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return map(json.loads, lines)


def _pair(row: dict[str, Any], source: str) -> Pair:
    instruction, response = row["instruction"], row["response"]
    return Pair(content_id(instruction, response), instruction, response, "seed", source)


def _made(passage: Pair, instruction: str, response: str) -> Pair:
    return Pair(content_id(instruction, response), instruction, response, "seed", passage.source)


def _draw(rng_seed: int, kind: str, passage: Pair) -> random.Random:
    return random.Random(record_rng_seed(rng_seed, kind, passage.id))


def _neighbour(passage: Pair, passages: Sequence[Pair], draw: random.Random) -> tuple[str, str]:
    """The document's next passage; of the last one, the first."""
    same = [one for one in passages if one.source == passage.source]
    return same[(same.index(passage) + 1) % len(same)].instruction, passage.response


def _joined(passage: Pair, passages: Sequence[Pair], draw: random.Random) -> tuple[str, str]:
    """The first two thirds of the passage and about as much of another document as was left out, in front or behind."""
    other = draw.choice([one for one in passages if one.source != passage.source])
    units, _ = sentences(passage.response)
    foreign, _ = sentences(other.response)
    own = units[: max(1, round(len(units) * 2 / 3))]
    lost = max(1, round(len(foreign) / 3))
    gap = draw.choice([" ", "\n", "\n\n"])
    parts = draw.choice([(own, foreign[:lost]), (foreign[-lost:], own)])
    return passage.instruction, gap.join(" ".join(part) for part in parts)


def _missing_figure(passage: Pair, passages: Sequence[Pair], draw: random.Random) -> tuple[str, str]:
    """Two pointers stand in place of two fifths of the sentences, never of the first one."""
    units, _ = sentences(passage.response)
    size = max(1, round(len(units) * 2 / 5))
    start = draw.randrange(1, len(units) - size + 1)
    units[start : start + size] = draw.sample(POINTERS, min(2, size))
    return passage.instruction, " ".join(units)


def _wrong_form(passage: Pair, passages: Sequence[Pair], draw: random.Random) -> tuple[str, str]:
    """The form is asked for before the question or after it."""
    order = draw.sample([passage.instruction, draw.choice(FORMS)], 2)
    return " ".join(order), passage.response


CHANGES = {"neighbour": _neighbour, "joined": _joined, "missing-figure": _missing_figure, "wrong-form": _wrong_form}
"""Kinds that are made by a function: of a passage, of all passages and of a source of chance."""
