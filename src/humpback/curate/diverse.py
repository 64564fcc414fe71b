"""Selection that does not take the same thing twice, nor all from one place.

The best-rated candidates are gone through one by one, as `Cutoff` ranks them, and one is passed over where a better one
that was taken is too much like it, or where its document or its group of like instructions has enough; so the next ones
move up until as many are kept as were asked for. What is kept depends on scores, texts and ids alone, not on shards or
workers.

Each group gives its best, so many as are in proportion to its size (static k-means selection: Yu et al. 2024); places
that a group cannot fill are shared out again among those that have more.

Only candidates that are within reach of being kept are held (the best of each group, and twice as many each time that
is too few), so memory follows what is kept; of all others a score, a digest and the number of a group.

Two instructions are compared by the Jaccard similarity of their words and pairs of words, exactly: two sets that are
similar to a part t have one element in common among the rarest (1 - t) of each (prefix filter: Chaudhuri et al. 2006),
so an index of the rarest elements finds all that can be alike.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from humpback.config import SelectSettings
from humpback.curate.groups import SAMPLE, WINDOW, Groups, learn
from humpback.curate.select import Cutoff, PassedOver, cutoff, tie_digest
from humpback.text.shingles import words

Elements = NDArray[np.int64]
"""The words and pairs of words of one text as numbers, the rarest first."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What selection looks at in a candidate."""

    id: str
    score: float | None
    instruction: str
    document: str
    """Empty where nobody knows it; then it counts for no document."""


@dataclass(frozen=True, slots=True)
class _Pool:
    """All that are scored, the best first."""

    digests: NDArray[np.uint64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int16]
    sizes: NDArray[np.int64]
    """Of each group."""

    def reach(self, most: NDArray[np.int64]) -> dict[int, int]:
        """The groups of the best so many of each group, by their digests."""
        order = np.argsort(self.groups, kind="stable")
        ends = np.cumsum(self.sizes)
        best = [order[end - size : end - size + some] for end, size, some in zip(ends, self.sizes, most, strict=True)]
        within = np.concatenate(best)
        return dict(zip(self.digests[within].tolist(), self.groups[within].tolist(), strict=True))


def diverse_cutoff(candidates: Callable[[], Iterable[Scored]], settings: SelectSettings) -> Cutoff:
    """Draws the line for one iteration, and says which candidates above it are passed over.

    Args:
        candidates: Gives every candidate, each once, in any order; called again for each pass.
        settings: Threshold, share or number, with `max_similarity`, `per_document` or `clusters`.
    """
    first = cutoff(((one.id, one.score) for one in candidates()), settings)
    scored = partial(_scored, candidates)
    pool = _pool(scored, settings, first.scored)
    reach = shares(first.kept, pool.sizes)
    while True:
        if not _by_threshold(settings):
            reach = np.minimum(2 * reach + 1, pool.sizes)
        groups = pool.reach(reach)
        within = [one for one in scored() if tie_digest(one.id) in groups]
        within.sort(key=lambda one: (-(one.score or 0.0), tie_digest(one.id)))
        chosen = _Choice(settings, within, [groups[tie_digest(one.id)] for one in within])
        if chosen.take(first.kept, pool.sizes, reach) or _by_threshold(settings):
            return _line(first, chosen, pool, settings)


