"""Sections of text by the ten thousand, made of real paragraphs: distinct where they should be, alike where planted.

A *family* is a base text and its planted near-duplicates. A base is put together from blocks (paragraphs, lists, code)
of different documents, and one word in twelve is replaced by another that ends alike, drawn by how often it occurs.
Even two families that drew the very same blocks then share about 28 % of their word 5-grams. A near-duplicate is a base
with as many further words replaced as bring the Jaccard similarity of the 5-gram sets to the level wanted; what it came
to is measured and kept. A made-up word of twelve letters stands near the beginning and in the middle of every member of
a family: with the page's address it names the member wherever the text turns up.
"""

from __future__ import annotations

import gzip
import html
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt

NGRAM = 5
REPLACED = 1 / 12
"""Share of the words of a base that are not the document's."""
REPLACED_FOREIGN = 1 / 4
LEVELS = (1.0, 1.0, 0.95, 0.9, 0.85)
"""Similarity of a planted near-duplicate to its base; two in five are exact copies."""
HARD = (0.2, 0.3, 0.4, 0.5)
"""Similarity of a hard negative to the base that it looks like."""

_PIECE = re.compile(r"<[^>]*>|&[#\w]+;|[^\W\d_]+|(?:[^<&\w]|[\d_])+")
_TAG = re.compile(r"<[^>]*>")
_WORD = re.compile(r"[^\W\d_]+")
_HEADER = re.compile(r"^#{2,4} ([A-Z][\w ,'-]{10,70})$", re.MULTILINE)
_NO_HEADER = re.compile(r"information|licen|content|link|resource|contact|refer|comment|read|credit|author|see ", re.I)
_ENDINGS = ("ing", "tion", "ed", "ly", "er", "s", "")
_STOP = frozenset(
    "about above after again also another because been before being below between both could does doing down during "
    "each even every from further have having here into itself just like made make many more most much must only other "
    "over same should some such than that their them then there these they this those through under until very want "
    "were what when where which while will with would your yours".split()
)
_CONSONANTS, _VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or listing of a document, as HTML in pieces: tags, entities, words and what is between."""

    kind: str
    pieces: tuple[str, ...]
    open: tuple[int, ...]
    """Where the words stand that may be replaced."""
    words: int
    size: int
    """Characters of text."""


@dataclass(frozen=True, slots=True)
class Section:
    """A header and its blocks."""

    header: str
    blocks: tuple[Block, ...]

    def html(self) -> str:
        """The blocks alone."""
        return "\n".join("".join(block.pieces) for block in self.blocks)

    def grams(self) -> frozenset[tuple[str, ...]]:
        """The set of word 5-grams, lower case."""
        words = [piece.lower() for block in self.blocks for piece in block.pieces if piece[0].isalpha()]
        return frozenset(zip(*(words[shift:] for shift in range(NGRAM)), strict=False))

    def jaccard(self, other: Section) -> float:
        """Similarity of the two sets of 5-grams."""
        one, two = self.grams(), other.grams()
        return len(one & two) / len(one | two)


@dataclass(frozen=True)
class Pool:
    """What sections are made of: the blocks of one language, and headers."""

    blocks: tuple[Block, ...]
    headers: tuple[str, ...]
    replaced: float = REPLACED

    @cached_property
    def paragraphs(self) -> tuple[Block, ...]:
        """The blocks that can open a section."""
        return tuple(block for block in self.blocks if block.kind == "paragraph_open" and len(block.open) > 12)

    @cached_property
    def vocabulary(self) -> dict[str, list[str]]:
        """The replaceable words by their ending, each as often as it occurs."""
        found: dict[str, list[str]] = defaultdict(list)
        for block in self.blocks:
            for place in block.open:
                found[_ending(block.pieces[place])].append(block.pieces[place])
        return found

    def section(self, rng: random.Random, marker: str, size: int) -> Section:
        """A new base text of about this many characters."""
        blocks = [rng.choice(self.paragraphs)]
        while sum(block.size for block in blocks) < size - 100:
            one = rng.choice(self.blocks)
            if one.kind == "fence" and any(block.kind == "fence" for block in blocks):
                continue
            blocks.append(one)
        if blocks[-1].kind != "paragraph_open":
            blocks.append(rng.choice(self.paragraphs))
        blocks = [self._reworded(block, rng, round(self.replaced * block.words)) for block in blocks]
        blocks[0] = _marked(blocks[0], marker, 4)
        half = len(blocks) / 2
        middle = min(range(len(blocks)), key=lambda at: (blocks[at].kind != "paragraph_open", abs(at - half)))
        blocks[middle] = _marked(blocks[middle], marker, blocks[middle].words // 2 + 2)
        return Section(rng.choice(self.headers), tuple(blocks))

    def varied(self, base: Section, rng: random.Random, level: float) -> Section:
        """A near-duplicate of a base, its similarity as near to the level as whole words allow."""
        grams = sum(block.words for block in base.blocks) - NGRAM + 1
        count = round(grams * (1 - level) / (NGRAM * (1 + level)))
        if level < min(LEVELS):  # so many that they lie closer than a 5-gram: the share that breaks as many of them
            count = round(grams * (1 - (2 * level / (1 + level)) ** (1 / NGRAM)))
        shares = [len(block.open) for block in base.blocks]
        wanted = [0] * len(shares)
        for at in rng.choices(range(len(shares)), weights=shares, k=count):
            wanted[at] += 1
        blocks = [self._reworded(block, rng, number) for block, number in zip(base.blocks, wanted, strict=True)]
        return replace(base, blocks=tuple(blocks))

    def title(self, rng: random.Random) -> str:
        """A page title: one header behind another's words."""
        first, second = rng.sample(self.headers, 2)
        return f"{first}: {second.split()[-1].lower()} {rng.choice(self.vocabulary[''])}"

    def _reworded(self, block: Block, rng: random.Random, count: int) -> Block:
        if not block.open or not count:
            return block
        pieces = list(block.pieces)
        for place in rng.sample(block.open, min(count, len(block.open))):
            words = self.vocabulary[_ending(pieces[place])]
            pieces[place] = next((word for _ in range(9) if (word := rng.choice(words)) != pieces[place]), "thing")
        return replace(block, pieces=tuple(pieces))


