"""Pairs that teach a model to rate: good ones, and each with one planted fault, asked as the scorer `yes-no` asks.

Written as instruction and response, so that `humpback finetune` trains on them like on any others, and the model that
comes out of it is judged by `curation_quality.py --scorers yes-no`. The kinds in `humpback.curate.faults.UNSEEN` are
not planted; pairs are drawn from the end of the order that `curation_quality.py` takes last.

    python benchmarks/teaching_pairs.py --good dolly15k.jsonl.gz --count 1600 --out teaching.jsonl
    humpback finetune teaching.jsonl --out taught --model package:smollm2-135m-instruct --set tags.enabled=false
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from labelled_sets import pairs_of

from humpback.curate.faults import COMMON, plant
from humpback.prompts import YES_NO_PREFIX, yes_no_messages
from humpback.records import Pair

NEAR = 2500
"""Pairs at the end of the order, from which these are drawn."""
SHORTEST = 150
"""Characters of a response: less shows little of a fault."""


def taught(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, str]]:
    """Each pair as it is, and with a fault; the kinds in turn, where a pair cannot have one any other."""
    twins = {kind: plant(kind, pairs, 1) for kind in COMMON}
    turns = cycle(COMMON)
    for place, pair in enumerate(pairs):
        possible = [kind for kind in COMMON if twins[kind][place]]
        if not possible or len(pair.response) < SHORTEST:
            continue
        kind = next(turns)
        twin = twins[kind][place] or twins[random.Random(place).choice(possible)][place]
        assert twin is not None
        yield pair, "Yes"
        yield twin, "No"


def row(pair: Pair, answer: str) -> dict[str, str]:
    parts = [part.text for message in yes_no_messages(pair.instruction, pair.response) for part in message.parts]
    return {"instruction": "".join(parts), "response": YES_NO_PREFIX + answer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=Path, required=True, help="good pairs")
    parser.add_argument("--count", type=int, default=1600, help="of them and their twins together")
    parser.add_argument("--max-chars", type=int, default=700, help="longest instruction and response together")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    pairs = [pair for pair, _ in pairs_of(arguments.good, arguments.max_chars)][-NEAR:]
    rows = [row(*one) for one in islice(taught(pairs), arguments.count)]
    random.Random(0).shuffle(rows)
    arguments.out.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    print(f"{len(rows)} pairs, {sum(len(one['instruction']) for one in rows) / len(rows):.0f} characters each")


if __name__ == "__main__":
    main()
