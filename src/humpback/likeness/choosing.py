"""Which segments are chosen: the most like the seed's answers, no group too many, and some by chance.

In two steps, so that no shard waits for another: the likeness of all segments gives a `Choice`, which then decides
segment by segment. The columns are gone through a few times and never held, so memory does not grow with the corpus.
Ties are broken by a digest of the id: the order of shards does not matter.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from humpback.config import ChooseSettings
from humpback.likeness.ranks import Keys, from_sortable, nth_largest, sortable
from humpback.records import Dropped, Likeness, Outcome, Segment, record_rng_seed

UNLIKE = "unlike the seed"
"""The reason of a segment that is not chosen."""

Mask = NDArray[np.bool_]
Row = tuple[str, float | None, int]
"""Id, score and group of one segment."""

_BLOCK = 1 << 16
_EXCERPT = 200
_ALL_ONES = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Line:
    """Scores above are chosen; of those equal to it the ones whose id has a digest up to `tie`."""

    key: int
    """The score as a number that sorts alike."""
    tie: int


_NOTHING = Line(_ALL_ONES, -1)
_EVERYTHING = Line(0, -1)
"""All that have a score."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Some segments as columns."""

    ids: Sequence[str]
    keys: Keys
    clusters: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides of each segment whether it is chosen."""

    line: Line
    rng_seed: int
    by_cluster: Mapping[int, Line] = field(default_factory=dict)
    """The lines of groups that would fill too much."""
    most_drawn: int = -1
    """Of segments below the line those are chosen whose draw is at most this."""

    @property
    def score(self) -> float:
        """The lowest score that is chosen for itself, groups that fill too much aside."""
        return from_sortable(self.line.key)

    def chosen(self, likenesses: Sequence[Likeness]) -> Mask:
        """Whether each segment of a shard is chosen."""
        block = _block([(item.id, item.score, item.cluster) for item in likenesses])
        mask = self.above(block)
        for index in np.flatnonzero(~mask).tolist():
            mask[index] = _draw(self.rng_seed, block.ids[index]) <= self.most_drawn
        return mask

    def above(self, block: _Block) -> Mask:
        """Whether each is above the line of its group."""
        mask = _above(block, self.line)
        for cluster, line in self.by_cluster.items():
            inside = block.clusters == cluster
            mask[inside] = _above(block, line)[inside]
        return mask


def choose(rows: Callable[[], Iterable[Row]], settings: ChooseSettings, rng_seed: int) -> Choice:
    """Decides which segments are chosen.

    Args:
        rows: Gives id, score and group of every segment, in any order, each time that it is called.
        settings: How many, how many of them by chance, and how many of one group.
        rng_seed: The run's seed, which starts the draws.
    """

    def blocks() -> Iterator[_Block]:
        iterator = iter(rows())
        while window := list(islice(iterator, _BLOCK)):
            yield _block(window)

    segments = sum(len(block.ids) for block in blocks())
    # 0.29 * 100 is 28.999999999999996.
    total = max(1, math.floor(settings.share * segments + 1e-9))
    drawn = round(settings.explore * total)
    by_likeness = total - drawn
    capped = settings.clusters > 0 and settings.max_cluster_share < 1
    most = max(1, math.floor(settings.max_cluster_share * by_likeness + 1e-9)) if capped else by_likeness
    choice = _by_likeness(blocks, by_likeness, most, rng_seed)
    if not drawn:
        return choice

    def draws() -> Iterator[Keys]:
        for block in blocks():
            below = np.flatnonzero(~choice.above(block)).tolist()
            yield ~np.array([_draw(rng_seed, block.ids[index]) for index in below], np.uint64)

    last = nth_largest(draws, drawn)  # of the complements: the smallest draws
    return Choice(choice.line, rng_seed, choice.by_cluster, _ALL_ONES - last.value if last else _ALL_ONES)


def choose_shard(segments: Sequence[Segment], likenesses: Sequence[Likeness], choice: Choice) -> Outcome[Segment]:
    """Keeps the segments of one shard that are chosen."""
    by_id = {item.id: item for item in likenesses}
    ordered = [by_id[segment.id] for segment in segments]
    selected: list[Segment] = []
    dropped: list[Dropped] = []
    for segment, likeness, is_chosen in zip(segments, ordered, choice.chosen(ordered), strict=True):
        if is_chosen:
            selected.append(segment)
        else:
            detail = _detail(likeness, choice)
            text_start = segment.text[:_EXCERPT]
            dropped.append(Dropped(segment.id, UNLIKE, detail, segment.source, text_start, len(segment.text)))
    return Outcome(tuple(selected), tuple(dropped), len(segments))


def _by_likeness(blocks: Callable[[], Iterable[_Block]], count: int, most: int, rng_seed: int) -> Choice:
    """The most like the seed, of no group more than `most`.

    Where a group would have more, it gets a line of its own, and the line of all others is drawn anew, lower: so others
    may come to have too many. A group that has had too many stays so.
    """
    by_cluster: dict[int, Line] = {}
    while True:
        full = tuple(by_cluster)
        line = _line(blocks, partial(_outside, full), count - most * len(full))
        choice = Choice(line, rng_seed, by_cluster)
        if most >= count:
            return choice
        sizes: Counter[int] = Counter()
        for block in blocks():
            sizes.update(block.clusters[choice.above(block)].tolist())
        too_large = [cluster for cluster, size in sizes.items() if size > most]
        if not too_large:
            return choice
        for cluster in too_large:
            by_cluster[cluster] = _line(blocks, partial(_inside, cluster), most)


def _inside(cluster: int, block: _Block) -> Mask:
    return np.asarray(block.clusters == cluster)


def _outside(clusters: Sequence[int], block: _Block) -> Mask:
    return ~np.isin(block.clusters, clusters)


def _line(blocks: Callable[[], Iterable[_Block]], among: Callable[[_Block], Mask], count: int) -> Line:
    """The line above which so many of some segments are; all that have a score where there are fewer."""
    if count <= 0:
        return _NOTHING
    last = nth_largest(lambda: (block.keys[among(block) & (block.keys > 0)] for block in blocks()), count)
    if last is None:
        return _EVERYTHING

    def ties() -> Iterator[Keys]:
        for block in blocks():
            tied = np.flatnonzero(among(block) & (block.keys == last.value)).tolist()
            yield ~np.array([_tie_digest(block.ids[index]) for index in tied], np.uint64)

    tie = nth_largest(ties, count - last.above)
    assert tie is not None
    return Line(last.value, _ALL_ONES - tie.value)


def _block(rows: Sequence[Row]) -> _Block:
    scores = np.array([np.nan if score is None else score for _, score, _ in rows], np.float64)
    return _Block([id_ for id_, _, _ in rows], sortable(scores), np.array([cluster for *_, cluster in rows], np.int64))


def _above(block: _Block, line: Line) -> Mask:
    above: Mask = block.keys > np.uint64(line.key)
    for index in np.flatnonzero(block.keys == np.uint64(line.key)).tolist():
        above[index] = _tie_digest(block.ids[index]) <= line.tie
    return above


def _draw(rng_seed: int, record_id: str) -> int:
    return record_rng_seed(rng_seed, "chosen", record_id)


def _tie_digest(record_id: str) -> int:
    """What decides between equal scores: 64 bits of the id, the lower ones first."""
    data = record_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _detail(likeness: Likeness, choice: Choice) -> str:
    if likeness.score is None:
        return "its words are not the seed's, so that the model did not read it"
    if (line := choice.by_cluster.get(likeness.cluster)) is not None:
        return f"likeness {likeness.score:.3g}, cutoff {from_sortable(line.key):.3g} in group {likeness.cluster}"
    return f"likeness {likeness.score:.3g}, cutoff {choice.score:.3g}"