def shares(places: int, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shares places out in proportion to sizes, by the largest remainders; none gets more than its size."""
    total = int(sizes.sum())
    if not total:
        return np.zeros_like(sizes)
    parts, remainders = np.divmod(sizes * min(places, total), total)
    left = min(places, total) - int(parts.sum())
    parts[np.argsort(-remainders, kind="stable")[:left]] += 1
    return parts


def _by_threshold(settings: SelectSettings) -> bool:
    return settings.top_share is None and settings.top_n is None


def _scored(candidates: Callable[[], Iterable[Scored]]) -> Iterator[Scored]:
    return (one for one in candidates() if one.score is not None and math.isfinite(one.score))


def _pool(scored: Callable[[], Iterator[Scored]], settings: SelectSettings, count: int) -> _Pool:
    grouped = _learned(scored, settings.clusters, count) if settings.clusters else None
    scores, digests, groups = array("d"), array("Q"), array("h")
    rest = scored()
    while window := list(islice(rest, WINDOW)):
        scores.extend(one.score or 0.0 for one in window)
        digests.extend(tie_digest(one.id) for one in window)
        groups.extend(grouped.of([one.instruction for one in window]).tolist() if grouped else [0] * len(window))
    ranked = np.lexsort((np.array(digests, np.uint64), -np.array(scores, np.float64)))
    return _Pool(
        np.array(digests, np.uint64)[ranked],
        np.array(scores, np.float64)[ranked],
        np.array(groups, np.int16)[ranked],
        np.bincount(np.array(groups, np.int16), minlength=grouped.count if grouped else 1),
    )


def _learned(scored: Callable[[], Iterator[Scored]], clusters: int, count: int) -> Groups:
    """Groups of a sample that is the same whatever the order."""
    bound = 2**64 * SAMPLE // max(SAMPLE, count)
    some = sorted((tie_digest(one.id), one.instruction) for one in scored() if tie_digest(one.id) < bound)
    return learn([instruction for _, instruction in some], clusters)


class _Choice:
    """Goes through candidates from the best on."""

    def __init__(self, settings: SelectSettings, ranked: Sequence[Scored], groups: Sequence[int]) -> None:
        self.kept: list[int] = []
        """Digests of those that are taken."""
        self.passed_over: dict[int, PassedOver] = {}
        self._ranked = ranked
        self._groups = groups
        self._most = settings.per_document or math.inf
        self._similar = settings.max_similarity
        self._elements = [] if self._similar is None else _elements([one.instruction for one in ranked])
        self._index: dict[int, list[int]] = {}
        """For each element, the candidates taken that have it among their rarest."""
        self._documents: Counter[str] = Counter()

    def take(self, wanted: int, sizes: NDArray[np.int64], reach: NDArray[np.int64]) -> bool:
        """So many of them, or as many as there are.

        Args:
            wanted: How many.
            sizes: How many there are of each group.
            reach: How many of these are here.

        Returns:
            Whether that many were found, or no group has any more.
        """
        left, waiting = sizes.copy(), list(range(len(self._ranked)))
        while len(self.kept) < wanted and left.any():
            places = shares(wanted - len(self.kept), left)
            waiting = self._round(waiting, places, left)
            if (places > 0).any() and (reach < sizes)[places > 0].any():
                return False
        return True

    def _round(self, waiting: Iterable[int], places: NDArray[np.int64], left: NDArray[np.int64]) -> list[int]:
        """Fills the places of each group; those whose group has none wait for the next round."""
        still: list[int] = []
        for place in waiting:
            group = self._groups[place]
            if not places[group]:
                still.append(place)
                continue
            left[group] -= 1
            one = self._ranked[place]
            if why := self._why_not(place):
                self.passed_over[tie_digest(one.id)] = why
                continue
            places[group] -= 1
            self._documents[one.document] += 1
            self._remember(place)
            self.kept.append(tie_digest(one.id))
        return still

    def _why_not(self, place: int) -> PassedOver | None:
        one, like = self._ranked[place], self._like(place)
        if like is not None:
            better, similarity = self._ranked[like[0]], like[1]
            return PassedOver("near-identical instruction", f"{similarity:.0%} like that of {better.id}")
        if one.document and self._documents[one.document] >= self._most:
            return PassedOver("enough of its document", f"the {self._most} best-rated of {one.document} are kept")
        return None

    def _like(self, place: int) -> tuple[int, float] | None:
        """The best-rated candidate taken that is too much like this one."""
        if self._similar is None:
            return None
        own = self._elements[place]
        near = {other for element in self._rarest(own) for other in self._index.get(element, ())}
        for other in sorted(near):
            theirs = self._elements[other]
            common = len(np.intersect1d(own, theirs, assume_unique=True))
            similarity = common / (len(own) + len(theirs) - common)
            if similarity >= self._similar:
                return other, similarity
        return None

    def _remember(self, place: int) -> None:
        if self._similar is not None:
            for element in self._rarest(self._elements[place]):
                self._index.setdefault(element, []).append(place)

    def _rarest(self, elements: Elements) -> list[int]:
        least = math.ceil((self._similar or 0.0) * len(elements) - 1e-9)  # .7 * 10 is 7.000000000000001
        return elements[: len(elements) - least + 1].tolist() if len(elements) else []


def _elements(texts: Sequence[str]) -> list[Elements]:
    """The words and pairs of words of each text, numbered by how rare they are among all."""
    singles = words(texts)
    pairs = singles.ngrams(2)
    sets = [np.unique(np.concatenate((singles.of(text), pairs.of(text)))) for text in range(len(texts))]
    everything = np.concatenate(sets) if sets else np.empty(0, np.uint64)
    values, counts = np.unique(everything, return_counts=True)
    rarity = np.empty(len(values), np.int64)
    rarity[np.lexsort((values, counts))] = np.arange(len(values))
    return [np.sort(rarity[np.searchsorted(values, one)]) for one in sets]


def _line(line: Cutoff, chosen: _Choice, pool: _Pool, settings: SelectSettings) -> Cutoff:
    """The line behind the last that was taken; what is above it and was not looked at is one too many of its group."""
    rule = line.rule
    if settings.clusters:
        rule += f", a share for each of {np.count_nonzero(pool.sizes)} groups of like instructions"
    if settings.max_similarity is not None:
        rule += f", no two instructions alike to {settings.max_similarity:.0%}"
    if settings.per_document:
        rule += f", at most {settings.per_document} of a document"
    kept = np.isin(pool.digests, np.array(chosen.kept, np.uint64))
    line = replace(line, kept=len(chosen.kept), rule=rule, passed_over=chosen.passed_over)
    if not kept.any() or _by_threshold(settings):
        return line
    last = int(np.flatnonzero(kept)[-1])
    enough = [
        PassedOver("enough of its group", f"{mine} of the {size} in its group are kept")
        for mine, size in zip(np.bincount(pool.groups[kept], minlength=len(pool.sizes)), pool.sizes, strict=True)
    ]
    above = np.flatnonzero(~kept[:last])
    passed_over = {int(pool.digests[place]): enough[pool.groups[place]] for place in above} | chosen.passed_over
    return replace(line, score=float(pool.scores[last]), tie=int(pool.digests[last]), passed_over=passed_over)
