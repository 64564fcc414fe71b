"""Are the planted families as far apart as they are said to be? Looks for the most alike sections of other families.

All sections of a crawl's first pages are compared wherever they share a 5-gram in a sample of one in eight, which finds
any two of similarity .2 or more with near certainty; the table counts pairs by similarity.

    python benchmarks/planted/check.py --pages 2000
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_warc import open_crawl

from planted.pages import Crawl, Planted
from planted.text import Section

_SAMPLE = 8
_MAX_SHARERS = 400
"""A 5-gram that so many sections share comes from code or a saying and is no sign."""


def main() -> None:
    """Prints the pairs by kind and similarity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duplicates", type=float, default=0.2)
    arguments = parser.parse_args()
    start = time.perf_counter()
    crawl = open_crawl(arguments.seed, arguments.pages, arguments.duplicates)
    found = sections(crawl)
    table = compare(found)
    print(json.dumps({"pages": arguments.pages, "sections": len(found), "seconds": round(time.perf_counter() - start)}))
    for kind, counts in sorted(table.items()):
        print(f"{kind:<28}", "  ".join(f"{bound:.1f}: {counts[bound]}" for bound in sorted(counts)))


def sections(crawl: Crawl) -> list[tuple[Section, Planted]]:
    """The sections of all articles and copies, as they stand in the pages."""
    found = []
    for number in range(crawl.count):
        found += crawl.planted(number)
    return found


def compare(found: list[tuple[Section, Planted]]) -> dict[str, Counter[float]]:
    """Counts of pairs that share a sampled 5-gram, by kind of pair and by similarity, rounded down to tenths."""
    sharers: dict[int, list[int]] = defaultdict(list)
    grams = []
    for at, (section, _) in enumerate(found):
        hashed = frozenset(map(hash, section.grams()))
        grams.append(hashed)
        for one in hashed:
            if one % _SAMPLE == 0:
                sharers[one].append(at)
    pairs = {pair for items in sharers.values() if len(items) < _MAX_SHARERS for pair in combinations(items, 2)}
    table: dict[str, Counter[float]] = defaultdict(Counter)
    for one, two in pairs:
        shared = len(grams[one] & grams[two])
        jaccard = shared / (len(grams[one]) + len(grams[two]) - shared)
        table[_kind(found[one][1], found[two][1])][int(jaccard * 10) / 10] += 1
    return table


def _kind(one: Planted, two: Planted) -> str:
    if one.family == two.family:
        return "one family"
    if one.looks_like == two.family or two.looks_like == one.family:
        return "a hard negative and its like"
    return "two families"


if __name__ == "__main__":
    main()
