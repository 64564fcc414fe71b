"""Bad pairs of 31 kinds that nothing is fitted on, and 50 good passages: a curator is judged by them, never taught.

`texts.jsonl` holds 22 kinds of texts that answer nothing, ten of each: news, adverts, minutes, logs. The text was cut
well and its instruction fits it. So they ask of a curator: is the response an answer?

`passages.jsonl` holds passages of 20 documents that do answer their instruction. From them come the other kinds, 50
pairs of each. In most the instruction alone is wrong, and they ask: does the instruction ask for this response? Five of
these were written by hand for each passage (`wrong` in its row), and so was `missing-figure`, a response that leaves
the matter to a figure that is not there. Three are made by a function: `neighbour` (the instruction of the document's
next passage), `joined` (a part of the passage gives way to another document) and `wrong-form` (the instruction wants
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
    written = [
        BadPair(kind, _made(passage, instruction, response), passage.id)
        for passage, row in zip(passages, _rows("passages"), strict=True)
        for kind, instruction, response in (
            *((kind, instruction, passage.response) for kind, instruction in row["wrong"].items()),
            ("missing-figure", passage.instruction, row["missing-figure"]),
        )
    ]
    made = [
        BadPair(kind, _made(passage, *change(passage, passages, _draw(rng_seed, kind, passage))), passage.id)
        for kind, change in CHANGES.items()
        for passage in passages
    ]
    return [*(BadPair(kind, pair, pair.id) for kind, pair in texts), *written, *made]


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
    """The first two thirds of the passage, behind the last third of another document or before its first."""
    other = draw.choice([one for one in passages if one.source != passage.source])
    own = _part(passage.response, 0, 2 / 3)
    parts = draw.choice([(own, _part(other.response, 0, 1 / 3)), (_part(other.response, 2 / 3, 1), own)])
    return passage.instruction, draw.choice([" ", "\n", "\n\n"]).join(parts)


def _part(text: str, start: float, end: float) -> str:
    """The sentences between two shares of the text."""
    units, gaps = sentences(text)
    chosen = slice(round(start * len(units)), round(end * len(units)))
    return "".join(unit + gap for unit, gap in zip(units[chosen], gaps[chosen], strict=True)).strip()


def _wrong_form(passage: Pair, passages: Sequence[Pair], draw: random.Random) -> tuple[str, str]:
    """The form is asked for before the question or after it."""
    order = draw.sample([passage.instruction, draw.choice(FORMS)], 2)
    return " ".join(order), passage.response


CHANGES = {"neighbour": _neighbour, "joined": _joined, "wrong-form": _wrong_form}
"""Kinds that are made by a function: of a passage, of all passages and of a source of chance."""
