"""Texts as the hashes of their words and of their word n-grams (shingles): many texts at once, in a few array passes.

A word is a run of letters, marks and digits of any script, whatever its case; everything else (punctuation, Markdown
marks) only parts words. In scripts that put no space between words each character is a word. The hashes depend on the
text alone: they are the same in every process and on every machine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]

_LONGEST = 64
"""Characters of a word that each count by their place; those of a longer word begin again."""
_TABLE = 0x20000
"""Code points that are looked up; those above are nearly all ideographs."""
_UNSPACED = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x0F00, 0x10A0),  # Tibetan, Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3100),  # Hiragana, Katakana
    range(0x3400, 0xA000),  # ideographs
    range(0xF900, 0xFB00),
)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The hashes of some texts, one text behind the other.

    Attributes:
        hashes: Of all texts.
        ends: Where each text begins in `hashes`, and where the last one ends: one more than there are texts.
    """

    hashes: Hashes
    ends: Indices

    def of(self, text: int) -> Hashes:
        """The hashes of one text, by its number."""
        return self.hashes[self.ends[text] : self.ends[text + 1]]

    def ngrams(self, n: int) -> Shingles:
        """Each run of n hashes of a text as one hash, in order; none for a text that has fewer."""
        counts = np.maximum(np.diff(self.ends) - n + 1, 0)
        ends = np.zeros(len(self.ends), np.int64)
        np.cumsum(counts, out=ends[1:])
        if not ends[-1]:
            return Shingles(np.empty(0, np.uint64), ends)
        size = len(self.hashes) - n + 1
        # Each n-gram is a weighted sum of its words' hashes, so all are computed by n passes over the array.
        sums = np.zeros(size, np.uint64)
        for shift, factor in enumerate(_factors(n)):
            sums += self.hashes[shift : shift + size] * factor
        if size > ends[-1]:  # those that reach from one text into the next
            sums = sums[np.arange(ends[-1]) + np.repeat(self.ends[:-1] - ends[:-1], counts)]
        return Shingles(mixed(sums), ends)


def words(texts: Sequence[str]) -> Shingles:
    """The words of texts, each as one hash, in order."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
    table, unspaced = _tables()
    # Code points beyond the table take its last entry.
    values = table.take(codes, mode="clip")
    inside = values != 0
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]  # a word begins where the character before is in none
    alone = unspaced.take(codes, mode="clip")
    if alone.any():
        begins |= alone
        begins[1:] |= alone[:-1] & inside[1:]
        values = np.where(codes < _TABLE, values, mixed(codes.astype(np.uint64)))
    starts = np.flatnonzero(begins)
    ends = np.searchsorted(starts, np.cumsum([0, *(len(text) + 1 for text in texts)]))
    if not len(starts):
        return Shingles(np.empty(0, np.uint64), ends)
    # What parts words has the value 0, so it adds nothing to the word before it.
    positions = np.arange(starts[0], len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    weighed = values[starts[0] :] * _factors(_LONGEST).take(positions & (_LONGEST - 1))
    return Shingles(mixed(np.add.reduceat(weighed, starts - starts[0])), ends)


def mixed(values: Hashes) -> Hashes:
    """Numbers spread evenly over 64 bits, different ones to different ones (the end of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@cache
def _factors(count: int) -> Hashes:
    """Odd numbers that tell places apart: powers of the golden ratio in 64 bits."""
    return np.cumprod(np.full(count, 0x9E3779B97F4A7C15, np.uint64), dtype=np.uint64)


@cache
def _tables() -> tuple[Hashes, NDArray[np.bool_]]:
    """For each code point the value of its lower case, 0 where it parts words; and whether it is a word of its own."""
    codes = np.arange(_TABLE + 1, dtype=np.uint64)
    unspaced = np.zeros(_TABLE + 1, bool)
    for script in _UNSPACED:
        unspaced[script.start : script.stop] = True
    for code in range(_TABLE):
        character = chr(code)
        if character.isalnum() or unicodedata.category(character).startswith("M"):
            codes[code] = ord(character.lower()[0])
        else:
            codes[code] = 0
            unspaced[code] = False
    unspaced[_TABLE] = True
    return np.where(codes == 0, np.uint64(0), mixed(codes)), unspaced
