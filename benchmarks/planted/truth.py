"""What is known of a planted crawl, read from its side file, and the score of a pipeline that has cleaned it.

An *item* is one page or one section at one address. Items of one family are near-duplicates of one another; of those
that reach the deduplication all but one are to go. Needs the standard library alone, so that peers can be scored in
their own environments.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Item = tuple[str, str]
"""The page's address, and the section's marker (empty for the page as a whole)."""

MARKER = re.compile(r"\b(?:[bcdfghjklmnpqrstvwxz][aeiou]){6}\b")


@dataclass(frozen=True, slots=True)
class Member:
    """What was planted as an item."""

    family: int
    variant: str
    """'base', 'near', 'hard' (looks like another family, but is none of it) or 'foreign'."""
    jaccard: float


@dataclass
class Truth:
    """All that is known of a crawl."""

    sections: dict[Item, Member] = field(default_factory=dict)
    pages: dict[Item, Member] = field(default_factory=dict)
    """The articles and their copies as wholes."""
    readable: set[str] = field(default_factory=set)
    """Addresses of all pages of HTML in undamaged records."""
    damages: list[Mapping[str, object]] = field(default_factory=list)
    markers: set[str] = field(default_factory=set)

    def items(self, url: str, text: str) -> Iterator[Item]:
        """The planted sections that a text from this address holds."""
        for marker in set(MARKER.findall(text)) & self.markers:
            if (url, marker) in self.sections:
                yield url, marker


def read_truth(path: Path) -> Truth:
    """Reads the side file. Damaged pages are not among the items."""
    truth = Truth()
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["type"] == "damage":
                truth.damages.append(row)
            if row["type"] != "page" or row["damaged"]:
                continue
            url = row["url"]
            truth.readable.add(url)
            for one in row["sections"]:
                truth.sections[url, one["marker"]] = Member(one["family"], one["variant"], one["jaccard"])
                truth.markers.add(one["marker"])
            if row["kind"] in ("article", "copy"):
                copied = row["copy_of"] is not None
                family = row["copy_of"] if copied else row["page"]
                truth.pages[url, ""] = Member(family, "near" if copied else "base", row["level"])
    return truth


def score(members: Mapping[Item, Member], reached: Iterable[Item], kept: Iterable[Item]) -> dict[str, object]:
    """How well near-duplicates were told from the rest.

    Args:
        members: What was planted.
        reached: The items that came to the deduplication.
        kept: Those of them that it let through.

    Returns:
        `recall`: of the items that were to go (all but one of each family), the share that went. `false`: of the
        families that reached it, the share of which nothing is left. `false_of_removed`: the same, of all items that
        went. `recall_by_jaccard`: for families of a base and one near-duplicate, by the similarity of the two.
        `hard_removed`: the share of hard negatives that went.
    """
    kept = set(kept)
    families: dict[int, list[Item]] = defaultdict(list)
    for item in set(reached):
        families[members[item].family].append(item)
    planted = found = removed = lost = 0
    bins: dict[str, list[bool]] = defaultdict(list)
    hard: list[bool] = []
    for items in families.values():
        gone = sum(item not in kept for item in items)
        planted += len(items) - 1
        found += min(gone, len(items) - 1)
        removed += gone
        lost += gone == len(items)
        variants = sorted(members[item].variant for item in items)
        if variants == ["base", "near"]:
            bins[_bin(min(members[item].jaccard for item in items))].append(gone > 0)
        elif variants == ["hard"]:
            hard.append(gone > 0)
    return {
        "reached": sum(map(len, families.values())),
        "families": len(families),
        "planted": planted,
        "found": found,
        "recall": _share(found, planted),
        "removed": removed,
        "families_lost": lost,
        "false": _share(lost, len(families)),
        "false_of_removed": _share(lost, removed),
        "recall_by_jaccard": {name: [sum(bins[name]), len(bins[name])] for name in sorted(bins)},
        "hard_removed": [sum(hard), len(hard)],
    }


def left_over(members: Mapping[Item, Member], kept: Iterable[Item]) -> dict[str, object]:
    """End to end: of all planted near-duplicates in the crawl, how many are still beside another of their family."""
    sizes: dict[int, int] = defaultdict(int)
    for member in members.values():
        sizes[member.family] += 1
    left: dict[int, int] = defaultdict(int)
    for item in set(kept):
        left[members[item].family] += 1
    planted = sum(size - 1 for size in sizes.values())
    remaining = sum(size - 1 for size in left.values())
    return {
        "in_crawl": planted,
        "left": remaining,
        "share_left": _share(remaining, planted),
        "families_in_crawl": len(sizes),
        "families_kept": len(left),
    }


def _bin(jaccard: float) -> str:
    return "1.00" if jaccard == 1 else f"{int(jaccard * 20) / 20:.2f}-{int(jaccard * 20) / 20 + 0.05:.2f}"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 5) if whole else None
