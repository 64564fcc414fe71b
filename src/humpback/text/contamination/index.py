"""The prompts as hashes of their n-grams, and the search for them in a text.

A text holds a prompt if it holds at least `min_overlap` of the prompt's distinct word n-grams. A prompt that has fewer
than n words, but at least `SHORTEST`, must stand there as a sentence or line of its own. Case, punctuation and Markdown
do not count. Some n-grams say nothing and do not count either: those that more than `COMMON` prompts share are a set's
way of asking ('Please choose the correct answer to the question'), and a short prompt that stands in one file twice is
no prompt to know a text by ('Which of the following is true?').
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from humpback.config import DecontaminateSettings
from humpback.text.contamination.prompts import Prompt
from humpback.text.shingles import Hashes, Indices, Shingles, words

SHORTEST = 5
"""Words of the shortest prompt that can be recognised."""
COMMON = 10
"""An n-gram that more prompts than this have is no sign of any of them."""
_SENTENCE_END = re.compile(r"[.!?…:;。！？：；\"“”„«»()\[\]{}|*#>\n]+")
_MARKS_EACH = 4
"""Entries in the table of marks for each hash, at least: of other hashes at most one in eight passes it."""
_BATCH = 1024
"""Prompts that are hashed at a time."""


class Contamination:
    """Evaluation prompts, ready to be recognised in texts; small enough to be sent to workers.

    Args:
        prompts: The prompts. Of those with the same words the first counts.
        settings: Length of the n-grams, and the share of them that counts as holding a prompt.

    Attributes:
        not_looked_for: Prompts that no text can be known by: of too few words, or only of words that many share.
    """

    def __init__(self, prompts: Iterable[Prompt], settings: DecontaminateSettings) -> None:
        self._n = settings.ngram
        collected = _Collected(settings.ngram)
        stream = iter(prompts)
        while batch := list(islice(stream, _BATCH)):
            collected.add(batch)
        self._sources = collected.sources
        grams, self._starts, self._owners = _shared(collected.grams)
        self._grams = _HashTable(grams)
        self._counts = np.bincount(self._owners, minlength=len(self._sources))
        # Less a little: 0.55 * 100 is 55.00000000000001, of which the ceiling would be 56.
        self._needed = np.maximum(1, np.ceil(settings.min_overlap * self._counts - 1e-9)).astype(np.int64)
        self._openings: dict[int, list[_Short]] = {}
        for short in collected.short:
            # One that a file repeats is a way of asking, which many texts hold by chance.
            if short.once:
                self._openings.setdefault(short.opening, []).append(short)
        self._opening_hashes = _HashTable(np.array(sorted(self._openings), np.uint64))
        looked_for = int(np.count_nonzero(self._counts)) + sum(map(len, self._openings.values()))
        self.not_looked_for = len(self._sources) + collected.too_short - looked_for

    def __len__(self) -> int:
        return len(self._sources)

    def of(self, text: str) -> str | None:
        """The prompt that a text holds, with its source and how much of it, or None where it holds none."""
        if not self._sources:
            return None
        shingles = words([text])
        return self._match_in_part(shingles) or self._match_whole(shingles, text)

    def _match_in_part(self, shingles: Shingles) -> str | None:
        _, matches = self._grams.find(shingles.ngrams(self._n).hashes)
        if not len(matches):
            return None
        owners = np.concatenate(
            [self._owners[self._starts[gram] : self._starts[gram + 1]] for gram in np.unique(matches)]
        )
        owners, counts = np.unique(owners, return_counts=True)
        enough = counts >= self._needed[owners]
        if not enough.any():
            return None
        owners, counts = owners[enough], counts[enough]
        best = int(np.argmax(counts / self._counts[owners]))  # the first of equals
        owner, count = int(owners[best]), int(counts[best])
        return f"{self._sources[owner]}: {count} of {self._counts[owner]} {self._n}-grams"

    def _match_whole(self, shingles: Shingles, text: str) -> str | None:
        if not self._openings:
            return None
        openings = shingles.ngrams(SHORTEST).hashes
        for position in self._opening_hashes.find(openings)[0].tolist():
            for short in self._openings[int(openings[position])]:
                end = position + short.words
                same_words = _one_hash(shingles.hashes[position:end]) == short.text_hash
                if same_words and {position, end} <= _sentence_ends(text):
                    return f"{self._sources[short.owner]}: all of its {short.words} words"
        return None


class _HashTable:
    """Sorted hashes that are looked up. A table of marks rules out nearly all others, so few need a binary search."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        self._mask = np.uint64((1 << (_MARKS_EACH * len(hashes)).bit_length()) - 1)
        self._marked = np.zeros(int(self._mask) + 1, bool)
        self._marked[hashes & self._mask] = True

    def find(self, hashes: Hashes) -> tuple[Indices, Indices]:
        """The positions of the hashes that are in the table, and their positions in its sorted hashes."""
        maybe = np.flatnonzero(self._marked[hashes & self._mask])
        if not len(maybe):
            return maybe, maybe
        position = np.minimum(np.searchsorted(self._hashes, hashes[maybe]), len(self._hashes) - 1)
        is_match = self._hashes[position] == hashes[maybe]
        return maybe[is_match], position[is_match]


