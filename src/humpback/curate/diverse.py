"""Selection without near-identical instructions, and not all from one document or topic.

It goes through the candidates from the best-rated one on, in the order of `Cutoff`. A candidate is passed over if a
better one that was selected is too much like it, or if its document or its group of like instructions has enough. The
next ones then move up, until the number asked for is reached. What is kept depends on scores, texts and ids alone, not
on shards or workers.

Each group gives its best, in proportion to its size (static k-means selection: Yu et al. 2024). If a group cannot fill
its quota, the groups that have more candidates share what is missing.

Memory follows what is kept: only candidates within reach of being kept are held with their texts (the best of each
group, and twice as many each time that is too few). Of all others it holds a score, a digest and the number of a group.

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
    """Empty where it is not known; `per_document` then does not bound it."""


@dataclass(frozen=True, slots=True)
class _Pool:
    """All that are scored, the best first."""

    digests: NDArray[np.uint64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int16]
    sizes: NDArray[np.int64]
    """Of each group."""

    def reach(self, counts: NDArray[np.int64]) -> dict[int, int]:
        """The best of each group, so many as `counts` says: their groups, by their digests."""
        # A stable sort leaves each group in the order of the pool, which is best first.
        order = np.argsort(self.groups, kind="stable")
        ends = np.cumsum(self.sizes)
        starts = ends - self.sizes
        best = [order[start : start + count] for start, count in zip(starts, counts, strict=True)]
        within = np.concatenate(best)
        return dict(zip(self.digests[within].tolist(), self.groups[within].tolist(), strict=True))


def diverse_cutoff(candidates: Callable[[], Iterable[Scored]], settings: SelectSettings) -> Cutoff:
    """Draws the line for one iteration, and says which candidates above it are passed over.

    Args:
        candidates: Gives every candidate, each once, in any order; called again for each pass.
        settings: Threshold, share or number, with `max_similarity`, `per_document` or `clusters`.
    """
    first = cutoff(((candidate.id, candidate.score) for candidate in candidates()), settings)
    scored = partial(_with_score, candidates)
    pool = _pool(scored, settings, first.scored)
    reach = shares(first.kept, pool.sizes)
    while True:
        # Some of those within reach will be passed over: start with about twice as many, and double that while too few.
        if not _by_threshold(settings):
            reach = np.minimum(2 * reach + 1, pool.sizes)
        groups = pool.reach(reach)
        within = [candidate for candidate in scored() if tie_digest(candidate.id) in groups]
        within.sort(key=lambda candidate: (-(candidate.score or 0.0), tie_digest(candidate.id)))
        choice = _Choice(settings, within, [groups[tie_digest(candidate.id)] for candidate in within])
        if choice.take(first.kept, pool.sizes, reach) or _by_threshold(settings):
            return _line(first, choice, pool, settings)


def shares(quota: int, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divides a number among groups in proportion to their sizes, by the largest remainders; none exceeds its size."""
    total = int(sizes.sum())
    if not total:
        return np.zeros_like(sizes)
    parts, remainders = np.divmod(sizes * min(quota, total), total)
    remaining = min(quota, total) - int(parts.sum())
    parts[np.argsort(-remainders, kind="stable")[:remaining]] += 1
    return parts


def _by_threshold(settings: SelectSettings) -> bool:
    return settings.top_share is None and settings.top_n is None


def _with_score(candidates: Callable[[], Iterable[Scored]]) -> Iterator[Scored]:
    return (candidate for candidate in candidates() if candidate.score is not None and math.isfinite(candidate.score))


def _pool(scored: Callable[[], Iterator[Scored]], settings: SelectSettings, count: int) -> _Pool:
    grouped = _learn_groups(scored, settings.clusters, count) if settings.clusters else None
    scores, digests, groups = array("d"), array("Q"), array("h")
    candidates = scored()
    while window := list(islice(candidates, WINDOW)):
        scores.extend(candidate.score or 0.0 for candidate in window)
        digests.extend(tie_digest(candidate.id) for candidate in window)
        instructions = [candidate.instruction for candidate in window]
        groups.extend(grouped.of(instructions).tolist() if grouped else [0] * len(window))
    ranked = np.lexsort((np.array(digests, np.uint64), -np.array(scores, np.float64)))
    return _Pool(
        np.array(digests, np.uint64)[ranked],
        np.array(scores, np.float64)[ranked],
        np.array(groups, np.int16)[ranked],
        np.bincount(np.array(groups, np.int16), minlength=grouped.count if grouped else 1),
    )


def _learn_groups(scored: Callable[[], Iterator[Scored]], clusters: int, count: int) -> Groups:
    """Groups of a sample that is the same whatever the order."""
    bound = 2**64 * SAMPLE // max(SAMPLE, count)
    digests = ((tie_digest(candidate.id), candidate.instruction) for candidate in scored())
    sample = sorted((digest, instruction) for digest, instruction in digests if digest < bound)
    return learn([instruction for _, instruction in sample], clusters)


