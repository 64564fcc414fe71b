"""How texts of others are shown: nothing in them acts, and nothing in them hides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# What cannot be seen or turns the order of signs round: controls, lone surrogates, direction marks, zero widths, tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
_TAGS = set("a abbr b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup table tbody td th "
            "thead tr ul".split())  # fmt: skip
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
MOST_PIECES = 4000
"""Words of a text that is compared word by word; a longer one is compared line by line."""


def visible(text: str) -> str:
    """A text in which hidden signs are named, such as ⟨U+202E⟩ for a mark that turns the reading direction."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def as_markdown(text: str) -> Markup:
    """Markdown as HTML without anything that acts: no HTML of the text's own, no pictures, links to the web alone.

    Headings go down by two, so that they do not stand above those of the page.
    """
    import nh3

    html = nh3.clean(
        _parser().render(visible(text)),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(re.sub(r"(</?)h([1-6])>", _lower, html))  # noqa: S704 - cleaned above


def diff(before: str, after: str) -> Markup:
    """What was taken out and what was put in, marked as such."""
    split = str.splitlines if max(len(before), len(after)) > 6 * MOST_PIECES else _PIECE.findall
    old, new = (split(text, True) if split is str.splitlines else split(text) for text in (before, after))
    parts: list[Markup] = []
    for change, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if change == "equal":
            parts.append(escape(_visible_text(old[a:b])))
            continue
        for tag, pieces in (("del", old[a:b]), ("ins", new[c:d])):
            if pieces:
                parts.append(Markup("<{tag}>{text}</{tag}>").format(tag=Markup(tag), text=_visible_text(pieces)))  # noqa: S704
    return Markup("").join(parts)


def _visible_text(pieces: Sequence[str]) -> str:
    return visible("".join(pieces))


def _lower(match: re.Match[str]) -> str:
    return f"{match[1]}h{min(6, int(match[2]) + 3)}>"


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