@dataclass(slots=True)
class _Short:
    """A prompt of fewer than n words."""

    file: str
    owner: int
    """Number of the prompt."""
    words: int
    opening: int
    """Hash of its first words."""
    text_hash: int
    """Hash of all its words."""
    once: bool = True
    """Whether its file has it only once."""


class _Collected:
    """Collects the prompts, each once, as hashes."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._seen: dict[bytes, _Short | None] = {}
        self.sources: list[str] = []
        self.grams: list[Hashes] = []
        """The distinct n-grams of each prompt."""
        self.short: list[_Short] = []
        self.too_short = 0

    def add(self, prompts: Sequence[Prompt]) -> None:
        """Adds prompts."""
        shingles = words([prompt.text for prompt in prompts])
        grams = shingles.ngrams(self._n)
        for position, prompt in enumerate(prompts):
            text = shingles.of(position)
            if len(text) < SHORTEST:
                self.too_short += 1
                continue
            digest = hashlib.blake2b(text.tobytes(), digest_size=16).digest()
            if digest in self._seen:
                self._again(self._seen[digest], prompt)
                continue
            self._seen[digest] = self._short(text, prompt) if len(text) < self._n else None
            self.sources.append(prompt.source)
            self.grams.append(np.unique(grams.of(position)))

    def _short(self, text: Hashes, prompt: Prompt) -> _Short:
        short = _Short(_file(prompt), len(self.sources), len(text), _one_hash(text[:SHORTEST]), _one_hash(text))
        self.short.append(short)
        return short

    def _again(self, before: _Short | None, prompt: Prompt) -> None:
        if before and before.file == _file(prompt):
            before.once = False


def _file(prompt: Prompt) -> str:
    return prompt.source.rpartition("#")[0]


def _sentence_ends(text: str) -> set[int]:
    """The numbers of words behind which a sentence of a text ends, 0 among them."""
    return set(words(_SENTENCE_END.split(text)).ends.tolist())


def _one_hash(hashes: Hashes) -> int:
    """All words of a text as one hash, the same as that of the n-gram."""
    return int(Shingles(hashes, np.array([0, len(hashes)])).ngrams(len(hashes)).hashes[0])


def _shared(grams: Sequence[Hashes]) -> tuple[Hashes, Indices, NDArray[np.uint32]]:
    """The n-grams of all prompts, sorted, each once; where the owners of each begin; and these, one behind another.

    Those of too many prompts are left out.
    """
    all_grams = np.concatenate([np.empty(0, np.uint64), *grams])
    owners = np.repeat(np.arange(len(grams), dtype=np.uint32), [len(hashes) for hashes in grams])
    order = np.argsort(all_grams, kind="stable")
    unique, counts = np.unique(all_grams, return_counts=True)
    few = counts <= COMMON
    keep = np.repeat(few, counts)
    return unique[few], np.cumsum([0, *counts[few]]), owners[order][keep]