class _Choice:
    """Goes through candidates, the best first, and selects or passes over each."""

    def __init__(self, settings: SelectSettings, ranked: Sequence[Scored], groups: Sequence[int]) -> None:
        self.kept: list[int] = []
        """Digests of those that are selected."""
        self.passed_over: dict[int, PassedOver] = {}
        self._ranked = ranked
        self._groups = groups
        self._most = settings.per_document or math.inf
        self._similar = settings.max_similarity
        self._elements = [] if self._similar is None else _elements([candidate.instruction for candidate in ranked])
        self._index: dict[int, list[int]] = {}
        """For each element, the ranks of the selected candidates that have it among their rarest."""
        self._documents: Counter[str] = Counter()

    def take(self, count: int, sizes: NDArray[np.int64], reach: NDArray[np.int64]) -> bool:
        """Selects so many of them, or as many as there are.

        Args:
            count: How many.
            sizes: How many candidates each group has.
            reach: How many of these are among `ranked`.

        Returns:
            False where a group with a quota may have more candidates that are not among `ranked`: take more of them.
        """
        remaining, waiting = sizes.copy(), list(range(len(self._ranked)))
        while len(self.kept) < count and remaining.any():
            quotas = shares(count - len(self.kept), remaining)
            waiting = self._fill_quotas(waiting, quotas, remaining)
            if (quotas > 0).any() and (reach < sizes)[quotas > 0].any():
                return False
        return True

    def _fill_quotas(
        self, waiting: Iterable[int], quotas: NDArray[np.int64], remaining: NDArray[np.int64]
    ) -> list[int]:
        """Fills the quota of each group; candidates of a group without one wait for the next round."""
        still_waiting: list[int] = []
        for rank in waiting:
            group = self._groups[rank]
            if not quotas[group]:
                still_waiting.append(rank)
                continue
            remaining[group] -= 1
            candidate = self._ranked[rank]
            if why := self._why_not(rank):
                self.passed_over[tie_digest(candidate.id)] = why
                continue
            quotas[group] -= 1
            self._documents[candidate.document] += 1
            self._remember(rank)
            self.kept.append(tie_digest(candidate.id))
        return still_waiting

    def _why_not(self, rank: int) -> PassedOver | None:
        candidate, like = self._ranked[rank], self._like(rank)
        if like is not None:
            better, similarity = self._ranked[like[0]], like[1]
            return PassedOver("near-identical instruction", f"{similarity:.0%} like that of {better.id}")
        if candidate.document and self._documents[candidate.document] >= self._most:
            return PassedOver("enough of its document", f"the {self._most} best-rated of {candidate.document} are kept")
        return None

    def _like(self, rank: int) -> tuple[int, float] | None:
        """The best-rated candidate selected so far that is too much like this one, and the similarity."""
        if self._similar is None:
            return None
        elements = self._elements[rank]
        near = {earlier for element in self._rarest(elements) for earlier in self._index.get(element, ())}
        for earlier in sorted(near):
            theirs = self._elements[earlier]
            common = len(np.intersect1d(elements, theirs, assume_unique=True))
            similarity = common / (len(elements) + len(theirs) - common)
            if similarity >= self._similar:
                return earlier, similarity
        return None

    def _remember(self, rank: int) -> None:
        if self._similar is not None:
            for element in self._rarest(self._elements[rank]):
                self._index.setdefault(element, []).append(rank)

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
    return [np.sort(rarity[np.searchsorted(values, elements)]) for elements in sets]


def _line(line: Cutoff, choice: _Choice, pool: _Pool, settings: SelectSettings) -> Cutoff:
    """The line below the last that was selected. What is above it and was never reached is too many of its group."""
    rule = line.rule
    if settings.clusters:
        rule += f", a share for each of {np.count_nonzero(pool.sizes)} groups of like instructions"
    if settings.max_similarity is not None:
        rule += f", no two instructions alike to {settings.max_similarity:.0%}"
    if settings.per_document:
        rule += f", at most {settings.per_document} of a document"
    is_kept = np.isin(pool.digests, np.array(choice.kept, np.uint64))
    line = replace(line, kept=len(choice.kept), rule=rule, passed_over=choice.passed_over)
    if not is_kept.any() or _by_threshold(settings):
        return line
    last = int(np.flatnonzero(is_kept)[-1])
    enough = [
        PassedOver("enough of its group", f"{mine} of the {size} in its group are kept")
        for mine, size in zip(np.bincount(pool.groups[is_kept], minlength=len(pool.sizes)), pool.sizes, strict=True)
    ]
    above = np.flatnonzero(~is_kept[:last])
    passed_over = {int(pool.digests[index]): enough[pool.groups[index]] for index in above} | choice.passed_over
    return replace(line, score=float(pool.scores[last]), tie=int(pool.digests[last]), passed_over=passed_over)