def marker_word(family: int) -> str:
    """The made-up word of a family, twelve letters in six syllables; each number has its own."""
    number = (family * 387_420_489_011 + 271_828_182_845) % 100**6
    syllables = []
    for _ in range(6):
        number, digit = divmod(number, 100)
        syllables.append(_CONSONANTS[digit // 5] + _VOWELS[digit % 5])
    return "".join(syllables)


def english_pool(folder: Path) -> Pool:
    """Blocks and headers of the Markdown documents in a folder of JSONL files."""
    reader = MarkdownIt("commonmark", {"html": False})
    seen: dict[str, Block] = {}
    headers: dict[str, None] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        for text in _column(path, "text"):
            if len(re.findall(r"\bthe\b", text)) < 0.01 * len(text.split()):
                continue  # in another language, or a list
            headers.update(dict.fromkeys(one for one in _HEADER.findall(text) if not _NO_HEADER.search(one)))
            for block in _blocks(reader, text):
                seen["".join(block.pieces)] = block
    return Pool(tuple(seen.values()), tuple(headers))


def foreign_pools(texts: dict[str, list[str]]) -> dict[str, Pool]:
    """A pool for each language from its texts, a paragraph on each line."""
    pools = {}
    for language, pages in texts.items():
        lines = [line for page in pages for line in page.splitlines()]
        blocks = [_block("paragraph_open", f"<p>{html.escape(line)}</p>") for line in lines if len(line) > 120]
        headers = [" ".join(line.split()[:7]).strip(" ,.:;") for line in lines if len(line) > 120]
        pool = Pool(tuple(blocks), tuple(headers), REPLACED_FOREIGN)
        if len(pool.paragraphs) > 20:
            pools[language] = pool
    return pools


def _column(path: Path, name: str) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)[name]


def _blocks(reader: MarkdownIt, text: str) -> Iterator[Block]:
    tokens = reader.parse(text)
    start = 0
    for at, token in enumerate(tokens):
        if token.level or token.nesting > 0:
            continue
        block = _block(tokens[start].type, reader.renderer.render(tokens[start : at + 1], reader.options, {}).strip())
        start = at + 1
        if _fits(block):
            yield block


def _fits(block: Block) -> bool:
    whole = "".join(block.pieces)
    if "<img" in whole or "http" in _TAG.sub("", whole):
        return False
    if block.kind == "paragraph_open":
        return 120 <= block.size <= 1200 and whole.endswith((".</p>", "!</p>", "?</p>")) and "&lt;" not in whole
    if block.kind in ("bullet_list_open", "ordered_list_open", "blockquote_open"):
        return 150 <= block.size <= 900 and "<pre" not in whole and len(block.open) > 0.25 * block.words
    return block.kind == "fence" and 60 <= block.size <= 400


def _block(kind: str, whole: str) -> Block:
    pieces = tuple(_PIECE.findall(whole))
    free = kind != "fence" and "<code" not in whole
    inside = False
    places = []
    for place, piece in enumerate(pieces):
        if piece.startswith(("<code", "</code")):
            inside = piece.startswith("<code")
        elif piece.islower() and piece.isalpha() and len(piece) > 3 and piece not in _STOP and (free or not inside):
            places.append(place)
    places = places if kind != "fence" else []
    text = _TAG.sub("", whole)
    return Block(kind, pieces, tuple(places), sum(piece[0].isalpha() for piece in pieces), len(text))


def _marked(block: Block, marker: str, after: int) -> Block:
    """The block with the marker behind so many of its words."""
    words = [place for place, piece in enumerate(block.pieces) if piece[0].isalpha()]
    at = words[min(after, len(words)) - 1] + 1
    shifted = tuple(place + 2 * (place >= at) for place in block.open)
    return replace(block, pieces=(*block.pieces[:at], " ", marker, *block.pieces[at:]), open=shifted)


def _ending(word: str) -> str:
    return next(ending for ending in _ENDINGS if word.endswith(ending))
