"""What is trained, for people to look at: the tokens, and which of them carry the loss.

Texts come from strangers: whatever could steer a terminal or hide in it is written out by its number.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, cycle, pairwise

from humpback.config import TagSettings
from humpback.models.template import Example, Template
from humpback.records import Direction, Dropped, Pair
from humpback.training.examples import build_example

_BETWEEN = "│"
_TARGET_COLOUR, _PROMPT_COLOUR, _FAINT, _RESET = "\x1b[30;42m", "\x1b[34m", "\x1b[2m", "\x1b[0m"

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what has no look of its own: controls, direction marks, zero-width signs, lone halves."""


def show_examples(
    pairs: Iterable[Pair], direction: Direction, template: Template, tags: TagSettings, max_tokens: int, *, colour: bool
) -> Iterator[str]:
    """Each pair as it is trained, in lines: what is read, then what is learnt, with the template and the tags.

    Args:
        pairs: What to show.
        direction: Which side is learnt.
        template: The renderer of the model.
        tags: S_a and S_w.
        max_tokens: Longest example.
        colour: Whether whoever reads this shows colours; else lines say what is learnt.
    """
    for number, pair in enumerate(pairs, 1):
        example = build_example(pair, direction, template, tags, max_tokens)
        head = f"{number}  {visible(pair.id[:12])}  {pair.origin}, {direction}"
        if isinstance(example, Dropped):
            yield f"{head}: dropped, {example.reason} ({visible(example.detail)})\n"
            continue
        yield f"{head}: {len(example.ids)} tokens, {example.targets} of them learnt"
        yield from _parts(example, template, colour)
        yield ""


def _parts(example: Example, template: Template, colour: bool) -> Iterator[str]:
    words = [visible(text) for text in template.tokens(example.ids)]
    bounds = [0, example.start, *chain.from_iterable(example.gaps), len(words)]
    parts = [words[begin:end] for begin, end in pairwise(bounds)]  # read and learnt in turn
    if colour:
        colours = cycle((_PROMPT_COLOUR, _TARGET_COLOUR))
        coloured_words = [f"{sign}{word}{_RESET}" for part, sign in zip(parts, colours, strict=False) for word in part]
        yield f"{_FAINT}{_BETWEEN}{_RESET}".join(coloured_words)
        return
    for part, name in zip(parts, cycle(("read  ", "learnt")), strict=False):
        yield f"  {name} {_BETWEEN.join(part)}"


def visible(text: str) -> str:
    r"""A text in which nothing is hidden and nothing steers the terminal: '\n' for a line break, '\x1b' for escape."""
    return "".join(_written_out(sign) if unicodedata.category(sign) in _HIDDEN else sign for sign in text)


def _written_out(sign: str) -> str:
    if sign in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[sign]
    code = ord(sign)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
